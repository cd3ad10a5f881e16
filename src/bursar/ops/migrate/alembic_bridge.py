"""The migrations as revisions of Alembic, for apps whose schema moves by `alembic upgrade`.

A revision for each step, as if `bursar migrate up --to N` were run once for each. Its texts are SQL
files beside it, so that a reviewer reads SQL. They keep Bursar's own memory as the runner does, so
`bursar migrate status`, `verify` and `down` are true afterwards.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bursar.ops.migrate import pieces
from bursar.ops.migrate.apart import apart_of
from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.decide_up import decide_up
from bursar.ops.migrate.errors import SourceInvalid
from bursar.ops.migrate.session import LOCK_KEY
from bursar.ops.migrate.source import Routine, Source, Step
from bursar.ops.migrate.state import BOOKKEEPING, AppliedStep, RoutineText, State

SQL_FOLDER = "bursar_sql"
_ROUTINES = "routines.json"
_KNOWN = re.compile(
    r'^revision = "(?P<revision>[^"]+)"$\s^down_revision = (?:None|.(?P<before>\w+).)$',
    re.MULTILINE,
)
# What the files set for themselves is put back, because Alembic goes on in the same transaction.
_KEEP = """\
SELECT pg_catalog.set_config('bursar.before', pg_catalog.json_object_agg(name, setting)::text, true)
FROM pg_catalog.pg_settings WHERE name IN ('search_path', 'lock_timeout', 'statement_timeout',
    'idle_in_transaction_session_timeout', 'check_function_bodies', 'plpgsql.check_asserts');"""
_PUT_BACK = """\
SELECT pg_catalog.set_config(key, value, true)
FROM pg_catalog.json_each_text(pg_catalog.current_setting('bursar.before')::json);"""
_FILE = '''\
"""{title}

Written by `bursar migrate sql --alembic`; not edited by hand.
"""

from pathlib import Path

from alembic import op

revision = "{revision}"
down_revision = {down_revision!r}
branch_labels = None
depends_on = None

SQL = Path(__file__).parent / "{folder}"


def upgrade() -> None:
    """Apply it, verified in the same transaction."""
    _run("{stem}_up.sql")
{apart}

def downgrade() -> None:
    """Undo it; balances and rows that people made stay."""
    _run("{stem}_down.sql")


def _run(name: str) -> None:
    _execute((SQL / name).read_text(encoding="utf-8"))


def _execute(text: str) -> None:
    if op.get_context().as_sql:
        raise NotImplementedError("Take `bursar migrate sql` for SQL without a database.")
    # Past SQLAlchemy, which would take colons and per cents in it for parameters.
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(text)
'''
_APART = """\
    # Beside the traffic, so outside the transaction, which is committed first.
    with op.get_context().autocommit_block():
{lines}
"""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: its id, its file's name, the one before it, and its SQL.

    `applied` are the routines that it applies, with their checksums; `apart` runs apart from it.
    """

    id: str
    name: str
    before: str | None
    title: str
    up: str
    apart: tuple[str, ...]
    down: str
    applied: dict[str, str]


def revisions_of(source: Source, rooms: Sequence[str] | None = None) -> Iterator[Revision]:
    """Yield the revisions of all steps of `rooms`, by default of all rooms, in order."""
    state, before = State(), None
    wanted = source if rooms is None else source.limited_to(rooms)
    for release, step in enumerate(wanted.steps, start=1):
        if not step.transactional:
            raise SourceInvalid(f"{step.path('up')} cannot be a revision: it has no transaction.")
        plan = decide_up(source, state, to=step.number, rooms=rooms, contract=True)
        made = Revision(
            f"bursar_{step.number:04d}",
            step.name,
            before,
            f"Bursar's step {step.name}.",
            _up(plan),
            tuple(one.statement for one in apart_of(step)),
            _down(wanted, step),
            {one.routine.path: one.routine.checksum for one in plan.routines},
        )
        yield made
        state, before = _after(state, plan, release), made.id


def write_revisions(
    source: Source, directory: Path, rooms: Sequence[str] | None = None
) -> list[Path]:
    """Write the revisions that `directory` lacks, and return their files.

    Where routines have changed that none of them applies, one more revision brings these. Files
    that are there are never replaced: they may have been applied.
    """
    (directory / SQL_FOLDER).mkdir(parents=True, exist_ok=True)
    there = _there(directory)
    new = [one for one in revisions_of(source, rooms) if one.id not in there]
    if there:
        tip = _tip(there)
        if new:
            new[0] = replace(new[0], before=tip)
        known = _known_routines(directory)
        fresh = {path for one in new for path in one.applied}
        wanted = source if rooms is None else source.limited_to(rooms)
        stale = [
            routine
            for routine in wanted.routines
            if routine.path not in fresh and known.get(routine.path) != routine.checksum
        ]
        if stale:
            new.append(_routines_only(wanted, stale, new[-1].id if new else tip))
    return [_write(directory, one) for one in new]


