"""kill -9 after each statement of a purchase: all of it is there or nothing, and a retry ends it.

Which statements there are is found out by a rehearsal: a trigger on every table counts them, and
stops the transaction at the one where it is to die. A backend that is killed takes the server down
with it, which recovers from its log; at some points the server itself is killed. Every run goes
through one statement in four; with `BURSAR_LONG=1` through each of them.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.db.scratch import ScratchDatabase
from tests.ledger_in_sql import Ledger, Outcome, done
from tests.market import Payment, buy, checkout, configure, lead, leads, new_id, reserve
from tests.patience import PATIENCE_SECONDS
from tests.promises import broken_promises
from tests.store import COUNTERS, digest
from tests.storms import some_of

pytestmark = pytest.mark.slow

EVERY = 4
# Every so often the postmaster dies instead of the backend.
POSTMASTER_EVERY = 5
_log = logging.getLogger("tests")

# After each statement that writes, in the order in which they are carried out. What is counted is
# undone with what it counts, as a retry inside the transaction is.
_COUNT = """
CREATE FUNCTION public.count_statement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_names CONSTANT text := concat_ws(', ', nullif(current_setting('crash.names', true), ''),
        lower(TG_OP) || ' ' || TG_TABLE_NAME);
BEGIN
    PERFORM set_config('crash.names', v_names, true);
    IF cardinality(string_to_array(v_names, ', ')) = current_setting('crash.point', true)::integer
    THEN
        PERFORM pg_sleep(60);
    END IF;
    RETURN NULL;
END
$$;
DO $$
DECLARE
    v_table regclass;
