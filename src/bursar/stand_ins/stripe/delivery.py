"""Posting events to the webhook: signed, tried again, and troubled where that was ordered."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import httpx

from bursar.stand_ins.stripe.events import EventLog, Posting
from bursar.stand_ins.stripe.faults import Trouble

AT_ONCE_MAX = 16
UNDER_WAY_MAX = 10_000
ANSWER_SECONDS = 10.0
_BACKOFF_SECONDS_MAX = 60.0


class Delivery:
    """Brings events to `url`, which may become known later; until then they wait.

    What is not answered with 2xx within ten seconds is posted again after `retry_seconds`, twice
    that, and so on, at most a minute, until `attempts` were made. Events are posted side by side,
    so that they may overtake each other, as Stripe's do. With several secrets there are several
    signatures, as while Stripe rotates. `changed` is called when an event's fate has changed.
    """

    def __init__(
        self,
        log: EventLog,
        trouble: Trouble,
        secrets: Sequence[str],
        *,
        url: str = "",
        attempts: int = 12,
        retry_seconds: float = 1.0,
        changed: Callable[[], None],
    ) -> None:
        self.url = url
        self._log = log
        self._trouble = trouble
        self._secrets = secrets
        self._attempts = attempts
        self._retry_seconds = retry_seconds
        self._changed = changed
        self._held: list[Posting] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        # The way to this machine leads through no proxy.
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)

    def go_to(self, url: str) -> None:
        """Post to this address from now on, and post what has waited for one."""
        waited, self.url = not self.url, url
        if waited:
            self.resume()

    def resume(self) -> None:
        """Post all that is waiting, once an address is known and nothing is under way yet."""
        for posting in list(self._log.postings.values()):
            if self.url and posting.status == "waiting":
                self._start(self._bring(posting))

    def take(self, posting: Posting) -> None:
        """Send an event on its way, with the faults that are in force."""
        faults = self._trouble.faults
        if not self._trouble.concerns(posting.type):
            self.send(posting)
            return
        if self._trouble.drops():
            posting.status = "dropped"
            return
        copies = [posting] * (1 + faults.duplicate)
        if faults.reorder:
            posting.status = "held"
            if not self._held:
                self._start(self._release_later(faults.reorder_ms / 1000))
            self._held += copies
            if len(self._held) >= faults.reorder:
                self.release()
            return
        for copy in copies:
            self.send(copy, faults.delay_ms / 1000)

    def send(self, posting: Posting, delay: float = 0.0) -> None:
        """Post an event after `delay` seconds; while no address is known it waits for one."""
        if posting.status != "delivered":
            posting.status = "waiting"
        if len(self._tasks) >= UNDER_WAY_MAX:
            posting.status, posting.last_error = "failed", "too many are under way"
        elif self.url:
            self._start(self._bring(posting, delay))

    def release(self) -> int:
        """Post in shuffled order what is held back, and return how many postings that were."""
        held, self._held = self._held, []
        self._trouble.shuffle(held)
        for posting in held:
            posting.status = "waiting"
        if held and self.url:
            self._start(self._bring_in_order(held))
        return len(held)

    async def close(self) -> None:
        """Stop posting; what was not delivered stays as it is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _release_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.release()

    async def _bring_in_order(self, postings: list[Posting]) -> None:
        """Post each once, one after the other, so that they arrive in this order."""
        for posting in postings:
            if not await self._post(posting):
                self._start(self._bring(posting, self._retry_seconds, made=1))

    async def _bring(self, posting: Posting, delay: float = 0.0, *, made: int = 0) -> None:
        await asyncio.sleep(delay)
        pause = self._retry_seconds * 2**made
        for attempt in range(made + 1, self._attempts + 1):
            if await self._post(posting):
                return
            if attempt < self._attempts:
                await asyncio.sleep(min(pause, _BACKOFF_SECONDS_MAX))
                pause *= 2
        if posting.status != "delivered":
            posting.status = "failed"
            self._changed()

    async def _post(self, posting: Posting) -> bool:
        """Post once, and return whether it was answered with 2xx. Redirections are not."""
        async with self._places:
            posting.attempts += 1
            headers = {
                "content-type": "application/json; charset=utf-8",
                "stripe-signature": sign(posting.body, self._secrets, int(time.time())),
                "user-agent": "Stripe/1.0 (stand-in)",
            }
            try:
                async with self._client.stream(
                    "POST", self.url, content=posting.body.encode(), headers=headers
                ) as answer:
                    posting.last_status, posting.last_error = answer.status_code, None
                    delivered = answer.is_success
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                posting.last_status, posting.last_error = None, type(error).__name__
                delivered = False
        if delivered:
            posting.deliveries += 1
            posting.status = "delivered"
        self._changed()
        return delivered


def sign(body: str, secrets: Sequence[str], timestamp: int) -> str:
    """Return the header `Stripe-Signature` for a body: one signature for each secret."""
    signed = f"{timestamp}.{body}".encode()
    marks = (hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets)
    return ",".join([f"t={timestamp}", *(f"v1={mark}" for mark in marks)])
