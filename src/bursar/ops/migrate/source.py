"""The migration files as data: numbered steps that run once, routines that follow their text.

A step is a folder `migrations/NNNN_<room>[_detail]` with `up.sql`, `down.sql` and `verify.sql`, and
perhaps `concurrent.sql`, for what is done beside the traffic after the step (`apart.py`). A routine
is a file `<room>/<name>.sql` that may be applied any number of times. A room is the ledger or an
app on it; a room exists when a step names it.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.order import in_order

LEDGER = "ledger"
# No database is without these, whichever apps it has: the ledger, and what operators need.
_ALWAYS = {LEDGER, "ops", "adoption"}
_STEP_NAME = re.compile(r"(?P<number>\d{4})_(?P<room>[a-z]+)(_[a-z0-9_]+)?")
_REQUIRES = re.compile(r"^--\s*requires\b(?P<rest>.*)$", re.MULTILINE)
_REQUIRED = re.compile(r":\s*(?P<path>[a-z]+/[a-z0-9_]+\.sql)\s*")
_CONTRACT = re.compile(r"^--\s*bursar:\s*contract\s*$", re.MULTILINE)
_NO_TRANSACTION = re.compile(r"^--\s*transaction:\s*none\s*$", re.MULTILINE)


def checksum_of(text: str) -> str:
    """Return the sha256 of `text` in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step. Only `up` is checksummed, and `concurrent`, which belongs to it.

    `down` and `verify` leave nothing behind, so they may be corrected after a release; `up` may
    not, because databases that ran the old text would differ from those that ran the new one.
    """

    number: int
    name: str
    room: str
    up: str
    down: str
    verify: str
    concurrent: str = ""

    @property
    def checksum(self) -> str:
        """The sha256 of the text that runs once, with that of `concurrent.sql` where there is one.

        An index that stands by another definition would otherwise be taken for this one.
        """
        return checksum_of(self.up + self.concurrent)

    @property
    def is_contract(self) -> bool:
        """Whether it removes what an older application still needs (`-- bursar: contract`)."""
        return bool(_CONTRACT.search(self.up))

    @property
    def transactional(self) -> bool:
        """Whether `up` runs in the run's transaction (`-- transaction: none` says no)."""
        return not _NO_TRANSACTION.search(self.up)

    def path(self, part: str) -> str:
        """Return the path of `part` (up, down or verify) below the source's root."""
        return f"migrations/{self.name}/{part}.sql"


@dataclass(frozen=True, slots=True)
class Routine:
    """One repeatable file, with the paths it names in `-- requires:` lines."""

    path: str
    text: str

    @property
    def room(self) -> str:
        """The room whose folder holds the file."""
        return self.path.partition("/")[0]

    @property
    def checksum(self) -> str:
        """The sha256 of the text."""
        return checksum_of(self.text)

    @property
    def requires(self) -> tuple[str, ...]:
        """The files that must be applied before this one.

        Raises `SourceInvalid` for a line that starts like a requirement and is none.
        """
        paths = []
        for line in _REQUIRES.finditer(self.text):
            required = _REQUIRED.fullmatch(line["rest"])
            if required is None:
                raise SourceInvalid(
                    f"{self.path}: cannot read '{line[0].strip()}'. "
                    "Write '-- requires: room/file.sql', one file to a line."
                )
            paths.append(required["path"])
        return tuple(paths)


@dataclass(frozen=True, slots=True)
class Source:
    """All steps by number and all routines in the order in which they are applied."""

    steps: tuple[Step, ...]
    routines: tuple[Routine, ...]

    @property
    def rooms(self) -> tuple[str, ...]:
        """Every room, the ledger first."""
        return tuple(sorted({step.room for step in self.steps} | {LEDGER}, key=room_rank))

    @property
    def always(self) -> frozenset[str]:
        """The rooms that cannot be left out."""
        return frozenset(_ALWAYS.intersection(self.rooms))

    def limited_to(self, rooms: Iterable[str]) -> "Source":
        """Return the part of this source that belongs to `rooms`, and what cannot be left out.

        Raises `SourceInvalid` when a file that is kept requires one that is not.
        """
        kept = {*rooms, *self.always}
        return Source(
            tuple(step for step in self.steps if step.room in kept),
            sort_routines([routine for routine in self.routines if routine.room in kept]),
        )

    def step(self, number: int) -> Step | None:
        """Return the step with this number, if there is one."""
        return next((step for step in self.steps if step.number == number), None)

    @classmethod
    def load(cls, root: Path | None = None) -> "Source":
        """Read the files below `root`, by default those that are installed with Bursar.

        Raises `SourceInvalid` that names the file when one is missing or cannot be understood.
        """
        base = Path(str(resources.files("bursar"))) if root is None else root
        steps = _load_steps(base)
        rooms = {step.room for step in steps} | {LEDGER}
        routines = [
            Routine(f"{room}/{file.name}", file.read_text("utf-8"))
            for room in rooms
            for file in (base / room).glob("*.sql")
        ]
        return cls(steps, sort_routines(routines))


def room_rank(room: str) -> tuple[bool, str]:
    """Sort key that puts the ledger before the apps, and the apps in alphabetical order."""
    return room != LEDGER, room


def sort_routines(routines: Sequence[Routine]) -> tuple[Routine, ...]:
    """Return `routines` with every file after those it requires.

    Where nothing is required the ledger comes first, then the apps, each by file name. Raises
    `SourceInvalid` for a cycle, and for a requirement that is not among `routines`.
    """
    by_path = {routine.path: routine for routine in routines}
    paths = sorted(by_path, key=lambda path: (room_rank(by_path[path].room), path))
    ordered = in_order(paths, {path: by_path[path].requires for path in paths})
    return tuple(by_path[path] for path in ordered)


def _load_steps(base: Path) -> tuple[Step, ...]:
    steps: dict[int, Step] = {}
    folder = base / "migrations"
    entries = folder.iterdir() if folder.is_dir() else iter(())
    for entry in sorted(entries):
        if not any(entry.glob("*.sql")):
            continue
        name = _STEP_NAME.fullmatch(entry.name)
        if name is None:
            raise SourceInvalid(
                f"migrations/{entry.name} is not named like NNNN_room or NNNN_room_detail."
            )
        number = int(name["number"])
        if number in steps:
            raise SourceInvalid(
                f"migrations/{steps[number].name} and migrations/{entry.name} have one number."
            )
        up, down, verify = (_part(entry, part) for part in ("up", "down", "verify"))
        apart = entry / "concurrent.sql"
        concurrent = apart.read_text("utf-8") if apart.is_file() else ""
        steps[number] = Step(number, entry.name, name["room"], up, down, verify, concurrent)
    return tuple(steps[number] for number in sorted(steps))


def _part(folder: Path, part: str) -> str:
    file = folder / f"{part}.sql"
    if not file.is_file():
        raise SourceInvalid(f"migrations/{folder.name}/{part}.sql is missing.")
    return file.read_text("utf-8")
