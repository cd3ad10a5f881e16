"""Ends tasks of asyncio that use the database, for certain."""

import asyncio
from typing import Any

AGAIN_SECONDS = 0.5


async def end_tasks(*tasks: asyncio.Task[Any], again_seconds: float = AGAIN_SECONDS) -> None:
    """Cancel tasks and return when all of them have ended, however they did.

    A cancellation can get lost: on Python 3.11 `asyncio.wait_for`, with which psycopg's pool waits
    for a connection, returns as if nothing had been asked when both come at the same moment
    (https://github.com/python/cpython/issues/86296). Whoever goes on in spite of it is asked again
    `again_seconds` later: longer than it needs to put its things in order.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=again_seconds)
    await asyncio.gather(*tasks, return_exceptions=True)
