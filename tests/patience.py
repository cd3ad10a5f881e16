"""How long tests wait for what comes in a moment on a quiet machine.

No promise is about this time. It is so long that only what is stuck takes longer, on a slow machine
that does other things as well. Where a test shows that somebody is not kept waiting, what they
would have waited for lasts much longer, or for ever.
"""

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0
# What the others wait for, where a test shows that somebody does not.
AGE_SECONDS = 600.0
_PAUSE_SECONDS = 0.05


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
