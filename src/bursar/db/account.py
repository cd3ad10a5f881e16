"""The account that PostgreSQL runs under, and how programs are started as it.

PostgreSQL refuses to run as root, with reason. Started by root, it therefore runs as an account
that exists already and has no rights of its own; started by anybody else, as that user. No account
is ever created, and the modes and owners of directories that are not ours stay as they are.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bursar.db.fault import ClusterError

_CANDIDATES = ("postgres", "nobody")

# Nothing of the caller's environment reaches the server: PGDATA or PGOPTIONS would redirect it.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group of the operating system.

    `switch` says that programs have to be started *as* this account, because we are root.
    """

    name: str
    uid: int
    gid: int
    switch: bool

    def can_enter(self, directory: Path) -> bool:
        """Whether this account can reach `directory` through everything above it."""
        if not self.switch:
            return os.access(directory, os.X_OK)
        return run(["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)], self, seconds=10) == 0

    def can_run(self, program: Path) -> bool:
        """Whether this account can start `program`, libraries included."""
        return run([str(program), "--version"], self, seconds=10) == 0

    def give(self, path: Path, mode: int) -> None:
        """Hand a path that we made to this account, with exactly `mode`."""
        path.chmod(mode)
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def own_account() -> Account:
    """The account that this process runs under."""
    return Account(name=_name_of(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), switch=False)


def server_account(directory: Path) -> Account:
    """The account for a server whose data are, or are to be, in `directory`.

    What belongs to an ordinary user stays that user's, also when root starts the server.
    Raises `ClusterError` when root finds no account to step down to.
    """
    own = own_account()
    if own.uid != 0:
        return own
    if (owner := directory.stat()).st_uid != 0:
        return Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid, switch=True)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(name, entry.pw_uid, entry.pw_gid, switch=True)
        if entry.pw_uid != 0 and _can_become(account):
            return account
    raise ClusterError(
        "PostgreSQL does not run as root, and none of the accounts "
        f"{', '.join(_CANDIDATES)} can be used instead. Start as an ordinary user, or set "
        "BURSAR_DATABASE_URL to another PostgreSQL."
    )


def run(
    command: Sequence[str],
    account: Account,
    *,
    seconds: float,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> int:
    """Run `command` as `account` for at most `seconds` and return its exit status.

    `output` receives both of its output streams. 127 stands for a program that could not be
    started, 124 for one that ran too long and was killed.
    """
    try:
        finished = subprocess.run(  # noqa: S603 - every command is built in this room
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            cwd="/",
            umask=0o077,
            timeout=seconds,
            check=False,
            user=account.uid if account.switch else None,
            group=account.gid if account.switch else None,
            extra_groups=[] if account.switch else None,
        )
    except subprocess.TimeoutExpired:
        return 124
    except OSError:
        return 127
    return finished.returncode


def _can_become(account: Account) -> bool:
    return run(["/bin/sh", "-c", ":"], account, seconds=10) == 0


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
