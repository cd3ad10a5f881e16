"""What can go wrong while the schema is moved, each with the exit code that scripts see."""

from typing import ClassVar

from bursar.errors import BursarError


class MigrationError(BursarError):
    """A migration command did not do what it was asked; nothing half-done is left behind.

    `exit_code` is what the command line ends with.
    """

    exit_code: ClassVar[int] = 1


class SqlFailed(MigrationError):
    """A statement of a migration file failed, and everything was rolled back.

    The message names the file and, where the server tells it, the line.
    """

    def __init__(self, message: str, sqlstate: str | None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class SourceInvalid(MigrationError):
    """The migration files themselves are wrong: a name, a cycle, a file that is missing."""

    exit_code: ClassVar[int] = 3


class SourceDiffers(MigrationError):
    """What is installed is not what the files say: an applied step was edited or is unknown."""

    exit_code: ClassVar[int] = 3


class Busy(MigrationError):
    """Another run, or somebody's lock, did not let go within the time and tries allowed."""

    exit_code: ClassVar[int] = 4


class NotReached(MigrationError):
    """The database cannot be reached, or the connection was lost on the way.

    A run is recorded in the transaction that makes its changes, so running it again is safe.
    """

    exit_code: ClassVar[int] = 6
