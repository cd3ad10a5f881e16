"""Money owed back to cards: leased by one worker at a time, tried again later and later, noted."""

from datetime import datetime
from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import NOON, Ledger, done
from tests.market import (
    ASSET,
    Payment,
    buy,
    checkout,
    leads,
    new_id,
    take,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

LEASE = "SELECT bursar.lease_card_refunds(%s, %s)"
SETTLE = "SELECT bursar.settle_card_refund(%s, %s, %s)"


@pytest.fixture(autouse=True)
def _clock(ledger: Ledger) -> None:
    """Nothing is due but what the test itself makes."""
    ledger.stop_clock()
    ledger.admin.execute("DELETE FROM public.card_refunds")


def gone(ledger: Ledger, price: int = 10, **fields: object) -> Payment:
    """A payment for a lead that somebody else has by now."""
    [lead_id] = leads(ledger.admin, [price])
    payment = checkout(ledger, new_id(), [lead_id], reserve_seconds=60, **fields)
    ledger.advance(60)
    done(buy(ledger, ledger.funded(price, ASSET), [lead_id]))
    done(take(ledger, payment.completed() | {"livemode": fields.get("mode") == "live"}))
    return payment


def lease(
    ledger: Ledger, limit: int = 10, seconds: int = 60, by: psycopg.Connection | None = None
) -> list[dict[str, Any]]:
    """What a worker gets to do."""
    row = (by or ledger.caller).execute(LEASE, [limit, seconds]).fetchone()
    assert row is not None
    leased: list[dict[str, Any]] = row[0]
    return leased


def settle(ledger: Ledger, refund_id: str, *, done_as: str | None = None) -> dict[str, Any]:
    """Say what the card company answered: its refund's id, or an error."""
    answer: dict[str, Any] = ledger.value(
        SETTLE, refund_id, done_as, None if done_as else "card_declined"
    )
    return answer


def row(ledger: Ledger, refund_id: str) -> tuple[Any, ...]:
    """A refund as it stands."""
    [found] = ledger.rows(
        "SELECT status, refund_id, attempts, last_error, issued_at FROM public.card_refunds"
        " WHERE id = %s",
        refund_id,
    )
    return found


def issued_logged(ledger: Ledger, payment: Payment) -> list[dict[str, Any]]:
    """What the audit log says was issued."""
    return [
        details
        for (details,) in ledger.rows(
            "SELECT details FROM public.audit_logs WHERE action = 'refund_issued'"
            " AND details ->> 'payment_id' = %s",
            payment.payment_id,
        )
    ]


def test_what_is_owed_is_leased_with_all_that_a_worker_needs(ledger: Ledger) -> None:
    payment = gone(ledger, 25, mode="live")

    [leased] = lease(ledger)

    assert leased == {
        "refund_id": leased["refund_id"],
        "payment_id": payment.payment_id,
        "payment_intent": payment.intent,
        "amount": 25,
        "mode": "live",
        "attempts": 1,
    }
    assert row(ledger, leased["refund_id"]) == ("owed", None, 1, None, None)


def test_a_lease_is_for_one_worker_until_it_runs_out(ledger: Ledger) -> None:
    gone(ledger)
    [first] = lease(ledger, seconds=60)
    ledger.advance(59)
    assert lease(ledger) == []
    ledger.advance(1)

    [again] = lease(ledger)

    assert again == first | {"attempts": 2}


def test_two_workers_at_once_never_lease_the_same(ledger: Ledger) -> None:
    payments = {gone(ledger).payment_id for _ in range(5)}
    first, second = (ledger.database.connect("service_role", autocommit=False) for _ in range(2))
    second.execute("SET lock_timeout = '20ms'")
    second.commit()

    mine = {leased["payment_id"] for leased in lease(ledger, 2, by=first)}
    yours = {leased["payment_id"] for leased in lease(ledger, 10, by=second)}
    first.commit()
    second.commit()

    assert (len(mine), len(yours)) == (2, 3)
    assert mine | yours == payments
    assert lease(ledger) == []


def test_what_is_due_longest_comes_first(ledger: Ledger) -> None:
    payments = [gone(ledger).payment_id for _ in range(3)]

    assert [lease(ledger, 1)[0]["payment_id"] for _ in range(3)] == payments


def test_what_was_issued_is_noted_and_logged_once(ledger: Ledger) -> None:
    payment = gone(ledger)
    refund_id = lease(ledger)[0]["refund_id"]
    now: datetime = ledger.value("SELECT bursar.clock()")
    assert now > NOON

    answer = settle(ledger, refund_id, done_as="re_1")
    ledger.advance(10_000)
    again = settle(ledger, refund_id, done_as="re_2")
    late = settle(ledger, refund_id)

    assert (answer["refund_id"], answer["status"], answer["attempts"]) == (refund_id, "issued", 1)
    assert again["status"] is late["status"] is None
    assert row(ledger, refund_id) == ("issued", "re_1", 1, None, now)
    assert issued_logged(ledger, payment) == [
        {
            "payment_id": payment.payment_id,
            "refund_id": "re_1",
            "amount": 10,
            "currency": "usd",
            "attempts": 1,
        }
    ]
    assert lease(ledger) == []


def test_what_failed_is_tried_again_after_twice_as_long_at_most_an_hour(ledger: Ledger) -> None:
    gone(ledger)
    waits = []
    for attempt in range(1, 13):
        [leased] = lease(ledger)
        assert leased["attempts"] == attempt
        answer = settle(ledger, leased["refund_id"])
        assert answer["status"] == "owed"
        at: datetime = ledger.value("SELECT bursar.clock()")
        waits.append((datetime.fromisoformat(answer["next_attempt_at"]) - at).total_seconds())
        ledger.advance(int(waits[-1]) - 1)
        assert lease(ledger) == []
        ledger.advance(1)

    assert waits == [5 * 2**n for n in range(1, 10)] + [3600] * 3
    refund_id = lease(ledger)[0]["refund_id"]
    assert row(ledger, refund_id) == ("owed", None, 13, "card_declined", None)
    settle(ledger, refund_id, done_as="re_1")
    assert row(ledger, refund_id)[:4] == ("issued", "re_1", 13, None)


def test_an_event_that_overtakes_the_workers_note_changes_nothing(ledger: Ledger) -> None:
    payment = gone(ledger)
    refund_id = lease(ledger)[0]["refund_id"]

    outcome = done(take(ledger, payment.refunded(10)))
    assert outcome["purchase_status"] == "refunded"
    assert row(ledger, refund_id)[:2] == ("issued", None)
    settle(ledger, refund_id, done_as="re_1")

    assert row(ledger, refund_id)[:2] == ("issued", "re_1")
    assert [entry["refund_id"] for entry in issued_logged(ledger, payment)] == ["re_1"]
    assert lease(ledger) == []


def test_an_amount_that_was_asked_for_is_asked_for_again(ledger: Ledger) -> None:
    """Under one idempotency key the card company knows one amount."""
    asked, fresh = gone(ledger), gone(ledger)
    assert lease(ledger, 1)[0]["payment_id"] == asked.payment_id
    for payment in (asked, fresh):
        done(take(ledger, payment.refunded(4)))
    ledger.advance(60)

    leased = {found["payment_id"]: found["amount"] for found in lease(ledger)}

    assert leased == {asked.payment_id: 10, fresh.payment_id: 6}


def test_a_lost_dispute_has_given_the_money_back(ledger: Ledger) -> None:
    payment = gone(ledger)
    done(take(ledger, payment.dispute("funds_withdrawn")))
    done(take(ledger, payment.dispute("closed", status="lost")))

    assert lease(ledger) == []


def test_while_changes_are_paused_nothing_is_leased_or_noted(ledger: Ledger) -> None:
    gone(ledger)
    refund_id = lease(ledger)[0]["refund_id"]
    ledger.advance(60)

    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    assert lease(ledger) == []
    assert ledger.value(SETTLE, refund_id, "re_1", None) is None
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")

    assert row(ledger, refund_id)[0] == "owed"
    assert len(lease(ledger)) == 1


def test_only_the_service_leases_and_settles(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        caller = ledger.database.connect(role, new_id())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.execute(LEASE, [1, 1])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.execute(SETTLE, [new_id(), "re_1", None])


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
