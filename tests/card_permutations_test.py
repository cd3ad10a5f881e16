"""A card payment's events in every order, some twice: what is in the end depends on their set.

With `BURSAR_LONG=1` every event that was delivered comes again after every beginning of an order.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from bursar.db.embedded import Cluster
from tests.card_walk import Story, walk
from tests.ledger_in_sql import Ledger, done
from tests.market import Event, Payment, buy, checkout, configure, lead
from tests.storms import LONG

BUYER, ADA, BOB, EVE = (f"0000000{n}-0000-4000-8000-000000000000" for n in range(1, 5))
_log = logging.getLogger("tests")


def three_leads(ledger: Ledger) -> list[str]:
    """Leads of two sellers, at odd prices and an odd fee."""
    configure(ledger.admin, fee_basis_points=333)
    made = [
        lead(ledger.admin, price, seller=seller)
        for price, seller in ((101, ADA), (33, ADA), (77, BOB))
    ]
    for place, one in enumerate(made):
        ledger.admin.execute("UPDATE public.leads SET title = %s WHERE id = %s", [place, one])
    return made


def cart(ledger: Ledger) -> Payment:
    """They are reserved."""
    return checkout(ledger, BUYER, three_leads(ledger))


def paid_refunded_and_disputed(ledger: Ledger) -> Sequence[Event]:
    payment = cart(ledger)
    return (
        payment.completed(),
        payment.succeeded(),
        payment.expired(),
        payment.refunded(70),
        payment.refunded(payment.amount),
        payment.dispute("funds_withdrawn", 150),
        payment.dispute("funds_reinstated", 150),
    )


def paid_later_or_not(ledger: Ledger) -> Sequence[Event]:
    payment = cart(ledger)
    return (
        payment.completed("unpaid"),
        payment.failed(),
        payment.succeeded(),
        payment.expired(),
        payment.refunded(69),
    )


def a_dispute_is_lost(ledger: Ledger) -> Sequence[Event]:
    payment = cart(ledger)
    return (
        payment.completed(),
        payment.expired(),
        payment.refunded(70),
        payment.dispute("funds_withdrawn", 141),
        payment.dispute("closed", 141, status="lost"),
        payment.dispute("funds_reinstated", 141),
    )


def a_top_up(ledger: Ledger) -> Sequence[Event]:
    opened = done(ledger.one("open_top_up", workspace_id=BUYER, credits=1001))
    payment = Payment(opened["payment_id"], opened["amount"])
    return (
        payment.completed(),
        payment.expired(),
        payment.refunded(334),
        payment.refunded(payment.amount),
        payment.dispute("funds_withdrawn", 500),
        payment.dispute("funds_reinstated", 500),
    )


def without_one_lead(ledger: Ledger) -> Payment:
    """A checkout of three leads, one of which somebody else bought when it had lapsed."""
    made = three_leads(ledger)
    payment = checkout(ledger, BUYER, made)
    ledger.admin.execute(
        "UPDATE public.marketplace_purchase_items SET reserved_until = now() - interval '1 hour'"
    )
    done(ledger.one("grant", owner_id=EVE, asset="workspace_credit", amount=100))
    done(buy(ledger, EVE, made[1:2]))
    return payment


def one_lead_is_gone(ledger: Ledger) -> Sequence[Event]:
    payment = without_one_lead(ledger)
    return (
        payment.completed(),
        payment.expired(),
        payment.refunded(20),
        payment.refunded(90),
        payment.dispute("funds_withdrawn", 100),
    )


def what_is_owed_is_lost_by_a_dispute(ledger: Ledger) -> Sequence[Event]:
    """The buyer's bank takes back the money of the lead that was gone, before we do."""
    payment = without_one_lead(ledger)
    return (
        payment.completed(),
        payment.refunded(20),
        payment.dispute("funds_withdrawn", 33),
        payment.dispute("closed", 33, status="lost"),
    )


def both_sellers_owe(ledger: Ledger) -> Sequence[Event]:
    for seller, amount in ((ADA, -50), (BOB, -500)):
        wanted = {"owner_id": seller, "asset": "workspace_credit", "amount": amount}
        done(ledger.one("adjust", **wanted, shortfall="debt"))
    payment = cart(ledger)
    return (
        payment.completed(),
        payment.refunded(70),
        payment.refunded(140),
        payment.dispute("funds_withdrawn"),
        payment.dispute("funds_reinstated"),
    )


