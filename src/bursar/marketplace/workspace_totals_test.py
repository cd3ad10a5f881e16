"""balance = purchased + earned - used, whatever moves it: what each kind of movement counts as."""

from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, Payment, buy, checkout, leads, new_id, take, totals

pytestmark = pytest.mark.postgres_versions("15", "18")

Totals = tuple[int, int, int, int]


def told(ledger: Ledger, verb: str, workspace: str, amount: int, **other: object) -> int:
    """Call a verb of the ledger; answers the transaction."""
    outcome = ledger.one(verb, owner_id=workspace, asset=ASSET, amount=amount, **other)
    transaction_id: int = done(outcome)["transaction_id"]
    return transaction_id


def raw(ledger: Ledger, query: LiteralString, workspace: str) -> None:
    """Run plain SQL on a workspace's wallet."""
    ledger.admin.execute(query, {"workspace": workspace})


def topped_up(ledger: Ledger, workspace: str, amount: int) -> Payment:
    """A top-up that was paid."""
    opened = done(ledger.one("open_top_up", workspace_id=workspace, credits=amount))
    payment = Payment(opened["payment_id"], amount)
    done(take(ledger, payment.completed()))
    return payment


def test_verbs_of_the_ledger(ledger: Ledger) -> None:
    workspace, other = new_id(), new_id()
    told(ledger, "grant", workspace, 100)
    assert totals(ledger, workspace) == (100, 0, 100, 0)
    told(ledger, "grant", workspace, 50, bucket="purchased")
    assert totals(ledger, workspace) == (150, 50, 100, 0)
    told(ledger, "spend", workspace, 30)
    told(ledger, "transfer", workspace, 20, to_owner_id=other)
    assert totals(ledger, workspace) == (100, 50, 100, 50)
    assert totals(ledger, other) == (20, 0, 20, 0)
    told(ledger, "adjust", workspace, 7)
    told(ledger, "adjust", workspace, -9)
    assert totals(ledger, workspace) == (98, 50, 107, 59)
    held = ledger.one("hold", owner_id=workspace, asset=ASSET, amount=8)
    assert totals(ledger, workspace) == (98, 50, 107, 59)
    done(ledger.one("capture", hold_id=done(held)["hold_id"]))
    assert totals(ledger, workspace) == (90, 50, 107, 67)


def test_what_corrects_something_is_counted_where_that_was(ledger: Ledger) -> None:
    workspace, other = new_id(), new_id()
    earned = told(ledger, "grant", workspace, 100)
    purchased = told(ledger, "grant", workspace, 50, bucket="purchased")
    paid = told(ledger, "transfer", workspace, 60, to_owner_id=other)
    assert totals(ledger, workspace) == (90, 50, 100, 60)

    for transaction_id, amount in ((paid, 10), (earned, 30), (purchased, 20)):
        done(ledger.one("refund", transaction_id=transaction_id, amount=amount))

    assert totals(ledger, workspace) == (50, 30, 70, 50)
    assert totals(ledger, other) == (50, 0, 50, 0)


def test_a_purchase_and_its_refund(ledger: Ledger) -> None:
    buyer, seller = ledger.funded(100, ASSET), new_id()
    bought = done(buy(ledger, buyer, leads(ledger.admin, [40, 20], seller=seller)))
    assert totals(ledger, buyer) == (40, 0, 100, 60)
    assert totals(ledger, seller) == (60, 0, 60, 0)

    done(ledger.one("refund_lead_purchase", purchase_id=bought["purchase_id"]))

    assert totals(ledger, buyer) == (100, 0, 100, 0)
    assert totals(ledger, seller) == (0, 0, 0, 0)


def test_a_payout_by_card_that_is_taken_back_and_paid_again(ledger: Ledger) -> None:
    buyer, seller = ledger.funded(3, ASSET), new_id()
    payment = checkout(ledger, buyer, leads(ledger.admin, [40], seller=seller))
    for event, after in (
        (payment.completed(), (40, 0, 40, 0)),
        (payment.refunded(10), (30, 0, 30, 0)),
        (payment.dispute("funds_withdrawn", 20), (10, 0, 10, 0)),
        (payment.dispute("funds_reinstated", 20), (30, 0, 30, 0)),
        (payment.refunded(40), (0, 0, 0, 0)),
    ):
        done(take(ledger, event))
        assert totals(ledger, seller) == after
    assert totals(ledger, buyer) == (3, 0, 3, 0)


def test_a_top_up_that_is_charged_back(ledger: Ledger) -> None:
    workspace = ledger.funded(5, ASSET)
    payment = topped_up(ledger, workspace, 40)
    assert totals(ledger, workspace) == (45, 40, 5, 0)
    done(take(ledger, payment.refunded(15)))
    assert totals(ledger, workspace) == (30, 25, 5, 0)
    done(take(ledger, payment.dispute("funds_withdrawn", 25)))
    assert totals(ledger, workspace) == (5, 0, 5, 0)


def test_a_debt_is_used_when_it_is_repaid(ledger: Ledger) -> None:
    workspace = new_id()
    payment = topped_up(ledger, workspace, 40)
    told(ledger, "spend", workspace, 30)
    done(take(ledger, payment.refunded(40)))

    # Ten were there to be taken back; thirty are owed.
    assert totals(ledger, workspace) == (0, 30, 0, 30)
    assert ledger.wallet(workspace, ASSET) == (0, 0, 30)
    told(ledger, "grant", workspace, 12)
    assert totals(ledger, workspace) == (0, 30, 12, 42)
    topped_up(ledger, workspace, 20)
    assert totals(ledger, workspace) == (2, 50, 12, 60)


