"""Moves the schema: numbered steps up and down, routines kept at their current text.

A step's files are `migrations/NNNN_room[_detail]/{up,down,verify}.sql`; a routine is a file
`room/name.sql`. Every change is made under one lock, in one transaction, and verified inside it.
"""

from bursar.ops.migrate.commands import (
    apply_all,
    down,
    offline_sql,
    plan,
    plan_down,
    status,
    up,
    verify,
    write_revisions,
)
from bursar.ops.migrate.errors import (
    Busy,
    MigrationError,
    NotReached,
    SourceDiffers,
    SourceInvalid,
    SqlFailed,
)
from bursar.ops.migrate.report import Report
from bursar.ops.migrate.session import Limits, describe
from bursar.ops.migrate.source import Source
from bursar.ops.migrate.supabase_files import write_supabase_files

__all__ = [
    "Busy",
    "Limits",
    "MigrationError",
    "NotReached",
    "Report",
    "Source",
    "SourceDiffers",
    "SourceInvalid",
    "SqlFailed",
    "apply_all",
    "describe",
    "down",
    "offline_sql",
    "plan",
    "plan_down",
    "status",
    "up",
    "verify",
    "write_revisions",
    "write_supabase_files",
]
