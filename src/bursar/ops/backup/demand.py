"""What production asks for before its schema moves: a backup that is known to restore."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bursar.errors import BursarError
from bursar.ops.backup.shelf import Shelved, latest_verified_of
from bursar.ops.migrate.session import connect
from bursar.ops.production import database_of, is_production

BACKUP_AGE_MAX = timedelta(hours=24)
_LEDGER = "SELECT pg_catalog.to_regclass('bursar.asset') IS NOT NULL AS there"


class NoBackupError(BursarError):
    """There is no verified backup of the last 24 hours. Nothing was changed.

    `exit_code` is what the command line ends with; `plan` is what would have been done.
    """

    exit_code = 2

    def __init__(self, database: str, directory: Path, plan: Sequence[str] = ()) -> None:
        super().__init__(
            f"There is no verified backup of {database} of the last 24 hours in {directory}; "
            "nothing was changed. Take one with `bursar backup`, prove it with `bursar backup "
            "verify FILE`, or let `bursar deploy` do all of it."
        )
        self.plan = tuple(plan)


def demand_backup(url: str, directory: Path, *, plan: Sequence[str] = ()) -> Shelved | None:
    """Return the newest verified backup of a production database.

    None where the database is not production, or there is no ledger in it yet. Raises
    `NoBackupError` where there is none of the last 24 hours, `NotReached`.
    """
    with connect(url) as connection:
        row = connection.execute(_LEDGER).fetchone()
        if row is None or not row["there"] or not is_production(connection):
            return None
    return require_backup(url, directory, plan=plan)


def require_backup(url: str, directory: Path, *, plan: Sequence[str] = ()) -> Shelved:
    """Return the newest verified backup of this database. Raises `NoBackupError`, `NotReached`."""
    found = latest_verified_of(url, directory, within=BACKUP_AGE_MAX)
    if found is None:
        with connect(url) as connection:
            raise NoBackupError(database_of(connection), directory, plan)
    return found
