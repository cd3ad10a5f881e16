"""A streaming replica that may be read while it is known to be close behind its primary.

How far behind is decided by positions in the write-ahead log and by this process's own clock: the
primary is asked for its position now and then, and a replica that has replayed that position lacks
nothing that was committed before the question. So an idle primary does not look like lag, nor do
clocks that differ; and a replica whose stream was cut is noticed, though it has replayed all that
it received. What cannot be known counts as lag.
"""

import asyncio
import logging
import math
import time
from collections import deque
from typing import Any

import psycopg
from psycopg import sql

from bursar.db.end_tasks import end_tasks
from bursar.db.pool import ReadPool, is_connection_lost, open_connection
from bursar.settings import Settings

CHECK_SECONDS_MAX = 1.0
CHECK_SECONDS_MIN = 0.05
CHECK_TIMEOUT_SECONDS = 5.0
# A reader who waits for the replica could have had the answer from the primary.
WAIT_SECONDS = 1.0
_POSITIONS_MAX = 128
_AWAY = "away or too far behind, and is not read"

_log = logging.getLogger("bursar.replica")


class Replica:
    """Connections to the replica at `url`, and a watch over how far it is behind `primary`.

    `primary` belongs to the caller. Nothing is opened before `start`, and a replica that is away
    is looked for as long as it takes.
    """

    def __init__(self, url: str, settings: Settings, primary: ReadPool) -> None:
        self._url = url
        self._settings = settings
        self._primary = primary
        self._pool: ReadPool | None = None
        self._task: asyncio.Task[None] | None = None
        self._lag_seconds_max = settings.replica_lag_ms_max / 1000
        self._pause = min(CHECK_SECONDS_MAX, max(CHECK_SECONDS_MIN, self._lag_seconds_max / 4))
        # When the primary was asked, and where it was then; oldest first.
        self._positions: deque[tuple[float, int]] = deque(maxlen=_POSITIONS_MAX)
        self._complete_until = -math.inf

    @property
    def is_close(self) -> bool:
        """Whether it holds all that was committed `replica_lag_ms_max` milliseconds ago."""
        return time.monotonic() - self._complete_until <= self._lag_seconds_max

    def start(self) -> None:
        """Begin to watch, in the background."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._watch(), name="bursar replica")

    async def close(self) -> None:
        """End the watch and disconnect."""
        task, self._task = self._task, None
        if task is not None:
            await end_tasks(task)
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def ask(self, query: sql.Composed, arguments: Any) -> Any:
        """Return the first value that a query answers here, or None without a row.

        Raises `psycopg.Error`, also when no connection is free within a second. When the
        connection was lost, the replica is not close until the next look finds it so.
        """
        pool = self._pool
        if pool is None:
            raise psycopg.OperationalError("The replica is not connected.")
        try:
            async with pool.connection() as connection:
                cursor = await connection.execute(query, arguments)
                row = await cursor.fetchone()
        except psycopg.Error as error:
            if is_connection_lost(error):
                self._complete_until = -math.inf
            raise
        return None if row is None else row[0]

    async def _watch(self) -> None:
        close = True  # Only what departs from this is worth a line in the log.
        while True:
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                    await self._look()
            except (psycopg.Error, OSError):
                pass  # TimeoutError is an OSError. Not having looked is lag, which grows by itself.
            if close != self.is_close:
                close = self.is_close
                _log.warning("the replica is %s", "close again" if close else _AWAY)
            await asyncio.sleep(self._pause)

    async def _look(self) -> None:
        asked = time.monotonic()
        position = await self._primary.read_value("SELECT pg_current_wal_flush_lsn()::text")
        self._positions.append((asked, _number(position)))
        try:
            replayed = await self._replayed()
        except psycopg.Error:
            self._complete_until = -math.inf
            raise
        if replayed is None:
            self._complete_until = -math.inf
            return
        while self._positions and self._positions[0][1] <= replayed:
            self._complete_until = self._positions.popleft()[0]

    async def _replayed(self) -> int | None:
        """Where the replica is; None when it is no replica (any more): its truth is another."""
        if self._pool is None:
            # A pool that cannot connect would say so again and again.
            await (await open_connection(self._url, self._settings)).close()
            pool = ReadPool(self._url, self._settings, wait_seconds=WAIT_SECONDS)
            await pool.open()
            self._pool = pool
        rows = await self._pool.read(
            "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END"
        )
        return None if rows[0][0] is None else _number(rows[0][0])


def _number(position: str) -> int:
    """A position in the write-ahead log, such as 1/A0B1C2D3, as a number of bytes."""
    high, _, low = position.partition("/")
    return int(high, 16) << 32 | int(low, 16)
