"""What the tests do to the shop behind its doors: send events of the store, claim, look."""

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.at_once import at_once
from tests.ledger_in_sql import Ledger, Outcome, code, done
from tests.sale import SHIELD, Event, Sale, new_user

SERVICE = {"role": "service_role"}
WEEK = timedelta(days=7)
_numbers = itertools.count(1)


def take(ledger: Ledger, event: Event, **fields: object) -> Outcome:
    """Take an event of the store."""
    return ledger.one("take_store_event", event=event, **fields)


def request_of(sale: Sale, user_id: str = "", **fields: Any) -> dict[str, Any]:
    """The request that claims a sale."""
    return {
        "user_id": user_id or sale.user_id,
        "sku": sale.sku,
        "tx_id": sale.tx_id,
        "caller": SERVICE,
    } | fields


def claim(ledger: Ledger, sale: Sale, user_id: str = "", **fields: object) -> Outcome:
    """Claim what was bought; for its buyer, unless somebody else is named."""
    return ledger.one("claim_purchase", **request_of(sale, user_id, **fields))


def sold(ledger: Ledger, user_id: str = "", sku: str = SHIELD, **fields: Any) -> Sale:
    """Somebody, new unless named, has bought something, and the store has told us."""
    sale = Sale(user_id or new_user(), sku, **fields)
    assert done(take(ledger, sale.purchase()))["effect"] == "applied"
    return sale


def claimed(ledger: Ledger, user_id: str = "", sku: str = SHIELD, **fields: Any) -> Sale:
    """The same, and it was claimed."""
    sale = sold(ledger, user_id, sku, **fields)
    done(claim(ledger, sale))
    return sale


def claims_of(ledger: Ledger, tx_id: str) -> list[tuple[Any, ...]]:
    """Whose claim, of what, how it stands, beyond its caps or not, by whom and why."""
    return ledger.rows(
        "SELECT user_id, sku, status, amount, is_override, transaction_id, actor, reason"
        " FROM public.purchase_claims WHERE tx_id = %s",
        tx_id,
    )


def purchase_of(ledger: Ledger, tx_id: str) -> tuple[Any, ...] | None:
    """Whose purchase, of what, how it stands: type of the last event, refunded, provisional."""
    rows = ledger.rows(
        "SELECT user_id, sku, status, is_refunded, is_provisional"
        " FROM public.audit_purchases WHERE tx_id = %s",
        tx_id,
    )
    return rows[0] if rows else None


def kept(ledger: Ledger, event_id: str) -> tuple[Any, ...]:
    """How an event stands in the inbox, and how often it came."""
    [row] = ledger.rows("SELECT status, deliveries FROM bursar.inbox WHERE event_id = %s", event_id)
    return row


def wallet(ledger: Ledger, user_id: str) -> tuple[int, datetime | None]:
    """The shields somebody has, and until when their booster runs."""
    rows = ledger.rows(
        "SELECT streakshield_count, xp_booster_until FROM public.user_wallet_balances"
        " WHERE user_id = %s",
        user_id,
    )
    return rows[0] if rows else (0, None)


def owed(ledger: Ledger, user_id: str) -> int:
    """The shields somebody owes."""
    return ledger.wallet(user_id, "streak_shield")[2]


def work(ledger: Ledger, limit: int = 1000) -> dict[str, Any]:
    """What may be carried out now, and how much waits."""
    found: dict[str, Any] = ledger.value("SELECT bursar.waiting_store_work(%s)", limit)
    return found


def replay(ledger: Ledger) -> list[Outcome]:
    """Carry out what may be carried out now: events first, then claims, each in order."""
    waiting = work(ledger)
    return [
        *(ledger.one("take_store_event", **request) for request in waiting["events"]),
        *(ledger.one("claim_purchase", **request) for request in waiting["claims"]),
    ]


def queue_of(ledger: Ledger, user_id: str) -> list[tuple[Any, ...]]:
    """What somebody's claims wait for, and how they stand."""
    return ledger.rows(
        "SELECT tx_id, waits_for, status, attempts, outcome ->> 'status' FROM public.claim_queue"
        " WHERE user_id = %s ORDER BY id",
        user_id,
    )


