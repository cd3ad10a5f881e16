"""What a command may do to a database, declared beside it, so that none forgets to be guarded.

A command without a declaration fails `tests/guard_test.py`, which finds every command by itself.
"""

from collections.abc import Callable
from typing import Any, TypeVar

C = TypeVar("C", bound=Callable[..., Any])

_ATTRIBUTE = "bursar_danger"
READS, DANGEROUS = "reads", "dangerous"


def reads(command: C) -> C:
    """Declare that a command leaves the database as it is."""
    return _declared(command, READS)


def dangerous(command: C) -> C:
    """Declare that a command changes what is in the database, or takes the database away.

    It does so inside `guarding`: not unconfirmed where the database is production.
    """
    return _declared(command, DANGEROUS)


def unguarded(because: str) -> Callable[[C], C]:
    """Declare that a command may change the database and is not guarded; `because` says why."""
    return lambda command: _declared(command, because)


def danger_of(command: Any) -> str | None:
    """Return what was declared of a command: `reads`, `dangerous`, or why it is not guarded."""
    found: str | None = getattr(command, _ATTRIBUTE, None)
    return found


def _declared(command: C, what: str) -> C:
    setattr(command, _ATTRIBUTE, what)
    return command
