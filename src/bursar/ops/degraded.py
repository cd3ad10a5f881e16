"""Pauses changes and lets them go on: nothing is written any more once it is acknowledged."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bursar.errors import Refused

# How often the writers that are left are asked for.
POLL_SECONDS = 0.1
WAIT_SECONDS = 30.0


class Reads(Protocol):
    """What the switch needs of a way to the ledger."""

    async def read(self, function: str, *arguments: str | int | None) -> Any:
        """Call the function `bursar.<function>` and return its decoded JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Switched:
    """How the gate stands now.

    `acknowledged` says that no writer which began before is still open. Where it is not, changes
    are refused all the same, and `writers` names those that may still write: process, role,
    application, since when, and what they do.
    """

    degraded: bool
    acknowledged: bool
    changed: bool
    reason: str
    changed_by: str
    changed_at: str | None
    seconds: float
    writers: Sequence[dict[str, Any]]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


async def switch(
    ledger: Reads,
    *,
    on: bool,
    reason: str,
    actor: str,
    wait_seconds: float = WAIT_SECONDS,
    on_wait: Callable[[Sequence[dict[str, Any]]], object] = lambda _: None,
) -> Switched:
    """Pause changes, or with `on` false let them go on; both need a reason and say who it was.

    Pausing waits up to `wait_seconds` for the writers that were inside already; `on_wait` is told
    of them meanwhile. Raises `Refused` with MALFORMED without a reason, `Fault` when it failed.
    """
    started = time.monotonic()
    gate = await ledger.read("set_degraded", "true" if on else "false", reason, actor)
    if gate["status"] == "refused":
        raise Refused(gate["code"], gate["message"], gate["details"])
    writers: list[dict[str, Any]] = []
    if on:
        # Asked for after the flag was committed: whoever comes later finds the gate closed.
        writers = await ledger.read("read_writers")
        while writers and time.monotonic() - started < wait_seconds:
            on_wait(writers)
            await asyncio.sleep(POLL_SECONDS)
            still = {writer["id"] for writer in await ledger.read("read_writers")}
            writers = [writer for writer in writers if writer["id"] in still]
    return Switched(
        degraded=gate["degraded"],
        acknowledged=not writers,
        changed=gate["changed"],
        reason=gate["reason"],
        changed_by=gate["changed_by"],
        changed_at=gate["changed_at"],
        seconds=round(time.monotonic() - started, 3),
        writers=writers,
    )
