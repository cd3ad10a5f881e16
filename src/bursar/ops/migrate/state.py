"""What the database remembers of its migrations, read and written.

The tables are in `bookkeeping.sql` beside this file. Every write happens in the transaction of the
change it records, so that what is remembered is what was done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bursar.ops.migrate.session import Connection, Limits, run_file
from bursar.ops.migrate.source import Routine, Step

BOOKKEEPING = Path(__file__).with_name("bookkeeping.sql")


@dataclass(frozen=True, slots=True)
class AppliedStep:
    """A step in force, as it was when it was applied."""

    number: int
    name: str
    room: str
    checksum: str
    release: int
    applied_at: str
    applied_by: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class RoutineText:
    """One text of a routine file and the run that brought it; `None` means that it went."""

    path: str
    release: int
    checksum: str | None
    text: str | None

    @property
    def room(self) -> str:
        """The room whose folder holds the file."""
        return self.path.partition("/")[0]


@dataclass(frozen=True, slots=True)
class State:
    """Everything remembered: steps by number, every text of every routine by release."""

    steps: tuple[AppliedStep, ...] = ()
    history: tuple[RoutineText, ...] = ()
    chosen_rooms: tuple[str, ...] | None = None
    bootstrapped: bool = False

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms that have a step in force."""
        return frozenset(step.room for step in self.steps)

    def routines(self, before_release: int | None = None) -> dict[str, RoutineText]:
        """Return the text in force of each routine, now or just before a release."""
        found: dict[str, RoutineText] = {}
        for row in self.history:
            if before_release is None or row.release < before_release:
                found[row.path] = row
        return {path: row for path, row in found.items() if row.text is not None}


def read_state(connection: Connection) -> State:
    """Read what is remembered; an empty state where no migration ever ran."""
    known = connection.execute(
        "SELECT pg_catalog.to_regclass('bursar_meta.routine') IS NOT NULL AS known"
    ).fetchone()
    if known is None or not known["known"]:
        return State()
    steps = connection.execute(
        "SELECT number, name, room, checksum, release, applied_at::text, applied_by, duration_ms"
        " FROM bursar_meta.step ORDER BY number"
    ).fetchall()
    history = connection.execute(
        "SELECT path, release, checksum, text FROM bursar_meta.routine ORDER BY release, path"
    ).fetchall()
    choice = connection.execute(
        "SELECT rooms FROM bursar_meta.release ORDER BY release DESC LIMIT 1"
    ).fetchone()
    return State(
        tuple(AppliedStep(**row) for row in steps),
        tuple(RoutineText(**row) for row in history),
        tuple(choice["rooms"]) if choice and choice["rooms"] is not None else None,
        bootstrapped=True,
    )


def start_release(
    connection: Connection, limits: Limits, direction: str, rooms: Sequence[str] | None
) -> int:
    """Make sure the tables are there, begin the next release and return its number."""
    run_file(connection, "bookkeeping.sql", BOOKKEEPING.read_text("utf-8"), limits)
    row = connection.execute(
        "INSERT INTO bursar_meta.release (release, direction, rooms, bursar_version)"
        " SELECT coalesce(max(release), 0) + 1, %s, %s, %s FROM bursar_meta.release"
        " RETURNING release",
        (direction, None if rooms is None else list(rooms), metadata.version("bursar")),
    ).fetchone()
    assert row is not None
    release: int = row["release"]
    return release


def remember_step(connection: Connection, step: Step, release: int, duration_ms: int) -> None:
    """Record that `step` is in force."""
    connection.execute(
        "INSERT INTO bursar_meta.step (number, name, room, checksum, release, duration_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (step.number, step.name, step.room, step.checksum, release, duration_ms),
    )


def forget_step(connection: Connection, number: int) -> None:
    """Record that a step is no longer in force."""
    connection.execute("DELETE FROM bursar_meta.step WHERE number = %s", (number,))


def remember_routine(connection: Connection, routine: Routine, release: int) -> None:
    """Record that a routine's text was applied."""
    connection.execute(
        "INSERT INTO bursar_meta.routine (path, release, checksum, text) VALUES (%s, %s, %s, %s)",
        (routine.path, release, routine.checksum, routine.text),
    )


def forget_routine(connection: Connection, path: str, release: int) -> None:
    """Record that a routine is gone, keeping the texts it had."""
    connection.execute(
        "INSERT INTO bursar_meta.routine (path, release) VALUES (%s, %s)", (path, release)
    )
