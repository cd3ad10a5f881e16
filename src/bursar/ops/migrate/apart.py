"""What a step has done apart from its transaction, beside the traffic: indexes and validations.

`concurrent.sql` beside `up.sql` holds statements of three kinds, which block nobody but other
changes of the same table:

    CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] name ON schema.table …;
    ALTER TABLE schema.table VALIDATE CONSTRAINT name;
    DROP INDEX CONCURRENTLY IF EXISTS schema.name;

They run one by one after the transaction of their run. Whether one is done is not remembered: the
catalogue says it. So a run that was killed is taken up by the next one, wherever it was killed. An
index that an interrupted build left invalid is dropped and made again.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.ops.migrate.errors import Busy, SourceInvalid, SqlFailed
from bursar.ops.migrate.session import Connection, Limits, run_alone, translated
from bursar.ops.migrate.source import Step
from bursar.ops.migrate.statements import split

Kind = Literal["index", "validation", "removal"]

_NAME = r'(?:[a-z_][a-z0-9_]*|"[^"]+")'
_FORMS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "index",
        re.compile(
            r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
            rf"(?P<name>{_NAME})\s+ON\s+(?P<schema>{_NAME})\.(?P<table>{_NAME})\b.*",
            re.IGNORECASE | re.DOTALL,
        ),
    ),
    (
        "validation",
        re.compile(
            rf"ALTER\s+TABLE\s+(?P<schema>{_NAME})\.(?P<table>{_NAME})\s+"
            rf"VALIDATE\s+CONSTRAINT\s+(?P<name>{_NAME})",
            re.IGNORECASE,
        ),
    ),
    (
        "removal",
        re.compile(
            rf"DROP\s+INDEX\s+CONCURRENTLY\s+IF\s+EXISTS\s+(?P<schema>{_NAME})\.(?P<name>{_NAME})",
            re.IGNORECASE,
        ),
    ),
)
_STANDS = """
    SELECT i.indisvalid AND i.indisready AS stands
    FROM pg_catalog.pg_index AS i WHERE i.indexrelid = pg_catalog.to_regclass(%s)
"""
_VALIDATED = """
    SELECT convalidated AS stands FROM pg_catalog.pg_constraint
    WHERE conrelid = pg_catalog.to_regclass(%s) AND conname = %s
"""
_BUILDERS = """
    SELECT count(*) AS builders FROM pg_catalog.pg_stat_progress_create_index
    WHERE index_relid = pg_catalog.to_regclass(%s)
"""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Apart:
    """One statement of a `concurrent.sql`: the file, what it makes, and its text."""

    path: str
    kind: Kind
    schema: str
    table: str
    name: str
    statement: str

    @property
    def target(self) -> str:
        """The qualified name of the index, or of the constraint after its table's."""
        owner = f"{self.schema}.{self.table}" if self.kind == "validation" else self.schema
        return f"{owner}.{self.name}"

    @property
    def title(self) -> str:
        """What is done, in words."""
        if self.kind == "validation":
            return f"validates {self.name} of {self.schema}.{self.table}"
        return f"{'builds' if self.kind == 'index' else 'drops'} {self.target}"

    @property
    def in_transaction(self) -> str:
        """The same for an editor that puts everything into a transaction: it blocks writers.

        An index that is there and valid is left as it is, so it can be built beforehand.
        """
        plain = re.sub(r"\s+CONCURRENTLY\b", "", self.statement, count=1, flags=re.IGNORECASE)
        if self.kind != "index":
            return f"{plain};"
        if not re.search(r"\bIF\s+NOT\s+EXISTS\b", plain, re.IGNORECASE):
            plain = re.sub(r"(\bINDEX)\s", r"\1 IF NOT EXISTS ", plain, count=1, flags=re.I)
        return f"{self.clean_up}\n{plain};"

    @property
    def clean_up(self) -> str:
        """SQL that removes the index where an interrupted build has left it invalid."""
        return (
            "DO $invalid$\nBEGIN\n"
            "    IF EXISTS (SELECT FROM pg_catalog.pg_index\n"
            f"        WHERE indexrelid = pg_catalog.to_regclass('{self.target}')"
            " AND NOT indisvalid)\n"
            f"    THEN\n        DROP INDEX {self.target};\n    END IF;\nEND\n$invalid$;"
        )


