"""What goes wrong with backups, said in words that never hold a password."""

from bursar.errors import BursarError


class BackupError(BursarError):
    """A backup could not be made, read or restored.

    Nothing that was there before has changed, unless the message says so.
    """


class BackupDamaged(BackupError):
    """A file is not the backup that it should be: cut off, altered, of another kind or place."""


class Hidden(BackupError):
    """The login does not see every row, so a backup of its making would lack some."""


class AnotherFile(BackupDamaged):
    """A manifest lies beside a file that it was not written for."""
