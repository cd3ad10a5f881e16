"""One deployment as commands see it: a data directory with its cluster and its secrets."""

import contextlib
import os
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bursar.cli.answer import UNREACHABLE, CommandError
from bursar.cli.login import login
from bursar.cli.target import DATABASE, DEFAULT_DIRECTORY
from bursar.db.embedded import ADMIN_ROLE, Cluster
from bursar.db.place import known_place, prepare_home, write_private
from bursar.settings import Settings

SECRET_FILE = "jwt-secret"  # noqa: S105 - the name of a file, not a secret

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Data directory of the embedded database; default .bursar.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def as_typed(data: Path | None) -> str:
    """Return the option that names this directory, as it is typed; nothing where none was named."""
    return "" if data is None else f" --data {shlex.quote(str(data))}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The data directory, and the database that goes with it.

    `settings` are the environment's. `cluster` is None when `BURSAR_DATABASE_URL` names the
    database instead.
    """

    data: Path
    settings: Settings
    cluster: Cluster | None

    @classmethod
    def find(cls, data: Path | None, *, environment_first: bool = False) -> "Deployment":
        """Return the deployment that a command line means; nothing is started.

        A directory that was named beats `BURSAR_DATABASE_URL`, unless `environment_first`.
        Raises `ValueError` for a variable that cannot be read.
        """
        settings = Settings.from_environment()
        directory = DEFAULT_DIRECTORY if data is None else data
        elsewhere = bool(settings.database_url) and (data is None or environment_first)
        cluster = None if elsewhere else Cluster(directory, version=None)
        return cls(directory, settings, cluster)

    def join(self) -> None:
        """Start or join the embedded cluster, which must exist; the caller calls `leave`.

        Raises `CommandError` when the directory has no cluster, `ClusterError` when it does not
        start.
        """
        if self.cluster is not None:
            self.require_cluster()
            self.cluster.start()

    def leave(self) -> None:
        """Leave the cluster; the last one to leave stops it."""
        if self.cluster is not None:
            self.cluster.stop()

    def require_cluster(self) -> Cluster:
        """Return the embedded cluster. Raises `CommandError` when none was ever made here."""
        if self.cluster is None:
            raise CommandError(
                "BURSAR_DATABASE_URL names the database, and it is not Bursar's to manage. "
                "Name a data directory with --data to mean an embedded one.",
                UNREACHABLE,
            )
        if self.exists():
            return self.cluster
        raise CommandError(
            f"There is no database in {self.data}. `bursar up --data {self.data}` makes one.",
            UNREACHABLE,
        )

    def exists(self) -> bool:
        """Whether there is a database to speak of: a cluster that was made, or one that is named.

        A named one may be away all the same.
        """
        if self.cluster is None:
            return True
        place = known_place(self.data.expanduser().resolve())
        return place is not None and place.data.exists()

    def url(self, role: str = ADMIN_ROLE) -> str:
        """Return the libpq URL of the database for `role`: it holds a password.

        Where `BURSAR_DATABASE_URL` names the database, that is the answer, whatever the role, with
        a password that is asked for if the server wants one. Raises `ValueError` when it cannot be
        read.
        """
        if self.cluster is None:
            return login(self.settings.database_url)
        return self.cluster.url(role, DATABASE)

    def secret(self, *, make: bool = False) -> str:
        """Return the secret that signs tokens: `BURSAR_JWT_SECRET`, else the data directory's.

        With `make` it is made when it is missing, once, also when two programs ask at once.
        Raises `CommandError` when there is none, or when it belongs to another user.
        """
        if self.settings.jwt_secret:
            return self.settings.jwt_secret
        if make:
            return self.keep_secret(SECRET_FILE, secrets.token_urlsafe(48))
        try:
            return self._read_secret(SECRET_FILE)
        except FileNotFoundError:
            raise CommandError(
                f"There is no secret for tokens in {self.data}. `bursar up --data {self.data}` "
                "makes one, or set BURSAR_JWT_SECRET to the one that the service uses.",
                UNREACHABLE,
            ) from None

    def keep_secret(self, name: str, text: str) -> str:
        """Return the secret in the file `name` of the data directory; `text` when it is new.

        Two programs that ask at once get the same one. Raises `CommandError` when it belongs to
        another user.
        """
        if not (self.data / name).exists():
            _make_secret(prepare_home(self.data) / name, text)
        return self._read_secret(name)

    def _read_secret(self, name: str) -> str:
        path = self.data / name
        try:
            return path.read_text(encoding="ascii").strip()
        except PermissionError:
            raise CommandError(f"{path} belongs to another user.", UNREACHABLE) from None


@contextlib.contextmanager
def joined(data: Path | None) -> Iterator[Deployment]:
    """Have the deployment's database there for the length of a block.

    Raises `ValueError` for a variable that cannot be read, `CommandError` or `ClusterError` when
    there is none or it does not start.
    """
    deployment = Deployment.find(data)
    deployment.join()
    try:
        yield deployment
    finally:
        deployment.leave()


def _make_secret(path: Path, text: str) -> None:
    """Write a new secret to `path`, mode 0600, unless there is one by then."""
    draft = path.with_name(f"{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    write_private(draft, f"{text}\n")
    try:
        # Unlike a rename, a link never replaces the secret of somebody who was faster.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