def apart_of(step: Step) -> tuple[Apart, ...]:
    """Return the statements of a step's `concurrent.sql`.

    Raises `SourceInvalid` for a statement of another kind: it might not bear repetition, or block.
    """
    path = step.path("concurrent")
    found = []
    for statement in split(step.concurrent):
        for kind, form in _FORMS:
            matched = form.fullmatch(statement)
            if matched is not None:
                parts = {"table": "", **matched.groupdict()}
                found.append(
                    Apart(path, kind, parts["schema"], parts["table"], parts["name"], statement)
                )
                break
        else:
            raise SourceInvalid(
                f"{path}: '{' '.join(statement.split())[:60]}' has no place there. It takes CREATE "
                "INDEX CONCURRENTLY name ON schema.table, ALTER TABLE schema.table VALIDATE "
                "CONSTRAINT name, and DROP INDEX CONCURRENTLY IF EXISTS schema.name."
            )
    return tuple(found)


def missing(connection: Connection, steps: Iterable[Step]) -> tuple[Apart, ...]:
    """Return what these steps would have apart from them and the catalogue does not show."""
    return tuple(
        one for step in steps for one in apart_of(step) if _stands(connection, one) is not True
    )


def complaint_of(connection: Connection, one: Apart) -> str:
    """Return what is wrong with what a statement should have made; nothing where it stands."""
    stands = _stands(connection, one)
    if stands is True:
        return ""
    if one.kind == "removal":
        return f"the index {one.target} is still there."
    if stands is None:
        return f"{one.target} is missing."
    wrong = "is not validated" if one.kind == "validation" else "is invalid"
    return f"{one.target} {wrong}; `bursar migrate up` takes it up again."


def carry_out(connection: Connection, pieces: Sequence[Apart], limits: Limits) -> list[str]:
    """Do what is missing, one statement after the other; return what was done.

    `connection` has no transaction open. Raises `Busy` when somebody who builds the same index
    does not finish, `SqlFailed` when a statement fails or what it made does not stand after it.
    """
    done = []
    for one in pieces:
        _wait_for_builders(connection, one, limits)
        stands = _stands(connection, one)
        if stands is True:
            continue
        if one.kind == "index" and stands is False:
            drop = f"DROP INDEX CONCURRENTLY IF EXISTS {one.target}"
            run_alone(connection, one.path, drop, limits, patient=True)
        run_alone(connection, one.path, one.statement, limits, patient=True)
        complaint = complaint_of(connection, one)
        if complaint:
            raise SqlFailed(f"{one.path}: {complaint}", None)
        done.append(one.title)
    return done


def _stands(connection: Connection, one: Apart) -> bool | None:
    """Whether it is as it should be; None where there is nothing of that name."""
    with translated(one.path):
        if one.kind == "validation":
            arguments = [f"{one.schema}.{one.table}", one.name.strip('"')]
            row = connection.execute(_VALIDATED, arguments).fetchone()
        else:
            row = connection.execute(_STANDS, [one.target]).fetchone()
    if one.kind == "removal":
        return row is None
    return None if row is None else bool(row["stands"])


def _wait_for_builders(connection: Connection, one: Apart, limits: Limits) -> None:
    """Wait for a build that goes on though whoever began it was killed: it may still succeed."""
    if one.kind != "index":
        return
    deadline = time.monotonic() + limits.runner_wait_ms / 1000
    while True:
        with translated(one.path):
            row = connection.execute(_BUILDERS, [one.target]).fetchone()
        if row is None or not row["builders"]:
            return
        if time.monotonic() > deadline:
            raise Busy(
                f"Somebody has been building {one.target} for more than "
                f"{limits.runner_wait_ms / 1000:g} s. Nothing was changed; try again later."
            )
        time.sleep(_LOOK_SECONDS)
