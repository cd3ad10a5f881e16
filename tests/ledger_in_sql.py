"""The ledger as SQL alone shows it: what tests of the kernel ask, and how they look.

Tests of one file share a database, so each works with new owners and checks what it did itself.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import psycopg.sql
from psycopg.types.json import Jsonb

from bursar.db.scratch import ScratchDatabase
from tests.promises import broken_promises

Outcome = dict[str, Any]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(slots=True)
class Ledger:
    """One ledger: `admin` is the superuser's connection, `caller` that of the service's role."""

    database: ScratchDatabase
    admin: psycopg.Connection = field(init=False)
    caller: psycopg.Connection = field(init=False)

    def __post_init__(self) -> None:
        self.admin = self.database.connect()
        self.caller = self.database.connect("service_role")

    def ask(
        self, verb: str, requests: Sequence[object], by: psycopg.Connection | None = None
    ) -> list[Outcome]:
        """Send a batch to `bursar.<verb>`; every request has an outcome, in order."""
        row = (
            (by or self.caller)
            .execute(
                psycopg.sql.SQL("SELECT bursar.{}(%s)").format(psycopg.sql.Identifier(verb)),
                [Jsonb(list(requests))],
            )
            .fetchone()
        )
        assert row is not None
        outcomes: list[Outcome] = row[0]
        assert len(outcomes) == len(requests)
        return outcomes

    def one(self, verb: str, by: psycopg.Connection | None = None, /, **request: object) -> Outcome:
        """Send one request."""
        return self.ask(verb, [request], by)[0]

    def rows(self, query: LiteralString, *arguments: object) -> list[tuple[Any, ...]]:
        """Run a query as the superuser."""
        return self.admin.execute(query, arguments).fetchall()

    def value(self, query: LiteralString, *arguments: object) -> Any:
        """Answer the only value of a query."""
        [(value,)] = self.rows(query, *arguments)
        return value

    def funded(self, amount: int, asset: str = "credit") -> str:
        """Somebody new with so much."""
        owner_id = str(uuid.uuid4())
        done(self.one("grant", owner_id=owner_id, asset=asset, amount=amount))
        return owner_id

    def wallet(self, owner_id: str, asset: str = "credit") -> tuple[int, int, int]:
        """Balance, held and owed; zeros where there is no wallet."""
        found = self.value("SELECT bursar.read_wallet(%s, %s)", owner_id, asset)
        return (0, 0, 0) if found is None else (found["balance"], found["held"], found["owed"])

    def entries(self, transaction_id: int) -> list[tuple[str, str, int, str]]:
        """Asset, owner, amount and bucket of each entry of a transaction."""
        return self.rows(
            "SELECT asset, owner_id, amount, bucket FROM bursar.entry"
            " WHERE transaction_id = %s ORDER BY line",
            transaction_id,
        )

    def register_gem(self) -> None:
        """Register `gem`, an asset without a table of its own and with owners of any name."""
        self.admin.execute("SELECT bursar.register_asset('gem')")

    def stop_clock(self) -> None:
        """Make the ledger read the time from a table that only `advance` changes."""
        self.admin.execute("CREATE TABLE IF NOT EXISTS public.stopped_clock (now timestamptz)")
        self.admin.execute(
            "INSERT INTO public.stopped_clock SELECT %s"
            " WHERE NOT EXISTS (SELECT FROM public.stopped_clock)",
            [NOON],
        )
        self.admin.execute(
            "CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
            " RETURN (SELECT now FROM public.stopped_clock)"
        )

    def advance(self, seconds: int) -> None:
        """Let so many seconds pass on the stopped clock."""
        self.admin.execute(
            "UPDATE public.stopped_clock SET now = now + %s", [timedelta(seconds=seconds)]
        )

    def is_blocked(self, session: psycopg.Connection) -> bool:
        """Whether a session waits for a lock that another one holds."""
        return bool(
            self.value("SELECT cardinality(pg_blocking_pids(%s)) > 0", session.info.backend_pid)
        )

    @contextmanager
    def held_by_somebody(
        self, query: LiteralString, *arguments: object
    ) -> Iterator[psycopg.Connection]:
        """Run a query in a transaction of another session that stays open meanwhile."""
        with psycopg.connect(self.database.url) as forgotten:
            forgotten.execute(query, arguments)
            yield forgotten
            forgotten.rollback()

    def keeps_its_promises(self) -> None:
        """Check P1 to P9 on everything that is there."""
        assert broken_promises(self.admin) == []


def done(outcome: Outcome) -> Outcome:
    """The outcome, which must be done."""
    assert outcome["status"] == "done", outcome
    return outcome


def code(outcome: Outcome) -> str:
    """The code of an outcome, which must be refused in a sentence that begins with the code."""
    assert outcome["status"] == "refused", outcome
    assert outcome["message"].startswith(f"{outcome['code']}: "), outcome
    answer: str = outcome["code"]
    return answer
