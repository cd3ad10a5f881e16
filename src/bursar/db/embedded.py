"""An embedded PostgreSQL: a server of our own, reached through a private Unix socket.

The data are as safe as on any PostgreSQL (fsync, checksums), every connection needs a password,
and there is no TCP port. Several programs may share one cluster; the last to leave stops it.
"""

import contextlib
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from bursar.db.account import Account, server_account
from bursar.db.binaries import Binaries, find_binaries, reachable_copy
from bursar.db.fault import ClusterError
from bursar.db.initialise import ADMIN_ROLE, data_version, initialise
from bursar.db.place import SOCKET_PORT, Place, choose_place, known_place, prepare_home, remove_home
from bursar.db.postmaster import Postmaster, running_pid, stop_postmaster
from bursar.db.register import Register

__all__ = ["ADMIN_ROLE", "Cluster", "open_cluster"]


class Cluster:
    """A PostgreSQL server whose data are in `directory`.

    `version` is the major version; None means that of the existing data, else the newest at hand.
    `bin_directory` names the programs to use instead of the installed ones. `settings` overrides
    PostgreSQL's settings, for tests. `start_seconds` bounds a start, crash recovery included.

    Nothing happens before `start`. As a context manager it starts and stops.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        version: str | None = "18",
        bin_directory: Path | None = None,
        settings: Mapping[str, str] | None = None,
        start_seconds: float = 60.0,
    ) -> None:
        self._home = Path(directory).expanduser().resolve()
        self._version = version
        self._bin_directory = bin_directory
        self._settings = dict(settings or {})
        self._start_seconds = start_seconds
        self._register = Register(self._home)
        self._binaries: Binaries | None = None

    def start(self) -> Self:
        """Start the server, or join the one that runs; return when it answers.

        Makes the cluster first if there is none. May be called again, after a crash for instance.
        Raises `ClusterError`, in words, when the data are of another major version, belong to
        another user, or when the server does not answer within `start_seconds`.
        """
        prepare_home(self._home)
        try:
            with self._register.lock():
                self._start_server()
                self._register.join()
        except PermissionError as error:
            raise ClusterError(
                f"This user may not use {error.filename}: the cluster belongs to another one."
            ) from error
        return self

    def stop(self) -> None:
        """Leave the cluster, and stop the server if nobody else uses it.

        Does nothing when this program did not start or join it.
        """
        if not self._register.joined:
            return
        with self._register.lock():
            self._register.leave()
            if not self._register.users():
                self._stop_server()

    def shut_down(self) -> None:
        """Stop the server whoever uses it: what an operator means by stopping."""
        if not self._home.is_dir():
            return
        with self._register.lock():
            self._register.leave()
            self._stop_server()

    def remove(self) -> None:
        """Stop the server and delete all that is the cluster's, data included: no way back.

        Files in its directory that are not the cluster's stay.
        """
        if not self._home.is_dir():
            return
        with self._register.lock():
            self._register.leave()
            place = known_place(self._home)
            self._stop_server()
            if place is not None:
                place.remove()
            remove_home(self._home)

    def is_running(self) -> bool:
        """Whether the server process is there, whoever started it."""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None."""
        place = known_place(self._home)
        return None if place is None else running_pid(place)

    def users(self) -> list[int]:
        """The process ids of the programs that use the cluster."""
        if not self._home.is_dir():
            return []
        with self._register.lock():
            return self._register.users()

    @property
    def place(self) -> Place:
        """The paths of the cluster. Raises `ClusterError` before the first start."""
        place = known_place(self._home)
        if place is None:
            raise ClusterError(f"There is no cluster in {self._home} yet. Start it first.")
        return place

    def url(self, role: str = ADMIN_ROLE, database: str = "postgres") -> str:
        """The libpq URL of `database` for `role`, password included: never print or log it.

        Raises `ClusterError` for a role that has no password here: see `give_password`.
        """
        place = self.place
        password = quote(place.password(role), safe="")
        host = quote(str(place.socket_directory), safe="")
        user, name = quote(role, safe=""), quote(database, safe="")
        return f"postgresql://{user}:{password}@/{name}?host={host}&port={SOCKET_PORT}"

    def give_password(self, role: str) -> None:
        """Let an existing `role` log in with a random password, kept here for `url`.

        The server gets to see a verifier only, so that no log can hold the password.
        """
        place = self.place
        with self._register.lock(), psycopg.connect(self.url(), autocommit=True) as connection:
            with contextlib.suppress(ClusterError, psycopg.OperationalError):
                psycopg.connect(self.url(role)).close()
                return
            password = secrets.token_urlsafe(32)
            verifier = connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            ).decode()
            statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))
            place.keep_password(role, password)

    def create_database(self, name: str) -> bool:
        """Make the database `name` unless it exists; return whether it was made."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except psycopg.errors.DuplicateDatabase:
                return False
        return True

    def binary(self, name: str) -> Path:
        """The path of a program of the same PostgreSQL, such as `pg_dump`, for this user to run."""
        return self._own_binaries().path(name)

    @property
    def psql_path(self) -> Path:
        """The path of `psql`."""
        return self.binary("psql")

    @property
    def log_path(self) -> Path:
        """The path of the server's log."""
        return self.place.log

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _start_server(self) -> None:
        place = known_place(self._home)
        account = server_account(self._home if place is None else place.data)
        place = place or choose_place(self._home, account)
        programs = self._server_programs(place, account)
        if not place.data.exists():
            initialise(place, account, programs, durable=self._settings.get("fsync") != "off")
        Postmaster(place, account, programs, self._settings).start(self._start_seconds)

    def _stop_server(self) -> None:
        place = known_place(self._home)
        if place is not None:
            stop_postmaster(place)
            place.forget_socket_directory()

    def _own_binaries(self) -> Binaries:
        if self._binaries is None:
            version = self._version
            if version is None and (place := known_place(self._home)) is not None:
                version = data_version(place)
            self._binaries = find_binaries(version, self._bin_directory)
        return self._binaries

    def _server_programs(self, place: Place, account: Account) -> Binaries:
        binaries = self._own_binaries()
        existing = data_version(place)
        if existing is not None and existing != binaries.version:
            raise ClusterError(
                f"The data in {place.data} were made by PostgreSQL {existing}, but PostgreSQL "
                f"{binaries.version} was to be started. Start version {existing}, or dump the "
                "databases with it and restore them into a new directory."
            )
        return reachable_copy(binaries, account, place.binaries)


def open_cluster(
    directory: Path | str,
    *,
    version: str | None = "18",
    bin_directory: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Cluster:
    """Start the cluster in `directory` and return it; call its `stop` when done."""
    return Cluster(
        directory, version=version, bin_directory=bin_directory, settings=settings
    ).start()
