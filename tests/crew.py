"""Worker processes for tests that kill them: real ones, forked, so that another is there at once.

What happens to a worker stands in the input of its job: `"kill": "before" | "during" | "after"` the
call of its first attempt, `"twice": true` to tell the answer twice. The workers themselves are the
service's own; only what they call is wrapped.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from bursar.db.scratch import ScratchDatabase
from bursar.generation import attempt
from bursar.generation.chores import Chores
from bursar.generation.openai_provider import OpenAiProvider
from bursar.generation.provider import Answer, Job
from bursar.generation.worker import GenerationWorker
from bursar.http.request_log import make_log
from bursar.ledger.engine import Engine
from bursar.ledger.worker import Worker
from bursar.settings import Settings
from bursar.stand_ins.provider.process import LocalProvider

ROOT = Path(__file__).parents[1]
GRACE_SECONDS = 2.0
STOP_SECONDS = 30.0


class Crew:
    """So many worker processes on a database; one that is killed is replaced.

    `settings` are `BURSAR_*` variables without their prefix, in lower case.
    """

    def __init__(
        self,
        database: ScratchDatabase,
        provider: LocalProvider,
        directory: Path,
        *,
        count: int,
        **settings: str,
    ) -> None:
        chosen = {
            "database_url": database.service_url,
            "provider_url": provider.api,
            "lanes": "1",
            "pool_size_max": "2",
            **settings,
        }
        kept = {name: text for name, text in os.environ.items() if not name.startswith("BURSAR_")}
        kept |= {f"BURSAR_{name.upper()}": text for name, text in chosen.items()}
        self.log_path = directory / f"crew-{id(self):x}.log"
        with self.log_path.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from tests.crew import main; main()", str(count)],
                cwd=ROOT,
                env=kept,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def pids(self) -> list[int]:
        """The workers that run."""
        pid = self._process.pid
        with contextlib.suppress(FileNotFoundError):
            return [
                int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            ]
        return []

    def kill(self, pid: int) -> None:
        """End one worker as `kill -9` does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def log(self) -> str:
        """What the workers have logged."""
        return self.log_path.read_text("utf-8")

    def stop(self) -> None:
        """Ask all of them to end, and insist."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                self.kill(pid)
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def main() -> None:
    """Keep so many workers running as the command line says, until told to stop."""
    count, settings = int(sys.argv[1]), Settings.from_environment()
    # A provider that is away for a while is back before a job's time is over.
    attempt.BACKOFF_SECONDS_MAX = 2.0
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    threading.Thread(target=_watch_input, args=(told,), daemon=True).start()
    running: set[int] = set()
    while not told.is_set():
        while len(running) < count:
            running.add(_fork(settings))
        pid, _ = os.waitpid(-1, os.WNOHANG)
        running.discard(pid)
        if pid == 0:
            told.wait(0.02)
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    for pid in running:
        os.waitpid(pid, 0)


def _watch_input(told: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    told.set()


def _fork(settings: Settings) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(_work(settings))
        finally:
            os._exit(0)
    return pid


async def _work(settings: Settings) -> None:
    log, stop, parent = make_log("info"), asyncio.Event(), os.getppid()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    provider = Saboteur(settings)
    async with await Engine.open(settings.database_url, settings) as engine:
        sweeper = Worker(settings, Chores(log).steps(), log)
        worker = GenerationWorker(settings, provider, log)
        sweeper.start(engine)
        worker.start(Repeating(engine, provider))
        while not stop.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)
        await worker.stop(GRACE_SECONDS)
        await sweeper.stop()
        await provider.close()


class Saboteur:
    """The real adapter in a process that is killed where the job says."""

    def __init__(self, settings: Settings) -> None:
        self._inner = OpenAiProvider(settings)
        self._address = settings.provider_url.removesuffix("/v1")
        self.name = self._inner.name
        self.twice: set[str] = set()

    async def generate(self, job: Job) -> Answer:
        kill = job.input.get("kill") if job.attempt == 1 else None
        if job.input.get("twice"):
            self.twice.add(job.job_id)
        if kill == "before":
            _die()
        if kill is None:
            return await self._inner.generate(job)
        try:
            if kill == "after":
                return await self._inner.generate(job)
            call = asyncio.create_task(self._inner.generate(job))
            while not call.done() and not await self._has_arrived(job):
                await asyncio.sleep(0.01)
            call.cancel()
            raise AssertionError("It is killed now.")
        finally:
            _die()

    async def close(self) -> None:
        await self._inner.close()

    async def _has_arrived(self, job: Job) -> bool:
        """Whether the provider has the call in its book."""
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"{self._address}/_calls?key={job.job_id}")
            return bool(answer.json()["data"])
        except httpx.HTTPError:
            return False


class Repeating:
    """A ledger to which the ends of some jobs are told twice, one right after the other."""

    def __init__(self, engine: Engine, provider: Saboteur) -> None:
        self._engine = engine
        self._provider = provider
        self.read = engine.read
        self.call_batch = engine.call_batch

    async def call(self, verb: str, request: Any) -> dict[str, Any]:
        outcome = await self._engine.call(verb, request)
        if verb == "end_generation" and request["job_id"] in self._provider.twice:
            again = await self._engine.call(verb, request)
            assert again["effect"] in ("duplicate_answer", "unchanged", "late_success"), again
        return outcome


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
