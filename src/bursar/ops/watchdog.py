"""Pauses changes by itself: before the disk of the database is full, and while it takes no writes.

A database whose disk is full stops, and reading stops with it. Changes are paused before that, so
that reading goes on and somebody has time. Every process of the service runs one watchdog; they
need not know of each other.
"""

import shutil
from typing import Any

from bursar.errors import Refused
from bursar.ledger.pause import Pause
from bursar.ledger.worker import Ledger, Log, Step
from bursar.ops.degraded import switch
from bursar.settings import Settings

ACTOR = "system:watchdog"
# Changes go on only with this much more room than the limit, so that the switch does not flutter.
ROOM_TO_GO_ON = 1.25
READ_ONLY = "the database takes no writes"


class Watchdog:
    """A step of the worker. What an operator has paused, it leaves paused.

    The disk is that of `BURSAR_WATCH_DIRECTORY`: it must be the one on which PostgreSQL writes its
    log, so it is watched only where the service runs on the same machine. `pause` is the doors'
    own, for a gate cannot be closed in a database that takes no writes.
    """

    def __init__(self, settings: Settings, pause: Pause, log: Log) -> None:
        self._directory = settings.watch_directory
        self._free_bytes_min = settings.watch_free_bytes_min
        self._pause = pause
        self._log = log

    def steps(self) -> list[Step]:
        """Return what there is to do in each round."""
        return [Step("watch_database", self.watch)]

    async def watch(self, ledger: Ledger) -> None:
        """Look once, and pause changes or let them go on.

        Raises `OSError` when the directory is not there, `Fault` when the database cannot tell.
        """
        gate: dict[str, Any] | None = await ledger.read("read_gate")
        if gate is None:
            return
        self._mind_writes(takes_writes=gate["takes_writes"])
        if gate["takes_writes"] and self._directory and self._free_bytes_min:
            await self._mind_disk(ledger, gate)

    def _mind_writes(self, *, takes_writes: bool) -> None:
        reason = "" if takes_writes else READ_ONLY
        if reason and not self._pause.reason:
            self._log.warning("changes_paused", reason=reason, by=ACTOR)
        elif self._pause.reason and not reason:
            self._log.info("changes_go_on", by=ACTOR)
        self._pause.reason = reason

    async def _mind_disk(self, ledger: Ledger, gate: dict[str, Any]) -> None:
        free = shutil.disk_usage(self._directory).free
        limit = self._free_bytes_min
        if not gate["degraded"] and free < limit:
            reason = f"the disk has {free >> 20} MiB left, below its limit of {limit >> 20} MiB"
            await self._switch(ledger, on=True, reason=reason)
        elif gate["degraded"] and gate["changed_by"] == ACTOR and free >= limit * ROOM_TO_GO_ON:
            await self._switch(ledger, on=False, reason=f"the disk has {free >> 20} MiB left again")

    async def _switch(self, ledger: Ledger, *, on: bool, reason: str) -> None:
        try:
            # Writers that are inside may end; nobody waits for them here.
            switched = await switch(ledger, on=on, reason=reason, actor=ACTOR, wait_seconds=0)
        except Refused as error:
            self._log.warning("watchdog_failed", message=str(error))
            return
        if switched.changed:
            event = "changes_paused" if on else "changes_go_on"
            self._log.warning(event, reason=reason, by=ACTOR)
