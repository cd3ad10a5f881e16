"""Whether the schema in force is the one of these files, asked with the service's login alone."""

import asyncio
import time
from functools import cache

from bursar.http.calls import Ledger
from bursar.ops.migrate.source import Source
from bursar.ops.migrate.standing import Status, stand
from bursar.ops.migrate.state import AppliedStep, RoutineText, State

# Migrations are rare, and four hundred checksums are not asked for at every look.
KEEP_SECONDS = 60.0
_FIELDS = tuple(AppliedStep.__dataclass_fields__)


@cache
def _files() -> Source:
    return Source.load()


async def read_status(ledger: Ledger) -> Status:
    """Return every step and routine and where it stands; raises what reading raises."""
    read = await ledger.read("read_migrations")
    steps = tuple(AppliedStep(**{name: row[name] for name in _FIELDS}) for row in read["steps"])
    # Nothing here needs the texts; that there is one is what counts.
    history = tuple(
        RoutineText(row["path"], row["release"], row["checksum"], "") for row in read["routines"]
    )
    rooms = None if read["rooms"] is None else tuple(read["rooms"])
    files = await asyncio.to_thread(_files)
    return stand(files, State(steps, history, rooms, bootstrapped=bool(read["known"])))


def wrong_with(status: Status) -> str:
    """Say in a sentence what is not in force; nothing where all of it is."""
    steps = [one.name for one in status.steps if one.standing in ("pending", "edited", "unknown")]
    routines = sum(one.standing not in ("current", "left out") for one in status.routines)
    said = [f"steps that are not as expected: {', '.join(steps)}"] if steps else []
    if routines:
        said.append(f"routines that do not match: {routines}")
    return f"{'; '.join(said).capitalize()}." if said else ""


class SchemaState:
    """Remembers for a minute how the schema stands."""

    def __init__(self) -> None:
        self._known: tuple[float, str] | None = None

    async def wrong(self, ledger: Ledger) -> str:
        """Say what is wrong with the schema, or nothing; raises what reading raises."""
        if self._known is None or time.monotonic() - self._known[0] > KEEP_SECONDS:
            self._known = (time.monotonic(), wrong_with(await read_status(ledger)))
        return self._known[1]
