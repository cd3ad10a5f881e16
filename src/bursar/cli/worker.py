"""`bursar worker`: generation jobs and the sweepers, in a process without HTTP."""

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from typing import Annotated

import typer

from bursar.cli.answer import UNREACHABLE, USAGE, CommandError, answering, console
from bursar.cli.danger import unguarded
from bursar.cli.deployment import DataOption, Deployment
from bursar.settings import Settings

SERVICE_ROLE = "bursar_service"
JOBS_MAX = 1000

app = typer.Typer(add_completion=False)


@app.command()
@unguarded("it serves; nobody types what it changes")
def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            min=0,
            max=JOBS_MAX,
            help="Jobs at once; BURSAR_WORKER_JOBS, else 4. 0 only sweeps.",
            show_default=False,
        ),
    ] = None,
    grace: Annotated[
        float,
        typer.Option(
            "--grace", min=0, max=3600, help="Seconds for jobs under way when told to stop."
        ),
    ] = 20.0,
    data: DataOption = None,
) -> None:
    """Work on generation jobs until told to stop, beside any number of others.

    It asks the provider at BURSAR_PROVIDER_URL, and gives credits back that nobody else does.
    Ctrl-C or SIGTERM end it: jobs under way have the grace to end, and are then handed back for
    another worker to take up at once.
    """
    with answering():
        deployment = Deployment.find(data)
        settings = deployment.settings
        if concurrency is not None:
            settings = replace(settings, worker_jobs=concurrency)
        if settings.worker_jobs and not settings.provider_url:
            raise CommandError(
                "Set BURSAR_PROVIDER_URL to the API to generate with, or use --concurrency 0.",
                USAGE,
            )
        if settings.is_degraded:
            raise CommandError("BURSAR_DEGRADED_MODE pauses changes: there is no work.", USAGE)
        deployment.join()
        try:
            asyncio.run(_work(settings, _url(deployment), grace))
        finally:
            deployment.leave()


def _url(deployment: Deployment) -> str:
    """The database as the service's own role sees it, where the role's password is ours to know."""
    if deployment.cluster is None:
        return deployment.url()
    deployment.cluster.give_password(SERVICE_ROLE)
    return deployment.url(SERVICE_ROLE)


async def _work(settings: Settings, url: str, grace: float) -> None:
    from bursar.errors import Fault
    from bursar.generation.chores import Chores
    from bursar.generation.openai_provider import OpenAiProvider
    from bursar.generation.worker import GenerationWorker
    from bursar.http.request_log import make_log
    from bursar.ledger.engine import Engine
    from bursar.ledger.worker import Worker
    from bursar.ops.monitor.chores import Chores as MonitorChores
    from bursar.ops.seal.chores import Chores as SealChores

    log = make_log(settings.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            engine = await stack.enter_async_context(await Engine.open(url, settings))
        except Fault as error:
            raise CommandError(str(error), UNREACHABLE) from error
        monitor = MonitorChores(settings, log)
        stack.push_async_callback(monitor.close)
        steps = [*Chores(log).steps(), *SealChores(settings, log).steps(), *monitor.steps()]
        sweeper = Worker(settings, steps, log)
        sweeper.start(engine)
        stack.push_async_callback(sweeper.stop)
        if settings.worker_jobs:
            provider = OpenAiProvider(settings)
            stack.push_async_callback(provider.close)
            generation = GenerationWorker(settings, provider, log)
            generation.start(engine)
            stack.push_async_callback(generation.stop, grace)
        console().print(f"Worker {os.getpid()} is ready.", markup=False)
        await stop.wait()
        console(stderr=True).print("Stopping.", style="dim")
