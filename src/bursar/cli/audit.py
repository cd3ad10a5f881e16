"""`bursar audit`: prove the ledger's promises on live data, seal it, and prove the seals."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import psycopg
import typer

from bursar.cli import audit_views as views
from bursar.cli.answer import FAILED, USAGE, CommandError, answering, show
from bursar.cli.danger import unguarded
from bursar.cli.deployment import DataOption, Deployment, JsonOption
from bursar.cli.progress import progress_bar
from bursar.cli.typist import actor
from bursar.client import connect
from bursar.db.fault import ClusterError
from bursar.errors import BursarError
from bursar.ops.audit import Report, run_audit
from bursar.ops.audit.checkpoint import record_checkpoint
from bursar.ops.seal import Sealed, SealReport, seal_ledger, verify_seals

# Nothing was proved either way: the database is not there, or did not let the audit end.
FAULT = 2

app = typer.Typer(add_completion=False)


@app.command()
@unguarded("it only adds: seals, and checkpoints of audits that found nothing")
def audit(
    only: Annotated[
        str,
        typer.Option(
            "--only", help="Names of invariants, separated by commas.", show_default=False
        ),
    ] = "",
    incremental: Annotated[
        bool,
        typer.Option("--incremental", help="Only what came behind the last checkpoint."),
    ] = False,
    seal: Annotated[
        bool, typer.Option("--seal", help="Seal what was committed since the last seal.")
    ] = False,
    verify_seal: Annotated[
        bool, typer.Option("--verify-seal", help="Compare every sealed row with its seal.")
    ] = False,
    head: Annotated[
        str,
        typer.Option(
            "--head", help="With --verify-seal: a head that you kept.", show_default=False
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="Findings told of each invariant.")
    ] = 20,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, max=16, help="Connections that work side by side.")
    ] = 2,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove the ledger's promises on live data; change nothing.

    Everything is looked at as of one moment, and nobody is held up. With --incremental, what an
    earlier one has looked at and was sealed is taken as it was; --verify-seal proves that it is.
    --seal writes seals, and nothing else. Exit code 0: every promise holds; 1: there are findings;
    2: the audit could not be carried out.
    """
    with answering(as_json):
        names = [name.strip() for name in only.split(",") if name.strip()]
        _refuse_mixtures(names, incremental, seal, verify_seal, head)
        with _faults():
            deployment = Deployment.find(data)
            deployment.join()
            try:
                if seal:
                    sealed = _seal(deployment)
                elif verify_seal:
                    proved = _verify(deployment, head or None, limit, jobs)
                else:
                    report, noted = _run(deployment, names, incremental, limit, jobs)
            finally:
                deployment.leave()
        if seal:
            show(as_json, sealed.as_data(), *views.sealed(sealed))
        elif verify_seal:
            show(as_json, proved.as_data(), *views.proved(proved))
        else:
            answer = {**report.as_data(), "noted": noted} if incremental else report.as_data()
            show(as_json, answer, *views.audited(report, incremental, noted))
    if not (seal or (proved.holds if verify_seal else report.clean)):
        raise typer.Exit(FAILED)


def _refuse_mixtures(
    only: list[str], incremental: bool, seal: bool, verify_seal: bool, head: str
) -> None:
    """Let every command line mean one thing."""
    if sum((bool(only), incremental, seal, verify_seal)) > 1:
        raise CommandError("Choose one of --only, --incremental, --seal, --verify-seal.", USAGE)
    if head and not verify_seal:
        raise CommandError("--head is something to verify: it needs --verify-seal.", USAGE)


@contextmanager
def _faults() -> Iterator[None]:
    """Let whatever keeps the audit from its end end the command with one exit code."""
    try:
        yield
    except (CommandError, ClusterError, BursarError, psycopg.Error, OSError) as error:
        raise CommandError(f"The audit could not be carried out. {error}", FAULT) from error


def _run(
    deployment: Deployment, only: list[str], incremental: bool, limit: int, jobs: int
) -> tuple[Report, bool]:
    url, settings = deployment.url(), deployment.settings

    async def work(on_piece: Callable[[int, int], None]) -> tuple[Report, bool]:
        report = await run_audit(
            url,
            settings,
            only=only,
            incremental=incremental,
            limit=limit,
            jobs=jobs,
            on_piece=on_piece,
        )
        if not incremental:
            return report, False
        return report, await record_checkpoint(url, settings, report, actor())

    with progress_bar("Auditing") as on_piece:
        return asyncio.run(work(on_piece))


def _seal(deployment: Deployment) -> Sealed:
    async def work(on_seal: Callable[[int, int], None]) -> Sealed:
        async with connect(deployment.url(), settings=deployment.settings) as bank:
            return await seal_ledger(bank, actor=actor(), on_seal=on_seal)

    with progress_bar("Sealing") as on_seal:
        return asyncio.run(work(on_seal))


def _verify(deployment: Deployment, head: str | None, limit: int, jobs: int) -> SealReport:
    with progress_bar("Verifying") as on_piece:
        return asyncio.run(
            verify_seals(
                deployment.url(),
                deployment.settings,
                head=head,
                limit=limit,
                jobs=jobs,
                on_piece=on_piece,
            )
        )
