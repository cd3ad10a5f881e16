"""One attempt at a job: ask the provider, say now and then that it goes on, write down the end.

Whatever happens, the job's credit is captured or given back once: the database sees to that. What
is done here again, after a lost connection or by another worker, comes to the same.
"""

import asyncio
import base64
import contextlib
import math
import random
from collections.abc import Awaitable, Callable
from typing import Any

from bursar.db.end_tasks import end_tasks
from bursar.generation.provider import Answer, Job, Provider, ProviderError
from bursar.ledger.calls import SERVICE
from bursar.ledger.worker import ERROR_LENGTH_MAX, Ledger, Log

BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 1.0, 60.0
# Whoever is to wait longer than this gets their credit back instead.
WAIT_SECONDS_MAX = 300.0
# How long it is tried to write an end down, and the pauses between two tries.
TELL_SECONDS = 300.0
TELL_PAUSE_SECONDS, TELL_PAUSE_SECONDS_MAX = 0.1, 5.0
HAND_BACK_SECONDS = 3.0
# What the job's row keeps of a text; the whole of it is its output.
TEXT_SHOWN_MAX = 20_000
_NOT_NOW = ("DEGRADED", "BUSY")
_OPEN = ("queued", "processing")


class Attempt:
    """One attempt at one job, for the worker `worker`; `lease_seconds` is how long it is its own.

    Cancelled, it hands the job back, so that somebody else may take it up at once.
    """

    def __init__(
        self,
        ledger: Ledger,
        provider: Provider,
        log: Log,
        job: Job,
        *,
        worker: str,
        lease_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._provider = provider
        self._log = log
        self._job = job
        self._actor = f"worker:{worker}"[:255]
        self._beat = lease_seconds / 3
        self._call: asyncio.Task[Answer] | None = None
        self._unwanted = False

    async def run(self) -> None:
        """See the attempt through; raises nothing but that it was cancelled."""
        keeper = asyncio.create_task(self._keep())
        try:
            await self._see_through()
        except asyncio.CancelledError:
            await self._hand_back()
            raise
        finally:
            await end_tasks(keeper)

    async def _see_through(self) -> None:
        self._call = asyncio.create_task(self._ask())
        try:
            answer = await self._call
        except ProviderError as error:
            failure = error
        except asyncio.CancelledError:
            told = asyncio.current_task()
            if not self._unwanted or (told is not None and told.cancelling()):
                raise
            self._log.info("generation_dropped", job_id=self._job.job_id)
            return
        else:
            await self._tell(lambda: self._made(answer))
            return
        await self._tell(lambda: self._failed(failure))

    async def _ask(self) -> Answer:
        seconds = self._job.call_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._provider.generate(self._job)
        except ProviderError:
            raise
        except TimeoutError:
            raise ProviderError(
                f"The provider did not answer within {seconds} s.", retryable=True
            ) from None
        except Exception as error:  # An adapter that is wrong costs nobody a credit.
            sentence = f"The provider's adapter failed: {type(error).__name__}."
            raise ProviderError(sentence, retryable=True) from error

    async def _keep(self) -> None:
        """Say that the attempt goes on; give the call up once the job has ended without it.

        An attempt that somebody else has taken over goes on: whichever is first ends the job.
        """
        job = self._job
        while True:
            await asyncio.sleep(self._beat)
            with contextlib.suppress(Exception):  # The next one may get through.
                seconds = math.ceil(self._beat * 3)
                wanted = await self._ledger.read(
                    "keep_generation_lease", job.job_id, job.lease, seconds
                )
                if not wanted and await self._has_ended() and self._call is not None:
                    self._unwanted = True
                    self._call.cancel()
                    return

    async def _made(self, answer: Answer) -> bool:
        """Keep what was made, and complete the job with it; answer whether that is settled."""
        job, content = self._job, answer.content
        if content is not None:
            kept = await self._ledger.read(
                "keep_generation_output",
                job.job_id,
                answer.content_type or "application/octet-stream",
                base64.b64encode(content).decode(),
            )
            # Not kept because it has ended, or because changes are paused.
            if not kept and not await self._has_ended():
                return False
        output: dict[str, Any] = {"content_type": answer.content_type}
        if content is not None:
            output["bytes"] = len(content)
        if answer.text is not None:
            output["text"] = _clean(answer.text[:TEXT_SHOWN_MAX])
        if answer.tokens is not None:
            output["tokens"] = answer.tokens
        return await self._end(
            result="completed",
            price=answer.price,
            output=output,
            provider_reference=_clean(answer.reference)[:255] or None,
        )

    async def _failed(self, error: ProviderError) -> bool:
        """Have the job wait its turn again, or end it; answer whether that is settled."""
        job, message = self._job, _clean(error.message)[:2000]
        wait = backoff_seconds(job.attempt, error.retry_after)
        if error.retryable and wait <= WAIT_SECONDS_MAX:
            again = await self._ledger.read(
                "retry_generation", job.job_id, job.lease, message, wait
            )
            if again:
                said = message[:ERROR_LENGTH_MAX]
                self._log.warning(
                    "generation_retried",
                    job_id=job.job_id,
                    attempt=job.attempt,
                    wait_seconds=wait,
                    message=said,
                )
                return True
        return await self._end(result="failed", error=message)

    async def _end(self, **fields: Any) -> bool:
        job = self._job
        request = {
            "job_id": job.job_id,
            "lease": job.lease,
            "provider": self._provider.name,
            "caller": SERVICE,
            "actor": self._actor,
            **{name: value for name, value in fields.items() if value is not None},
        }
        outcome = await self._ledger.call("end_generation", request)
        if outcome.get("code") in _NOT_NOW:
            return False
        if outcome.get("code") == "MALFORMED" and fields["result"] == "completed":
            sentence = f"The provider's answer cannot be kept: {outcome.get('details')}."
            return await self._end(result="failed", error=sentence)
        say_end(self._log, job.job_id, outcome)
        return True

    async def _has_ended(self) -> bool:
        known = await self._ledger.read("read_generation_job", self._job.job_id, None)
        return known is None or known["status"] not in _OPEN

    async def _tell(self, once: Callable[[], Awaitable[bool]]) -> None:
        """Tell the database what came of it, again and again until it was told."""
        loop = asyncio.get_running_loop()
        deadline, pause, said = loop.time() + TELL_SECONDS, TELL_PAUSE_SECONDS, "Changes are paused"
        while True:
            try:
                if await once():
                    return
            except Exception as error:  # Whatever it is, somebody else takes the job up in the end.
                said = str(error)[:ERROR_LENGTH_MAX] or type(error).__name__
            if loop.time() > deadline:
                self._log.warning("generation_left", job_id=self._job.job_id, message=said)
                return
            # The chance spreads the tries; it hides nothing.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, TELL_PAUSE_SECONDS_MAX)

    async def _hand_back(self) -> None:
        job = self._job
        with contextlib.suppress(Exception):  # If it does not get through, the lease runs out.
            async with asyncio.timeout(HAND_BACK_SECONDS):
                if await self._ledger.read("hand_back_generation", job.job_id, job.lease):
                    self._log.info("generation_handed_back", job_id=job.job_id)


def backoff_seconds(attempt: int, asked: float | None) -> int:
    """How long to wait after so many attempts, in whole seconds, one at least: longer and longer,
    never at the same moment as others, and never shorter than the provider `asked` for."""
    longest = min(BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 16), BACKOFF_SECONDS_MAX)
    own = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, hides nothing
    return max(1, math.ceil(asked or 0.0), round(own))


def say_end(log: Log, job_id: str, outcome: dict[str, Any]) -> None:
    """Log what came of a job's end, in the ledger's own words."""
    effect = str(outcome.get("effect") or outcome.get("code"))
    said = {"job_id": job_id, "effect": effect, "message": outcome.get("message")}
    if effect in ("completed", "refunded", "unchanged", "duplicate_answer"):
        log.info("generation_ended", **said)
    else:
        log.warning("generation_ended", **said)


def _clean(text: str) -> str:
    """The text without what PostgreSQL cannot keep."""
    return text.replace("\x00", "")