@contextmanager
def switched(ledger: Ledger, **switches: object) -> Iterator[None]:
    """Set switches by plain SQL, and set them back afterwards."""
    before = {
        key: ledger.value("SELECT value FROM public.store_config WHERE key = %s", key)
        for key in switches
    }
    switch(ledger, **switches)
    try:
        yield
    finally:
        switch(ledger, **before)


def switch(ledger: Ledger, **switches: object) -> None:
    """Set switches by plain SQL."""
    for key, value in switches.items():
        ledger.admin.execute(
            "UPDATE public.store_config SET value = %s WHERE key = %s", [Jsonb(value), key]
        )


def _put_on_sale(connection: psycopg.Connection, sku: str) -> str:
    connection.execute(
        "UPDATE public.store_config SET value = value || %s WHERE key = 'sku_enabled'",
        [Jsonb({sku: True})],
    )
    return sku


def new_item(
    connection: psycopg.Connection, amount: int = 1, *, asset: str = "streak_shield"
) -> str:
    """Put a new item on sale, without caps."""
    sku = f"item_{next(_numbers)}_{uuid.uuid4().hex[:6]}"
    connection.execute(
        "INSERT INTO public.skus (sku, kind, asset, amount) VALUES (%s, 'item', %s, %s)",
        [sku, asset, amount],
    )
    return _put_on_sale(connection, sku)


def new_booster(
    connection: psycopg.Connection, stacking: str = "max", duration: timedelta = WEEK
) -> str:
    """Put a new booster on sale, without caps."""
    sku = f"booster_{next(_numbers)}_{uuid.uuid4().hex[:6]}"
    connection.execute(
        "INSERT INTO public.skus (sku, kind, duration_seconds, stacking)"
        " VALUES (%s, 'booster', %s, %s)",
        [sku, int(duration.total_seconds()), stacking],
    )
    return _put_on_sale(connection, sku)


def cap(
    connection: psycopg.Connection,
    sku: str,
    period: str,
    allowed: int,
    *,
    measure: str = "count",
    zone: str = "UTC",
    rolling: timedelta | None = None,
) -> str:
    """Put a cap on what may be claimed of a SKU; its name is answered."""
    name = f"{period} {measure} {zone}"
    connection.execute(
        "INSERT INTO public.sku_caps (sku, cap, period, rolling_seconds, measure, allowed, zone)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            sku,
            name,
            period,
            None if rolling is None else int(rolling.total_seconds()),
            measure,
            allowed,
            zone,
        ],
    )
    return name


def set_clock(ledger: Ledger, now: datetime) -> None:
    """Stop the ledger's clock at a moment."""
    ledger.stop_clock()
    ledger.admin.execute("UPDATE public.stopped_clock SET now = %s", [now])


def claim_at(ledger: Ledger, now: datetime, user: str, sku: str = SHIELD) -> Outcome:
    """Buy and claim with the clock stopped."""
    set_clock(ledger, now)
    return claim(ledger, sold(ledger, user, sku))


def refused_until(outcome: Outcome) -> datetime | None:
    """When the cap that refused a claim frees up; never, where it does not."""
    assert code(outcome) == "CAP_EXCEEDED", outcome
    at = outcome["details"]["frees_up_at"]
    return None if at is None else datetime.fromisoformat(at)


def unclean(ledger: Ledger) -> list[tuple[Any, ...]]:
    """What the operators' own check finds; and the promises hold."""
    ledger.keeps_its_promises()
    return ledger.rows("SELECT * FROM public.check_wallet_integrity()")


def insist(ledger: Ledger, verb: str, by: psycopg.Connection, request: dict[str, Any]) -> Outcome:
    """Send a request, and again where it is answered BUSY, as clients do."""
    for _ in range(20):
        outcome = ledger.one(verb, by, **request)
        if outcome.get("code") != "BUSY":
            return outcome
    raise AssertionError("BUSY for too long")


def insisted_at_once(ledger: Ledger, verb: str, requests: list[dict[str, Any]]) -> list[Outcome]:
    """Send each of these requests by itself, all at the same time, until none is BUSY."""
    return at_once(
        ledger.database,
        len(requests),
        lambda number, connection: insist(ledger, verb, connection, requests[number]),
    )
