"""Making a new cluster, once."""

import logging
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from bursar.db.account import Account, own_account, run
from bursar.db.binaries import Binaries
from bursar.db.fault import ClusterError
from bursar.db.place import Place, sync_directory, write_private

ADMIN_ROLE = "bursar_admin"
_INITDB_SECONDS = 120.0

_log = logging.getLogger("bursar.db")


def data_version(place: Place) -> str | None:
    """The major version of the data in `place`, or None when there are none."""
    try:
        return (place.data / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def initialise(place: Place, account: Account, programs: Binaries, *, durable: bool) -> None:
    """Make the data directory under another name, and rename it when it is whole.

    So a start that is killed at any point leaves nothing that passes for a cluster. The superuser
    gets a random password, kept in a file of ours. Unless `durable`, nothing is flushed to disk.
    Raises `ClusterError` when initdb fails.
    """
    started = time.monotonic()
    unfinished = place.unfinished_data
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    account.give(unfinished, 0o700)
    password = secrets.token_urlsafe(32)
    password_file = place.root / "initial-password"
    write_private(password_file, password + "\n")
    account.give(password_file, 0o600)
    try:
        _run_initdb(place, account, programs, password_file, durable=durable)
    finally:
        password_file.unlink()
    descriptor = os.open(unfinished / "postgresql.conf", os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("\ninclude '../bursar.conf'\n")
        file.flush()
        os.fsync(file.fileno())
    place.keep_password(ADMIN_ROLE, password)
    unfinished.rename(place.data)
    sync_directory(place.root)
    seconds = time.monotonic() - started
    _log.info("Made a PostgreSQL %s cluster in %.1f s", programs.version, seconds)


def _run_initdb(
    place: Place, account: Account, programs: Binaries, password_file: Path, *, durable: bool
) -> None:
    command = [
        *(str(programs.path("initdb")), "--pgdata", str(place.unfinished_data)),
        *("--username", ADMIN_ROLE, "--pwfile", str(password_file)),
        *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256"),
        *("--encoding=UTF8", "--data-checksums", "--no-instructions"),
        *_locale_options(int(programs.version)),
    ]
    if not durable:
        command.append("--no-sync")
    with place.log.open("ab") as log:
        place.log.chmod(0o600)
        status = run(command, account, seconds=_INITDB_SECONDS, output=log)
    if status != 0:
        raise ClusterError(f"initdb ended with status {status}. See {place.log}.")


def _locale_options(version: int) -> list[str]:
    """Sort by code point, and know the letters of all scripts, on every machine alike.

    PostgreSQL 17 and newer carry that locale themselves; older ones borrow the system's.
    """
    if version >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    with tempfile.TemporaryFile() as output:
        run(["/usr/bin/locale", "-a"], own_account(), seconds=10, output=output)
        output.seek(0)
        known = output.read().lower().replace(b"-", b"").split()
    return ["--locale=C.UTF-8" if b"c.utf8" in known else "--locale=C"]