def overdraw(ledger: Ledger, workspace: str) -> None:
    """Take more than is there, twice, and give something."""
    for amount in (-70, -1):
        told(ledger, "adjust", workspace, amount, shortfall="debt")
    told(ledger, "grant", workspace, 21)


RAW: dict[str, tuple[Callable[[Ledger, str], None], Totals]] = {
    "nothing": (lambda ledger, w: None, (50, 20, 30, 0)),
    "UPDATE up": (
        lambda ledger, w: raw(
            ledger,
            "UPDATE public.workspace_credits SET balance = 57 WHERE workspace_id = %(workspace)s",
            w,
        ),
        (57, 20, 37, 0),
    ),
    "UPDATE down": (
        lambda ledger, w: raw(
            ledger,
            "UPDATE public.workspace_credits SET balance = balance - 9"
            " WHERE workspace_id = %(workspace)s",
            w,
        ),
        (41, 20, 30, 9),
    ),
    "UPDATE of balance and totals": (
        lambda ledger, w: raw(
            ledger,
            "UPDATE public.workspace_credits SET balance = balance + 5,"
            " total_purchased = total_purchased + 5 WHERE workspace_id = %(workspace)s",
            w,
        ),
        (55, 25, 30, 0),
    ),
    "UPDATE of totals": (
        lambda ledger, w: raw(
            ledger,
            "UPDATE public.workspace_credits SET total_earned = total_earned + 5,"
            " total_used = total_used + 5 WHERE workspace_id = %(workspace)s",
            w,
        ),
        (50, 20, 35, 5),
    ),
    "UPDATE of something else": (
        lambda ledger, w: raw(
            ledger,
            "UPDATE public.workspace_credits SET created_at = now()"
            " WHERE workspace_id = %(workspace)s",
            w,
        ),
        (50, 20, 30, 0),
    ),
    "upsert": (
        lambda ledger, w: raw(
            ledger,
            "INSERT INTO public.workspace_credits (workspace_id, balance) VALUES (%(workspace)s, 8)"
            " ON CONFLICT (workspace_id) DO UPDATE"
            " SET balance = workspace_credits.balance + excluded.balance",
            w,
        ),
        (58, 20, 38, 0),
    ),
    "upsert to less": (
        lambda ledger, w: raw(
            ledger,
            "INSERT INTO public.workspace_credits (workspace_id, balance) VALUES (%(workspace)s, 8)"
            " ON CONFLICT (workspace_id) DO UPDATE SET balance = excluded.balance",
            w,
        ),
        (8, 20, 30, 42),
    ),
    "DELETE": (
        lambda ledger, w: raw(
            ledger, "DELETE FROM public.workspace_credits WHERE workspace_id = %(workspace)s", w
        ),
        (0, 0, 0, 0),
    ),
    "debt": (overdraw, (0, 20, 51, 71)),
}


@pytest.mark.parametrize("what", RAW)
def test_plain_sql_is_counted_and_what_comes_after_it(ledger: Ledger, what: str) -> None:
    """A wallet that was deleted comes back with the next credit."""
    workspace = new_id()
    told(ledger, "grant", workspace, 20, bucket="purchased")
    told(ledger, "grant", workspace, 30)
    movement, after = RAW[what]

    movement(ledger, workspace)

    assert totals(ledger, workspace) == after
    for change in (3, -2):
        told(ledger, "adjust", workspace, change)
        balance, purchased, earned, used = totals(ledger, workspace)
        assert balance == purchased + earned - used
        assert balance == ledger.wallet(workspace, ASSET)[0] == after[0] + 1 + (change > 0) * 2


@pytest.mark.parametrize(
    ("values", "after"),
    [((40, 0, 0, 0), (40, 0, 40, 0)), ((40, 100, 20, 80), (40, 100, 20, 80)), ((0,) * 4, (0,) * 4)],
)
def test_an_opening_balance_is_earned_unless_its_history_comes_along(
    ledger: Ledger, values: Totals, after: Totals
) -> None:
    workspace = new_id()
    ledger.admin.execute(
        "INSERT INTO public.workspace_credits (workspace_id, balance, total_purchased,"
        " total_earned, total_used) VALUES (%s, %s, %s, %s, %s)",
        [workspace, *values],
    )

    assert totals(ledger, workspace) == after
    told(ledger, "grant", workspace, 1)
    assert totals(ledger, workspace) == (after[0] + 1, after[1], after[2] + 1, after[3])


@pytest.mark.parametrize("values", [(40, 0, 41, 0), (40, 40, 40, 0), (0, 1, 0, 0), (-1, 0, 0, 1)])
def test_totals_that_do_not_make_the_balance_are_refused(ledger: Ledger, values: Totals) -> None:
    workspace = ledger.funded(5, ASSET)
    for query in (
        "INSERT INTO public.workspace_credits (balance, total_purchased, total_earned, total_used,"
        " workspace_id) VALUES (%s, %s, %s, %s, gen_random_uuid())",
        "UPDATE public.workspace_credits SET balance = %s, total_purchased = %s,"
        f" total_earned = %s, total_used = %s WHERE workspace_id = '{workspace}'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            ledger.admin.execute(query.encode(), values)
    assert totals(ledger, workspace) == (5, 0, 5, 0)


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
