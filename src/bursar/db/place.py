"""Where a cluster lives on disk.

A caller names one directory, the *home*. Usually everything is in it. When root starts a server
that runs as another account, and that account cannot enter the home (it is below /root, say), the
cluster lives in a *root* of ours elsewhere, and the home keeps a file that points to it.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bursar.db.account import Account
from bursar.db.fault import ClusterError

SOCKET_PORT = 5432  # part of the socket's name only: no port is opened
# The address of a Unix socket ends at 104 bytes on some systems, at 108 on others.
_SOCKET_PATH_BYTES_MAX = 100
# /var/tmp outlives a restart of the machine, /tmp often does not.
_ROOTS_ELSEWHERE = ("/var/lib/bursar", "/srv/bursar", "/var/tmp/bursar")  # noqa: S108


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one cluster. `home` is the caller's directory, `root` holds the cluster."""

    home: Path
    root: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory, owned by the server's account, mode 0700."""
        return self.root / "data"

    @property
    def unfinished_data(self) -> Path:
        """The data directory while it is being made; renamed when it is whole."""
        return self.root / "data.unfinished"

    @property
    def configuration(self) -> Path:
        """Our settings, included by PostgreSQL's file and rewritten at every start."""
        return self.root / "bursar.conf"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "postgresql.log"

    @property
    def binaries(self) -> Path:
        """The copy of PostgreSQL's programs, where one is needed."""
        return self.root / "binaries"

    def password_file(self, role: str) -> Path:
        """The file, mode 0600, that holds the password of `role`."""
        return self.root / f"password-{role}"

    def password(self, role: str) -> str:
        """The password of `role`. Raises `ClusterError` when none was given to it here."""
        try:
            return self.password_file(role).read_text(encoding="ascii")
        except FileNotFoundError:
            raise ClusterError(f"The role {role} was given no password in {self.root}.") from None
        except PermissionError:
            raise ClusterError(f"The cluster in {self.root} belongs to another user.") from None

    def keep_password(self, role: str, password: str) -> None:
        """Write the password file of `role`, whole or not at all."""
        write_private(self.password_file(role), password)

    @property
    def socket_directory(self) -> Path:
        """The directory of the server's socket: in the root, or elsewhere if that is too long."""
        usual = self.root / "run"
        if _fits(usual):
            return usual
        try:
            return Path((self.root / "socket-directory").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return usual

    def prepare_socket_directory(self, account: Account) -> Path:
        """Make the directory of the socket, mode 0700, before a start; return it."""
        usual = self.root / "run"
        if _fits(usual):
            usual.mkdir(mode=0o700, exist_ok=True)
            account.give(usual, 0o700)
            return usual
        known = self.socket_directory
        if known != usual and _is_private(known, account):
            return known
        for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp is private
            if _fits(Path(parent, "bursar-12345678")):
                made = Path(tempfile.mkdtemp(prefix="bursar-", dir=parent))
                account.give(made, 0o700)
                write_private(self.root / "socket-directory", str(made))
                return made
        raise ClusterError(f"The path {usual} is too long for a Unix socket.")

    def forget_socket_directory(self) -> None:
        """Remove a socket directory that was made elsewhere, after the server stopped."""
        directory = self.socket_directory
        if directory.parent == self.root:
            return
        (self.root / "socket-directory").unlink(missing_ok=True)
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()

    def remove(self) -> None:
        """Delete what the cluster has in its root, and the root itself unless it is the home."""
        for directory in (self.data, self.unfinished_data, self.binaries, self.root / "run"):
            shutil.rmtree(directory, ignore_errors=True)
        for pattern in ("password-*", "initial-password", "postgresql.log*", "bursar.conf", "home"):
            for file in self.root.glob(pattern):
                file.unlink()
        if self.root != self.home:
            self.root.rmdir()


def prepare_home(home: Path) -> Path:
    """Make the home if it is missing and return it with symbolic links resolved.

    Made by root it may be passed through by others, so that the server's account reaches its data
    in it; nothing in it is readable by them. The modes of an existing directory stay as they are.
    """
    home = home.expanduser().resolve()
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700)
    except FileExistsError:
        if not home.is_dir():
            raise ClusterError(f"{home} is not a directory.") from None
    except PermissionError:
        raise ClusterError(f"The directory {home} may not be created by this user.") from None
    else:
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return home


def known_place(home: Path) -> Place | None:
    """The place of the cluster whose home is `home`, or None if there is none yet.

    Raises `ClusterError` when the home points to a directory that is gone: an empty ledger must
    not silently take the place of a full one.
    """
    try:
        root = Path((home / "location").read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return Place(home, home) if (home / "data").exists() else None
    except PermissionError:
        raise ClusterError(f"The cluster of {home} belongs to another user.") from None
    if not root.is_dir():
        raise ClusterError(
            f"The cluster of {home} was kept in {root}, which is gone. Put it back, or remove "
            f"{home / 'location'} to begin with an empty cluster."
        )
    return Place(home, root)


def choose_place(home: Path, account: Account) -> Place:
    """Decide where a new cluster goes, and leave a pointer when it is not the home itself."""
    if account.can_enter(home):
        return Place(home, home)
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:8]
    for parent in map(Path, _ROOTS_ELSEWHERE):
        try:
            parent.mkdir(mode=0o711)
            parent.chmod(0o711)
        except FileExistsError:
            pass
        except OSError:
            continue
        if parent.is_symlink() or parent.stat().st_uid != os.geteuid():
            continue  # somebody else's: /var/tmp is open to everybody
        if os.access(parent, os.W_OK) and account.can_enter(parent):
            root = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
            root.chmod(0o711)
            write_private(root / "home", f"{home}\n")
            write_private(home / "location", f"{root}\n")
            return Place(home, root)
    raise ClusterError(
        f"The account {account.name}, which would run PostgreSQL, cannot enter {home}, nor any of "
        f"{', '.join(_ROOTS_ELSEWHERE)}. Choose a directory that it can enter."
    )


def remove_home(home: Path) -> None:
    """Delete what a cluster leaves in its home: call it last, and under the cluster's lock."""
    (home / "location").unlink(missing_ok=True)
    shutil.rmtree(home / "users", ignore_errors=True)
    (home / "lock").unlink(missing_ok=True)
    if not any(home.iterdir()):
        home.rmdir()


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 so that a reader finds either the old text or the new one.

    It belongs to the owner of its directory, also when root writes it.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        own_like_directory(descriptor, path.parent)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    Path(name).replace(path)
    sync_directory(path.parent)


def own_like_directory(descriptor: int, directory: Path) -> None:
    """Give an open file of root's to the owner of the directory that it is in."""
    if os.geteuid() == 0:
        status = directory.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fits(socket_directory: Path) -> bool:
    socket = socket_directory / f".s.PGSQL.{SOCKET_PORT}"
    return len(os.fsencode(socket)) <= _SOCKET_PATH_BYTES_MAX


def _is_private(directory: Path, account: Account) -> bool:
    try:
        status = directory.lstat()
    except FileNotFoundError:
        return False
    # A symbolic link has other type bits, so it is never taken for a directory of ours.
    return status.st_uid == account.uid and status.st_mode == 0o040700
