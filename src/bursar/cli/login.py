"""The password of a database: in the environment, in .pgpass, or asked for at a terminal.

libpq finds it by itself in the URL, in PGPASSWORD, and in the file of PGPASSFILE or ~/.pgpass. Only
where the server wants one and there is none is somebody asked, who has to sit there.
"""

import functools
import getpass
import sys

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bursar.cli.answer import UNREACHABLE, CommandError

_CONNECT_SECONDS = 10


@functools.cache
def login(url: str) -> str:
    """Return `url` with all that is needed to log in; it may hold a password, so never print it.

    A password that was typed is asked for once and kept by this process alone. Raises `ValueError`,
    which repeats nothing of the URL, when it cannot be read; `CommandError` when none was typed.
    """
    _require_readable(url)
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or not _lacks_password(url):
        return url
    parts = conninfo_to_dict(url)
    whose = f"{parts.get('user', 'this account')} at {parts.get('host', 'this machine')}"
    try:
        typed = getpass.getpass(f"Password of {whose}: ", stream=sys.stderr)
    except EOFError:
        raise CommandError("No password was given.", UNREACHABLE) from None
    return make_conninfo(url, password=typed)


def _lacks_password(url: str) -> bool:
    """Whether the server wants a password that is nowhere to be found.

    Whatever else is wrong, whoever uses the URL next says so.
    """
    try:
        psycopg.connect(url, connect_timeout=_CONNECT_SECONDS).close()
    except psycopg.OperationalError as error:
        return error.pgconn is not None and bool(error.pgconn.needs_password)
    return False


def _require_readable(url: str) -> None:
    """Raise `ValueError` for a URL that cannot be read, and for one that was taken apart wrongly.

    A password with an @ or a / in it, as it is, ends up in the name of the host or in the port, and
    from there in the words of an error.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ValueError("The database URL cannot be read.") from None
    host, port = str(parts.get("host", "")), str(parts.get("port", "0"))
    # A host that begins with @ is an abstract socket.
    if "@" in host[1:] or not port.replace(",", "").isdigit():
        raise ValueError(
            "The database URL cannot be read: a password in it has to spell @ as %40, / as %2F, "
            ": as %3A and % as %25."
        )
