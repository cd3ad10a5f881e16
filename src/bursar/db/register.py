"""Who uses a cluster: one lock for starting and stopping, and one file for every user.

Each file stays locked for as long as its program lives, by the operating system itself. So a
program that was killed is known to be gone at once, and a process id that was used again by
another program deceives nobody.
"""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from bursar.db.fault import ClusterError
from bursar.db.place import own_like_directory

_LOCK_SECONDS = 150.0


class Register:
    """The users of the cluster whose home is `home`. One instance stands for one of them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._directory = home / "users"
        self._entry: tuple[Path, int] | None = None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock under which the cluster is started, stopped, joined and left.

        Raises `ClusterError` when it is not free within 150 seconds.
        """
        descriptor = self._open_lock_file()
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"Another program has been starting or stopping the cluster of "
                        f"{self._home} for more than {_LOCK_SECONDS:.0f} seconds."
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)

    @property
    def joined(self) -> bool:
        """Whether this instance is entered."""
        return self._entry is not None

    def join(self) -> None:
        """Enter this user. Call it under the lock."""
        if self._entry is not None:
            return
        if not self._directory.is_dir():
            self._directory.mkdir(mode=0o700)
            descriptor = os.open(self._directory, os.O_RDONLY)
            own_like_directory(descriptor, self._home)
            os.close(descriptor)
        path = self._directory / f"{os.getpid()}-{secrets.token_hex(8)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        own_like_directory(descriptor, self._directory)
        _try_lock(descriptor)
        self._entry = (path, descriptor)

    def leave(self) -> None:
        """Remove this user. Call it under the lock."""
        if self._entry is None:
            return
        path, descriptor = self._entry
        self._entry = None
        path.unlink(missing_ok=True)
        os.close(descriptor)

    def users(self) -> list[int]:
        """The process ids of the users that are alive; the entries of dead ones are removed."""
        alive: list[int] = []
        if not self._directory.is_dir():
            return alive
        for path in sorted(self._directory.iterdir()):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            try:
                if _try_lock(descriptor):
                    path.unlink(missing_ok=True)
                else:
                    alive.append(int(path.name.partition("-")[0]))
            finally:
                os.close(descriptor)
        return alive

    def _open_lock_file(self) -> int:
        path = self._home / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:
            raise ClusterError(f"The cluster of {self._home} belongs to another user.") from None
        own_like_directory(descriptor, self._home)
        return descriptor


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
