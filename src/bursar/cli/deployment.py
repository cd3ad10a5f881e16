"""One deployment as commands see it: a data directory with its cluster and its secrets."""

import contextlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bursar.cli.answer import UNREACHABLE, CommandError
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
        place = known_place(self.data.expanduser().resolve())
        if place is not None and place.data.exists():
            return self.cluster
        raise CommandError(
            f"There is no database in {self.data}. `bursar up --data {self.data}` makes one.",
            UNREACHABLE,
        )

    def url(self, role: str = ADMIN_ROLE) -> str:
        """Return the libpq URL of the database for `role`: it holds a password.

        Where `BURSAR_DATABASE_URL` names the database, that is the answer, whatever the role.
        """
        if self.cluster is None:
            return self.settings.database_url
        return self.cluster.url(role, DATABASE)

    def secret(self, *, make: bool = False) -> str:
        """Return the secret that signs tokens: `BURSAR_JWT_SECRET`, else the data directory's.

        With `make` it is made when it is missing, once, also when two programs ask at once.
        Raises `CommandError` when there is none, or when it belongs to another user.
        """
        if self.settings.jwt_secret:
            return self.settings.jwt_secret
        path = self.data / SECRET_FILE
        try:
            if make and not path.exists():
                _make_secret(prepare_home(self.data) / SECRET_FILE)
            return path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise CommandError(
                f"There is no secret for tokens in {self.data}. `bursar up --data {self.data}` "
                "makes one, or set BURSAR_JWT_SECRET to the one that the service uses.",
                UNREACHABLE,
            ) from None
        except PermissionError:
            raise CommandError(f"{path} belongs to another user.", UNREACHABLE) from None


def _make_secret(path: Path) -> None:
    """Write a new secret to `path`, mode 0600, unless there is one by then."""
    draft = path.with_name(f"{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    write_private(draft, secrets.token_urlsafe(48) + "\n")
    try:
        # Unlike a rename, a link never replaces the secret of somebody who was faster.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
