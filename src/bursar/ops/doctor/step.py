"""A repair as data: what it runs, what it needs, and how it is undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bursar.ops.doctor.finding import Finding

# adds: it adds, validates or switches on; what worked goes on working. changes: it replaces or
# widens something that is there, so somebody is asked.
Risk = Literal["adds", "changes"]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL that is sent at once. `alone` is what no transaction may hold.

    `proves` looks at every row under a lock that stops nobody; it is left out while rows stand in
    the way. All others hold locks that stop people, so they have to end soon, or are undone.
    """

    sql: str
    alone: bool = False
    proves: bool = False


@dataclass(frozen=True, slots=True)
class Blocker:
    """Rows that stand in a step's way. `rows` lists them, `count` counts them.

    `quarantine` moves them into a side table, one statement a transaction; only when told so, and
    never where `every` says that it would be every row of the table: then not the rows are wrong.
    """

    sentence: str
    count: str
    rows: str
    proposal: str
    quarantine: str = ""
    every: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One repair of one finding.

    `guards_first`: what it does before it proves anything is worth having by itself, since it
    holds for every row from then on. `cleanup` takes away what a broken-off step leaves behind.
    """

    finding: Finding
    risk: Risk
    statements: Sequence[Statement]
    undo: Sequence[str]
    table: str | None = None
    blockers: Sequence[Blocker] = ()
    guards_first: bool = False
    cleanup: Sequence[str] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the step as JSON."""
        return {
            "finding": self.finding.id,
            "risk": self.risk,
            "statements": [statement.sql for statement in self.statements],
            "undo": list(self.undo),
            "blockers": [blocker.sentence for blocker in self.blockers],
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """A finding that is only reported, and why."""

    finding: Finding
    why: str

    def as_data(self) -> dict[str, str]:
        """Return the refusal as JSON."""
        return {"finding": self.finding.id, "why": self.why}


def one(sql: str, *, alone: bool = False) -> tuple[Statement]:
    """Return one statement."""
    return (Statement(sql, alone),)


def literal(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def guarded(condition: str, command: str) -> str:
    """Return SQL that runs `command` only where `condition` holds, so that twice is as once."""
    return f"DO $doctor$ BEGIN IF {condition} THEN {command}; END IF; END $doctor$"


def has_constraint(table: str, name: str) -> str:
    """Return the condition that a table has a constraint of that name."""
    return (
        "EXISTS (SELECT FROM pg_catalog.pg_constraint"
        f" WHERE conrelid = {literal(table)}::regclass AND quote_ident(conname) = {literal(name)})"
    )