def another_amount_and_two_disputes(ledger: Ledger) -> Sequence[Event]:
    payment = cart(ledger)
    other = payment.dispute("funds_withdrawn", 31)
    other["data"]["object"]["id"] = "dp_other"
    return (
        payment.session("completed", amount_total=payment.amount - 1),
        payment.succeeded(),
        other,
        payment.dispute("funds_withdrawn", 99),
        payment.dispute("funds_reinstated", 99),
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """What a set of events says, put together anew; money in minor units, one a credit."""

    paid: bool
    failed: bool
    expired: bool
    refunded: int
    disputed: int
    lost: int


def facts_of(events: Sequence[Event], amount: int) -> Facts:
    told: list[tuple[str, dict[str, Any]]] = [(e["type"], e["data"]["object"]) for e in events]
    disputes: dict[str, dict[str, int]] = {}
    for kind, what in told:
        if kind.startswith("charge.dispute."):
            end = f"{kind} {what['status']}" if kind.endswith("closed") else kind
            disputes.setdefault(what["id"], {})[end.removeprefix("charge.dispute.")] = what[
                "amount"
            ]
    if not any(what.get("payment_intent") for kind, what in told if "dispute" not in kind):
        disputes.clear()  # nothing has told yet whose intent they name
    withdrawn = [one for one in disputes.values() if "funds_withdrawn" in one]
    lost = sum(one["funds_withdrawn"] for one in withdrawn if "closed lost" in one)
    open_ones = [one for one in withdrawn if not one.keys() & {"closed lost", "funds_reinstated"}]
    sessions = [
        (kind.removeprefix("checkout.session."), what["payment_status"], what["amount_total"])
        for kind, what in told
        if kind.startswith("checkout.session.")
    ]
    return Facts(
        paid=bool(
            {("completed", "paid", amount), ("async_payment_succeeded", "paid", amount)}
            & set(sessions)
        ),
        failed=any(kind == "async_payment_failed" for kind, _, _ in sessions),
        expired=any(kind == "expired" for kind, _, _ in sessions),
        refunded=max(
            [what["amount_refunded"] for k, what in told if k == "charge.refunded"] or [0]
        ),
        disputed=lost + sum(one["funds_withdrawn"] for one in open_ones),
        lost=lost,
    )


def check(state: dict[str, Any], before: dict[str, Any], facts: Facts) -> None:
    """A state is the one that the facts ask for; `before` is that without any event."""
    [payment] = state["payments"]
    amount = payment["amount"]
    owed = sum(item[4] for item in state["items"] or () if item[2] == "gone")
    due = amount - owed
    # What was refunded or lost covers what is owed first; what is held and not lost does not.
    gone = max(0, facts.refunded + facts.lost - owed) + facts.disputed - facts.lost
    back = min(due, gone) if facts.paid else 0
    ended = facts.paid and facts.refunded + facts.lost >= amount
    status = (
        "refunded"
        if ended
        else "paid"
        if facts.paid
        else "failed"
        if facts.failed
        else "expired"
        if facts.expired
        else "pending"
    )
    assert payment == payment | {
        "status": status,
        "paid": facts.paid,
        "refunded": facts.refunded,
        "disputed": facts.disputed,
        "owed": owed,
        "reversed": back,
    }
    by_card = [purchase[1] for purchase in state["purchases"] or () if purchase[0] == "stripe"]
    assert set(by_card) <= {"completed" if status == "paid" else status}
    held = {
        "refunded": {"refunded", "gone"},
        "paid": {"sold", "gone"},
        "pending": {"reserved"},
    }.get(status, {"released"})
    assert {item[2] for item in state["items"] or () if item[1] == "stripe"} <= held
    # What came in for the payees and the fee is what was paid, less what went back.
    assert outside(before) - outside(state) == (due - back if facts.paid else 0)
    entries = {(asset, owner): total for asset, owner, total in state["entries"] or ()}
    assert sum(entries.values()) == 0
    for owner, balance, totals in state["wallets"] or ():
        assert balance == entries.get(("workspace_credit", owner), 0)
        assert totals is None or balance == totals[0] + totals[1] - totals[2]
    # What was given back otherwise comes off what is owed; where that is all, nobody asks for more.
    covered = facts.refunded + facts.lost >= owed
    refund = ["issued", owed] if covered else ["owed", owed - facts.refunded]
    assert state["refunds"] == ([[*refund, "leads were gone"]] if owed else None)


def outside(state: dict[str, Any]) -> int:
    """What the world has, by the entries."""
    totals = [total for _, owner, total in state["entries"] or () if owner == "system:external"]
    return sum(totals)


@pytest.mark.slow
@pytest.mark.parametrize(
    "story",
    [
        paid_refunded_and_disputed,
        paid_later_or_not,
        a_dispute_is_lost,
        a_top_up,
        one_lead_is_gone,
        what_is_owed_is_lost_by_a_dispute,
        both_sellers_owe,
        another_amount_and_two_disputes,
    ],
    ids=lambda story: story.__name__,
)
def test_the_end_depends_on_the_set_of_events_alone(
    cluster: Cluster, template: str, story: Story
) -> None:
    walked = walk(cluster, template, story, LONG)

    _log.info("%s: %s", story.__name__, walked.told())
    assert walked.faults == [], "\n\n".join(walked.faults[:3])
    count = len(walked.events)
    assert len(walked.states) == 2**count
    assert walked.orders == math.factorial(count)
    before = walked.states[frozenset()]
    for chosen, state in walked.states.items():
        facts = facts_of([walked.events[one] for one in chosen], state["payments"][0]["amount"])
        check(state, before, facts)