def _routines_only(source: Source, stale: Sequence[Routine], before: str) -> Revision:
    texts = "".join(f"{routine.path} {routine.checksum}\n" for routine in stale)
    mark = hashlib.sha256(texts.encode()).hexdigest()[:8]
    number = before.removeprefix("bursar_")[:4]
    verified = [pieces.with_limits(step.path("verify"), step.verify) for step in source.steps]
    up = [pieces.begin_release("up", None), *(pieces.apply_routine(one) for one in stale)]
    down = [
        pieces.begin_release("down", None),
        pieces.restore_routines([one.path for one in stale], pieces.release_of_text(stale[0])),
    ]
    return Revision(
        f"bursar_{number}_{mark}",
        f"{number}_routines_{mark}",
        before,
        "Bursar's functions that have changed.",
        _framed([*up, *verified]),
        (),
        _framed([*down, *verified]),
        {one.path: one.checksum for one in stale},
    )


def _up(plan: Plan) -> str:
    texts = [pieces.begin_release("up", plan.chosen_rooms)]
    for step in plan.steps:
        texts += [pieces.with_limits(step.path("up"), step.up), pieces.record_step(step)]
    texts += [pieces.apply_routine(one.routine) for one in plan.routines]
    texts += [pieces.with_limits(step.path("verify"), step.verify) for step in plan.verified]
    return _framed(texts)


def _down(source: Source, step: Step) -> str:
    """Undo a step, and bring back the texts of before, which are in the database's memory."""
    texts = [
        pieces.begin_release("down", None),
        "SELECT pg_catalog.set_config('bursar.undone', release::text, true)\n"
        f"FROM bursar_meta.step WHERE number = {step.number};",
        pieces.undo_step(step),
        pieces.restore_routines(
            [routine.path for routine in source.routines],
            "current_setting('bursar.undone')::bigint",
            step.room,
        ),
    ]
    texts += [
        pieces.with_limits(one.path("verify"), one.verify)
        for one in source.steps
        if one.number < step.number
    ]
    return _framed(texts)


def _after(state: State, plan: Plan, release: int) -> State:
    """Return what would be remembered after `plan` was carried out."""
    steps = tuple(
        AppliedStep(step.number, step.name, step.room, step.checksum, release, "", "", 0)
        for step in plan.steps
    )
    texts = tuple(
        RoutineText(one.routine.path, release, one.routine.checksum, one.routine.text)
        for one in plan.routines
    )
    return State(state.steps + steps, state.history + texts, plan.chosen_rooms, bootstrapped=True)


def _there(directory: Path) -> dict[str, str | None]:
    """Return the revisions in a directory, and the one before each."""
    found = {}
    for path in directory.glob("bursar_*.py"):
        known = _KNOWN.search(path.read_text("utf-8"))
        if known is not None:
            found[known["revision"]] = known["before"]
    return found


def _tip(there: dict[str, str | None]) -> str:
    """Return the revision that no other one follows. Raises `SourceInvalid` unless there is one."""
    tips = sorted(set(there) - set(there.values()))
    if len(tips) != 1:
        raise SourceInvalid(f"There is no single newest revision: {', '.join(tips) or 'none'}.")
    return tips[0]


def _known_routines(directory: Path) -> dict[str, str]:
    """Return the checksum of each routine as the revisions that are there leave it."""
    file = directory / SQL_FOLDER / _ROUTINES
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


def _write(directory: Path, one: Revision) -> Path:
    stem = one.id.removeprefix("bursar_")
    folder = directory / SQL_FOLDER
    (folder / f"{stem}_up.sql").write_text(one.up, encoding="utf-8")
    (folder / f"{stem}_down.sql").write_text(one.down, encoding="utf-8")
    known = _known_routines(directory) | one.applied
    (folder / _ROUTINES).write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
    lines = "\n".join(f"        _execute({statement!r})" for statement in one.apart)
    path = directory / f"bursar_{one.name}.py"
    path.write_text(
        _FILE.format(
            title=one.title,
            revision=one.id,
            down_revision=one.before,
            folder=SQL_FOLDER,
            stem=stem,
            apart=_APART.format(lines=lines) if one.apart else "",
        ),
        encoding="utf-8",
    )
    return path


def _framed(texts: Sequence[str]) -> str:
    lock = f"SELECT pg_catalog.pg_advisory_xact_lock({LOCK_KEY});"
    memory = pieces.closed(BOOKKEEPING.read_text("utf-8"))
    return "\n\n".join([_KEEP, lock, memory, *texts, _PUT_BACK]) + "\n"
