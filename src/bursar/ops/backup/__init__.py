"""Backups that are known to restore, and a restore that goes beside the live database first."""

from bursar.ops.backup.beside import Outcome, Restore, plan_back, prepare, restore
from bursar.ops.backup.errors import BackupDamaged, BackupError, Hidden
from bursar.ops.backup.manifest import Manifest, Verification
from bursar.ops.backup.shelf import (
    Shelved,
    is_of,
    latest_verified,
    latest_verified_of,
    list_backups,
    remove,
    to_remove,
)
from bursar.ops.backup.swap import Swap, carry_out
from bursar.ops.backup.take import Backup, take_backup
from bursar.ops.backup.verify import Verified, verify_backup

__all__ = [
    "Backup",
    "BackupDamaged",
    "BackupError",
    "Hidden",
    "Manifest",
    "Outcome",
    "Restore",
    "Shelved",
    "Swap",
    "Verification",
    "Verified",
    "carry_out",
    "is_of",
    "latest_verified",
    "latest_verified_of",
    "list_backups",
    "plan_back",
    "prepare",
    "remove",
    "restore",
    "take_backup",
    "to_remove",
    "verify_backup",
]
