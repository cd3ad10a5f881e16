"""Putting a dump into an empty database, and telling what did not go in."""

import re
from collections.abc import Callable

from psycopg.conninfo import make_conninfo

from bursar.ops.backup.archive import Archive
from bursar.ops.backup.errors import BackupDamaged, BackupError
from bursar.ops.backup.programs import ending_of, run
from bursar.ops.backup.session import Connection, connected, database_name

# Newer programs set what older servers do not have; nothing depends on it.
_HARMLESS = re.compile(
    r"Command was: SET (transaction_timeout|default_table_access_method) = [^;]*;"
)
_DAMAGE = re.compile(
    r"could not (uncompress|read from input file|find block|seek)|unexpected (block|section|end)"
    r"|unrecognized data block|corrupt|invalid (distance|block|stored|code|bit|literal|window)"
)
_OWNERS = re.compile(r"must be (able to SET ROLE|(a )?member of role)")
_NO_MEMBER = (
    "The login is no member of roles that own a part of it. Restore as a superuser, or have these "
    "roles granted to it."
)
_SIZE = "SELECT pg_database_size(current_database())"
_MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
_TOLD = 5


def load(
    archive: Archive,
    url: str,
    *,
    jobs: int = 2,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> None:
    """Restore a dump into the empty database at `url`, whole.

    `jobs` connections of pg_restore work side by side. `on_bytes` is told a few times a second how
    large the database has become.

    Raises `BackupDamaged` where the file cannot be read to its end, and `BackupError` where the
    server did not take all of it; then what went in is of no use.
    """
    with connected(url) as watch:

        def tick() -> None:
            row = watch.execute(_SIZE).fetchone()
            on_bytes(row[0] if row else 0)

        ended = run(
            archive.program,
            [
                f"--dbname={make_conninfo(dbname=database_name(url))}",
                f"--jobs={jobs}",
                "--no-password",
                str(archive.path),
            ],
            url=url,
            on_tick=tick,
        )
    complaints = [text for text in ended.complaints if not _HARMLESS.search(text)]
    damage = next((text for text in complaints if _DAMAGE.search(text)), None)
    if damage is not None:
        raise BackupDamaged(
            f"{archive.path} is damaged: it cannot be read to its end ({_first_line(damage)})."
        )
    if complaints:
        more = len(complaints) - _TOLD
        raise BackupError(
            f"The server did not take all of {archive.path}:\n"
            + "\n".join(f"- {text}" for text in complaints[:_TOLD])
            + (f"\n… and {more} more." if more > 0 else "")
            + ("\n" + _NO_MEMBER if _OWNERS.search(complaints[0]) else "")
        )
    if ended.status != 0 and not ended.complaints:
        raise BackupError(f"pg_restore {ending_of(ended.status)}: {ended.said.strip()}")


def analyse(url: str) -> None:
    """Collect the planner's figures, which a dump does not have, before anybody asks anything."""
    with connected(url) as connection:
        connection.execute("ANALYZE")


def require_room(connection: Connection) -> None:
    """Make sure that the login may make a database. Raises `BackupError` in words."""
    if connection.execute(_MAY_CREATE).fetchone() != (True,):
        (who,) = connection.execute("SELECT quote_ident(current_user)").fetchone() or ("",)
        raise BackupError(
            f"The login {who} may not make databases on this server, and a restore goes into a new "
            f"one. Have a superuser say ALTER ROLE {who} CREATEDB, or restore elsewhere with "
            "BURSAR_DATABASE_URL."
        )


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