BEGIN
    FOR v_table IN SELECT oid FROM pg_class WHERE relkind = 'r'
        AND relnamespace IN ('public'::regnamespace, 'bursar'::regnamespace)
    LOOP
        EXECUTE format('CREATE TRIGGER zzz_count AFTER INSERT OR UPDATE OR DELETE ON %s
            FOR EACH STATEMENT EXECUTE FUNCTION public.count_statement()', v_table);
    END LOOP;
END
$$
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One request, and what it should leave."""

    verb: str
    request: dict[str, Any]
    expected: dict[str, Any]


def a_cart_for_credits(ledger: Ledger) -> Case:
    """It gives up a reservation of its own, and goes without a lead that is sold."""
    configure(ledger.admin, fee_basis_points=250)
    buyer = ledger.funded(1000, "workspace_credit")
    free = [*leads(ledger.admin, [101, 33]), lead(ledger.admin, 77)]
    sold = lead(ledger.admin, 9)
    done(buy(ledger, ledger.funded(9, "workspace_credit"), [sold]))
    done(reserve(ledger, buyer, free[:1]))
    request = {"buyer_workspace_id": buyer, "lead_ids": [*free, sold], "allow_partial": True}
    expected = {"amount": 211, "balance": 789, "conflicts": [{"lead_id": sold, "reason": "sold"}]}
    return Case("complete_credit_lead_purchase", request | {"key": new_id()}, expected)


def a_card_that_paid(ledger: Ledger) -> Case:
    """One of its leads is gone by then."""
    configure(ledger.admin, fee_basis_points=250)
    free = [*leads(ledger.admin, [101, 33]), lead(ledger.admin, 77)]
    payment = checkout(ledger, new_id(), free)
    ledger.admin.execute(
        "UPDATE public.marketplace_purchase_items SET reserved_until = now() - interval '1 hour'"
        " WHERE lead_id = %s",
        [free[0]],
    )
    done(buy(ledger, ledger.funded(500, "workspace_credit"), free[:1]))
    expected = {"effect": "applied", "payment_status": "paid", "purchase_status": "completed"}
    return Case("take_stripe_event", {"event": payment.completed()}, expected)


def a_card_that_is_refunded(ledger: Ledger) -> Case:
    """The sellers have not all of it any more."""
    seller = new_id()
    made = [*leads(ledger.admin, [101, 33], seller=seller), lead(ledger.admin, 77)]
    payment: Payment = checkout(ledger, new_id(), made)
    done(ledger.one("take_stripe_event", event=payment.completed()))
    done(ledger.one("adjust", owner_id=seller, asset="workspace_credit", amount=-100))
    expected = {"payment_status": "refunded", "purchase_status": "refunded"}
    return Case("take_stripe_event", {"event": payment.refunded(payment.amount)}, expected)


class Server:
    """A database whose server dies again and again."""

    def __init__(self, database: ScratchDatabase) -> None:
        self.database = database

    def connect(self) -> psycopg.Connection:
        """Connect, as soon as the server has recovered."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return psycopg.connect(self.database.url, autocommit=True)
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "The server did not come back."
                time.sleep(0.02)

    def ask(self, case: Case) -> Outcome:
        """Send the request, and wait for its answer."""
        with self.connect() as connection:
            return self._ask(connection, case)

    def rehearse(self, case: Case) -> list[str]:
        """Carry the request out, and say which statements it took."""
        with self.connect() as connection, connection.transaction(force_rollback=True):
            done(self._ask(connection, case))
            [(names,)] = connection.execute("SELECT current_setting('crash.names')")
        return str(names).split(", ")

    def die_at(self, case: Case, point: int, kind: str) -> None:
        """Send the request, and kill `kind` when the statement of that number is done."""
        connection = self.connect()
        pid = connection.info.backend_pid
        connection.execute("SELECT set_config('crash.point', %s, false)", [str(point)])
        answers: list[Outcome] = []

        def ask() -> None:
            with contextlib.suppress(psycopg.OperationalError):
                answers.append(self._ask(connection, case))

        asking = threading.Thread(target=ask)
        asking.start()
        with self.connect() as watching:
            _await_sleep(watching, pid)
            postmaster = self.database.cluster.pid
            assert postmaster is not None
            os.kill(postmaster if kind == "postmaster" else pid, signal.SIGKILL)
            _await_end(watching)
        asking.join(PATIENCE_SECONDS)
        assert answers == []
        connection.close()
        if kind == "postmaster":
            self.database.cluster.start()

    @staticmethod
    def _ask(connection: psycopg.Connection, case: Case) -> Outcome:
        row = connection.execute(
            f"SELECT bursar.{case.verb}(%s)".encode(), [Jsonb([case.request])]
        ).fetchone()
        assert row is not None
        outcome: Outcome = row[0][0]
        return outcome


def _await_sleep(watching: psycopg.Connection, pid: int) -> None:
    """Wait until the transaction has come to its point."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not watching.execute(
        "SELECT pid FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", [pid]
    ).fetchone():
        assert time.monotonic() < deadline, "It did not come to that point."
        time.sleep(0.01)


def _await_end(watching: psycopg.Connection) -> None:
    """Wait until the server has noticed: it ends every session then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with contextlib.suppress(psycopg.OperationalError):
        while time.monotonic() < deadline:
            watching.execute("SELECT 1")
            time.sleep(0.01)
    assert watching.closed, "The server did not end."


@pytest.mark.parametrize(
    "make",
    [a_cart_for_credits, a_card_that_paid, a_card_that_is_refunded],
    ids=lambda make: make.__name__,
)
def test_a_purchase_that_dies_after_any_of_its_statements_is_all_there_or_not_at_all(
    durable: ScratchDatabase, make: Callable[[Ledger], Case]
) -> None:
    server = Server(durable)
    with server.connect() as connection:
        connection.execute(_COUNT)
    with contextlib.closing(durable):
        names = server.rehearse(make(Ledger(durable)))
    kinds: list[str] = []

    for place in some_of(len(names), EVERY):
        point, name = place + 1, names[place]
        with contextlib.closing(durable):
            case = make(Ledger(durable))
        before = state(server)
        kinds.append("postmaster" if len(kinds) % POSTMASTER_EVERY == 1 else "backend")
        server.die_at(case, point, kinds[-1])
        assert state(server) == before, f"Something was left at {point}, {name}."

        retried = server.ask(case)
        assert done(retried) == retried | case.expected | {"replayed": False}, name
        after = state(server)
        assert {table for table in after if after[table] != before[table]} >= set(tables(names))
        # As when the answer is lost: asked once more, nothing more happens.
        assert server.ask(case) == retried | {"replayed": True}, name
        assert {table for table in after if state(server)[table] != after[table]} <= {
            "bursar.inbox"
        }

    _log.info(
        "%s: killed after %s statements, %s times the postmaster, of: %s",
        make.__name__,
        len(kinds),
        kinds.count("postmaster"),
        ", ".join(names),
    )
    with server.connect() as connection:
        assert broken_promises(connection) == []


def state(server: Server) -> dict[str, str]:
    """A digest of every table's rows."""
    with server.connect() as connection:
        return digest(connection)


def tables(names: list[str]) -> set[str]:
    """Those that are written, with their schemas."""
    kernel = ("transaction", "entry", "inbox", "wallet")
    written = {name.partition(" ")[2] for name in names} - {"idempotency", *COUNTERS}
    return {f"{'bursar' if one in kernel else 'public'}.{one}" for one in written}
