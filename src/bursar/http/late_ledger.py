"""A ledger that may be opened later: when the app starts, or when the database is back."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bursar.errors import Fault
from bursar.http.calls import Ledger
from bursar.http.problem import ProblemError
from bursar.ledger.engine import Engine
from bursar.settings import Settings

# While the database is away, requests wait for one try to connect, not each for its own.
RETRY_SECONDS = 0.5


class LateLedger:
    """Passes calls on to the engine that was given, or to one that it opens and closes itself."""

    def __init__(self, given: Ledger | None, settings: Settings, url: str) -> None:
        self._ledger = given
        self._owned = given is None
        self._settings = settings
        self._url = url
        self._lock = asyncio.Lock()
        self._failed_at = -RETRY_SECONDS
        self._closed = False

    @property
    def statistics(self) -> Any:
        """The engine's own counters; empty until it is open."""
        return getattr(self._ledger, "statistics", {})

    @property
    def queue_length(self) -> int:
        """Requests that wait in the engine."""
        return int(getattr(self._ledger, "queue_length", 0))

    @property
    def replica_is_close(self) -> bool:
        """Whether the engine has a replica that may be read."""
        return bool(getattr(self._ledger, "replica_is_close", False))

    async def open(self) -> None:
        """Open the engine if it is not. The database may be away; then a later call tries again."""
        self._closed = False
        with contextlib.suppress(ProblemError):
            await self._ready()

    async def close(self) -> None:
        """Close the engine if it was opened here; whoever asks later does not open another."""
        self._closed = True
        async with self._lock:  # One that is being opened is waited for, and closed too.
            ledger = self._ledger
            if ledger is not None and self._owned:
                self._ledger = None
                await ledger.close()

    async def call(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one request; 503 while the database cannot be reached."""
        ledger = self._ledger or await self._ready()
        return await ledger.call(verb, request)

    async def call_batch(
        self, verb: str, requests: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Carry out independent requests; 503 while the database cannot be reached."""
        ledger = self._ledger or await self._ready()
        return await ledger.call_batch(verb, requests)

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call a reading function; 503 while the database cannot be reached."""
        ledger = self._ledger or await self._ready()
        return await ledger.read(function, *arguments)

    async def _ready(self) -> Ledger:
        async with self._lock:
            if self._ledger is None:
                if self._closed or time.monotonic() - self._failed_at < RETRY_SECONDS:
                    raise _unavailable()
                try:
                    self._ledger = await Engine.open(self._url, self._settings)
                except Fault:
                    self._failed_at = time.monotonic()
                    raise _unavailable() from None
            return self._ledger


def _unavailable() -> ProblemError:
    return ProblemError(503, "UNAVAILABLE", "The database cannot be reached.")
