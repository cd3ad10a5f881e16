"""The commands as functions: results are data, and the command line renders them.

Each takes the URL of a database and, for tests and forks, another source of files. URLs are never
repeated in what is returned or raised.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bursar.ops.migrate import alembic_bridge
from bursar.ops.migrate.check import Verification, check_all
from bursar.ops.migrate.decide import Plan
from bursar.ops.migrate.decide_down import decide_down
from bursar.ops.migrate.go_down import go_down
from bursar.ops.migrate.go_up import BeforeChange, go_up, plan_up
from bursar.ops.migrate.offline import Part, write_parts
from bursar.ops.migrate.report import Report
from bursar.ops.migrate.session import Limits, connect, retrying, translated
from bursar.ops.migrate.source import Source
from bursar.ops.migrate.standing import Status, stand
from bursar.ops.migrate.state import read_state


def apply_all(url: str, rooms: Sequence[str] | None = None) -> None:
    """Bring the database to the newest schema, with every room or with those named.

    Contracts too: this is for databases beside which no older application runs. Does nothing where
    there is nothing to do. Raises `MigrationError`.
    """
    up(url, rooms=rooms, contract=True)


def plan(
    url: str,
    *,
    to: int | None = None,
    rooms: Sequence[str] | None = None,
    contract: bool = False,
    source: Source | None = None,
) -> Plan:
    """Return what `up` would do now, its problems included; nothing is changed.

    Raises `MigrationError` when the files cannot be understood or the database not be reached.
    """
    files = source or Source.load()
    with connect(url) as connection, translated("the migrations' memory"):
        state = read_state(connection)
        return plan_up(connection, files, state, to=to, rooms=rooms, contract=contract)


def plan_down(url: str, *, to: int | None = None, source: Source | None = None) -> Plan:
    """Return what `down` would do now; nothing is changed. Raises `MigrationError`."""
    files = source or Source.load()
    with connect(url) as connection, translated("the migrations' memory"):
        return decide_down(files, read_state(connection), to=to)


def up(
    url: str,
    *,
    to: int | None = None,
    rooms: Sequence[str] | None = None,
    contract: bool = False,
    source: Source | None = None,
    limits: Limits | None = None,
    before_change: BeforeChange | None = None,
) -> Report:
    """Apply every pending step up to number `to`, and the routines that need it, and verify.

    Contracts wait for a run with `contract`. What runs apart from the transaction, indexes that are
    built beside the traffic, comes after it: where that fails the rest stays, and the next run
    takes it up. `before_change` is called with the plan under the lock before anything is changed,
    and refuses the run by raising. Raises `MigrationError`, and then nothing of the failing
    transaction stays.
    """
    files = source or Source.load()
    report = Report("up")
    return _timed(
        report,
        limits or Limits(),
        lambda within: go_up(
            url,
            files,
            report,
            to=to,
            rooms=rooms,
            contract=contract,
            limits=within,
            before_change=before_change,
        ),
    )


def down(
    url: str,
    *,
    to: int | None = None,
    source: Source | None = None,
    limits: Limits | None = None,
    before_change: BeforeChange | None = None,
) -> Report:
    """Undo the steps after number `to` (0 undoes all), by default one step.

    Routines get back the texts they had before the release that is undone. Raises
    `MigrationError`, and then nothing was changed.
    """
    files = source or Source.load()
    report = Report("down")
    return _timed(
        report,
        limits or Limits(),
        lambda within: go_down(
            url, files, report, to=to, limits=within, before_change=before_change
        ),
    )


def status(url: str, *, source: Source | None = None) -> Status:
    """Return every step and routine and where it stands. Raises `MigrationError`."""
    files = source or Source.load()
    with connect(url) as connection, translated("the migrations' memory"):
        return stand(files, read_state(connection))


def verify(url: str, *, source: Source | None = None, limits: Limits | None = None) -> Verification:
    """Check that the schema in force is the one in the files, and that each `verify.sql` holds.

    Everything that fails is in the answer. Nothing is changed: the checks are rolled back. Raises
    `MigrationError` only when the checks themselves cannot be made.
    """
    return check_all(url, source or Source.load(), limits or Limits())


def offline_sql(
    *,
    after: int = 0,
    to: int | None = None,
    rooms: Sequence[str] | None = None,
    contract: bool = False,
    one_transaction: bool = False,
    source: Source | None = None,
) -> tuple[Part, ...]:
    """Return all SQL of `up` from step `after` on, in numbered parts, without a database.

    The parts record what they do, so that a later `status` is true. With `one_transaction` each of
    them may be put into a transaction, as editors do. Raises `SourceInvalid`.
    """
    return write_parts(
        source or Source.load(),
        after=after,
        to=to,
        rooms=rooms,
        contract=contract,
        one_transaction=one_transaction,
    )


def write_revisions(
    directory: Path, *, rooms: Sequence[str] | None = None, source: Source | None = None
) -> list[Path]:
    """Write the revisions of Alembic that a directory lacks, and return their files."""
    return alembic_bridge.write_revisions(source or Source.load(), directory, rooms)


def _timed(report: Report, limits: Limits, run: Callable[[Limits], None]) -> Report:
    started = time.monotonic()
    retrying(limits, lambda: run(limits), time.sleep)
    report.duration_ms = round((time.monotonic() - started) * 1000)
    return report
