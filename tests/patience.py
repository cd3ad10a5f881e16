"""How long tests wait for what comes in a moment on a quiet machine.

No promise is about this time. It is so long that only what is stuck takes longer, on a slow machine
that does other things as well. Where a test shows that somebody is not kept waiting, what they
would have waited for lasts much longer, or for ever.
"""

import asyncio
import time
from collections.abc import Callable

import pytest

PATIENCE_SECONDS = 60.0
# What the others wait for, where a test shows that somebody does not.
AGE_SECONDS = 600.0
_PAUSE_SECONDS = 0.05
# How soon the service takes its database for one that is away.
_LIMITS = (
    "bursar.http.durable.PATIENCE_SECONDS",
    "bursar.http.health.TIMEOUT_SECONDS",
    "bursar.http.shop_status.TIMEOUT_SECONDS",
)


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an app in this process wait for a database that is slow, as few tests are about it."""
    for limit in _LIMITS:
        monkeypatch.setattr(limit, PATIENCE_SECONDS)


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `holds` does; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it has not come about in time"
        time.sleep(_PAUSE_SECONDS)


async def until(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once `holds` does, and let others go on meanwhile; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it has not come about in time"
        await asyncio.sleep(_PAUSE_SECONDS)
