"""Claims and events of the store, carried out or kept: nothing that was accepted is lost.

While the database is away they go into the spool, and whoever sent them is told so at once instead
of waiting. What is kept may have been carried out already, when the answer was lost on the way:
each has the store's own key, so that carrying it out again adds nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from bursar.claims.spool import Spool, SpoolFull
from bursar.errors import Fault, OutcomeUnknown, Refused
from bursar.http.calls import Ledger
from bursar.http.problem import ProblemError
from bursar.http.request_log import RequestLog
from bursar.ledger.answer import is_away

# A phone waits for a claim so long; and where that is longer, for as long as a locked wallet takes
# to be told BUSY, and a moment: somebody's lock is not a database that is away.
PATIENCE_SECONDS = 2.5
MOMENT_SECONDS = 0.25
# While the database is away, one of those who come in this time tries it; the others do not wait.
TRY_AGAIN_SECONDS = 1.0
CLAIM, EVENT = "claim_purchase", "take_store_event"
Outcome = dict[str, Any]
_encode = msgspec.json.Encoder().encode


class Away(Exception):
    """The database could not be had in time."""


class DurableLedger:
    """Carries out claims and store events, or keeps them in `spool` while the database is away.

    Without a spool there is nowhere to keep them: then the answer is a 503 problem. So it is when
    the spool is full, or when its disk fails. `busy_seconds` is how long the ledger waits for a
    locked wallet.
    """

    def __init__(
        self, ledger: Ledger, spool: Spool | None, log: RequestLog, busy_seconds: float = 0.0
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._log = log
        self._busy_seconds = busy_seconds
        self._away = False
        self._try_at = 0.0

    async def claim(self, request: dict[str, Any]) -> Outcome | None:
        """Return the outcome of a claim, or None when it was kept for later.

        A claim that is kept, or comes while others are, may be of a purchase whose event is kept
        too: it waits for that event instead of being refused.
        """
        accepted = {**request, "accepted": True}
        if self._spool is not None and not self._spool.is_empty():
            request = accepted
        try:
            return await self._had(lambda: self._ledger.call(CLAIM, request))
        except Away:
            await self._keep("claim", accepted)
            return None

    async def take_event(self, request: dict[str, Any]) -> Outcome | None:
        """Return the outcome of an event of the store, or None when it was kept for later.

        While changes are paused, or when the event fails for a reason of its own, it goes into the
        inbox without effect, where it waits and is listed; the outcome is then that of keeping it.
        """
        try:
            try:
                outcome = await self._had(lambda: self._ledger.call(EVENT, request))
            except Fault as error:
                self._log.error("store_event_failed", message=str(error)[:300])
                return await self._keep_in_inbox(request["event"])
            if outcome.get("code") == "DEGRADED":
                return await self._keep_in_inbox(request["event"])
            return outcome
        except Away:
            await self._keep("event", request)
            return None

    async def _keep_in_inbox(self, event: dict[str, Any]) -> Outcome:
        text = _encode(event).decode()
        try:
            outcome = await self._had(lambda: self._ledger.read("keep_store_event", text))
        except (Fault, Refused):
            raise Away from None
        return {**outcome, "effect": "kept"} if outcome.get("status") == "done" else outcome

    async def _had(self, ask: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Return what the database answers within our patience. Raises `Away` if it does not."""
        if self._away:
            now = time.monotonic()
            if now < self._try_at:
                raise Away
            self._try_at = now + TRY_AGAIN_SECONDS
        patience = max(PATIENCE_SECONDS, self._busy_seconds + MOMENT_SECONDS)
        try:
            async with asyncio.timeout(patience):
                outcome = await ask()
        except TimeoutError:  # It may be one statement that is slow, so the others go on trying.
            raise Away from None
        except (OutcomeUnknown, ProblemError) as error:
            if isinstance(error, ProblemError) and error.code != "UNAVAILABLE":
                raise
            raise self._noted_away() from None
        if is_away(outcome):
            raise self._noted_away()
        if self._away:
            self._away = False
            self._log.info("database_back")
        return outcome

    def _noted_away(self) -> Away:
        if not self._away:
            self._away = True
            self._log.warning("database_away", spool=self._spool is not None)
        self._try_at = time.monotonic() + TRY_AGAIN_SECONDS
        return Away()

    async def _keep(self, kind: str, request: dict[str, Any]) -> None:
        """Write it down. Raises a 503 problem when there is nowhere to."""
        if self._spool is None:
            raise ProblemError(503, "UNAVAILABLE", "The database cannot be reached.")
        try:
            await self._spool.keep(kind, request)
        except (SpoolFull, OSError) as error:
            self._log.error("not_kept", kind=kind, reason=type(error).__name__)
            raise ProblemError(
                503, "UNAVAILABLE", "The database cannot be reached, and nothing more can be kept."
            ) from None
