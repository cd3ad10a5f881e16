"""A marketplace in which a little of everything has happened, for tests of what reads all of it."""

from typing import LiteralString

from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done
from tests.market import (
    ASSET,
    Payment,
    buy,
    checkout,
    configure,
    lead,
    leads,
    new_id,
    reserve,
    take,
)


def trade(ledger: Ledger) -> None:
    """Let carts, card payments and hands leave something behind, on a clock that stands still."""
    _buy_for_credits(ledger)
    _pay_by_card(ledger)
    _pay_for_nothing(ledger)
    _take_money_back(ledger)
    _top_up(ledger)
    _write_by_hand(ledger)


def _do(ledger: Ledger, query: LiteralString, *arguments: object) -> None:
    ledger.admin.execute(query, arguments)


def _buy_for_credits(ledger: Ledger) -> None:
    """With and without a fee, in part, refused, refunded from a seller who has spent it."""
    buyer, other, spender = ledger.funded(1000, ASSET), ledger.funded(1000, ASSET), new_id()
    cart = [*leads(ledger.admin, [60, 30]), lead(ledger.admin, 45, seller=spender)]
    done(buy(ledger, buyer, cart, key="cart"))
    configure(ledger.admin, fee_basis_points=1000)
    often = lead(ledger.admin, 20, max_sales=3)
    for who in (buyer, other):
        done(buy(ledger, who, [often]))
    done(buy(ledger, other, [cart[0], *leads(ledger.admin, [15])], allow_partial=True))
    assert code(buy(ledger, other, cart[:1], key="refused")) == "PURCHASE_CONFLICT"
    returned = done(buy(ledger, other, leads(ledger.admin, [50, 70], seller=spender)))
    done(ledger.one("spend", owner_id=spender, asset=ASSET, amount=100))
    purchase_id = returned["purchase_id"]
    done(ledger.one("refund", transaction_id=returned["transaction_id"], amount=10))
    done(ledger.one("refund_lead_purchase", purchase_id=purchase_id, key="refund"))
    done(ledger.one("grant", owner_id=spender, asset=ASSET, amount=5))  # repays debt


def _pay_by_card(ledger: Ledger) -> None:
    """Two sellers and a fee; a lead that was gone; a platform that keeps everything."""
    plain = checkout(ledger, new_id(), leads(ledger.admin, [101]) + leads(ledger.admin, [33]))
    lapsed = leads(ledger.admin, [40, 25])
    late = checkout(ledger, new_id(), lapsed, reserve_seconds=60)
    missed = leads(ledger.admin, [35])
    nothing = checkout(ledger, new_id(), missed, reserve_seconds=60)
    ledger.advance(61)
    done(buy(ledger, ledger.funded(500, ASSET), [lapsed[0], *missed]))
    configure(ledger.admin, fee_basis_points=10_000)
    kept = checkout(ledger, new_id(), leads(ledger.admin, [12]))
    configure(ledger.admin, fee_basis_points=1000)
    for payment in (plain, late, nothing, kept):
        done(take(ledger, payment.completed()))
        done(take(ledger, payment.expired()))
    done(take(ledger, nothing.refunded(nothing.amount)))
    done(take(ledger, kept.dispute("funds_withdrawn", 5)))
    reserved = leads(ledger.admin, [80])
    told = done(reserve(ledger, new_id(), reserved, key="reserved"))["purchase_id"]
    done(ledger.one("complete_stripe_lead_purchase", purchase_id=told, payment_intent=f"pi_{told}"))


def _pay_for_nothing(ledger: Ledger) -> None:
    """Failed, expired, lapsed, given up, pending, later; another amount; nobody's events."""
    failed, expired, _lapsed, given_up, _pending, later, other, kept = (
        checkout(ledger, new_id(), leads(ledger.admin, [price]), reserve_seconds=seconds)
        for price, seconds in zip(
            range(11, 19), [3600, 3600, 60, 3600, 172_800, 3600, 172_800, 172_800], strict=True
        )
    )
    done(take(ledger, failed.completed("unpaid")))
    done(take(ledger, failed.failed()))
    done(take(ledger, expired.expired()))
    done(take(ledger, later.completed("unpaid")))
    done(take(ledger, other.session("completed", amount_total=1)))
    assert ledger.value("SELECT bursar.cancel_card_payment(%s, 'no')", given_up.payment_id)
    assert ledger.value("SELECT bursar.keep_event(%s)", Jsonb(kept.completed()))
    done(take(ledger, Payment(new_id(), 5).completed()))
    ledger.advance(61)
    assert ledger.value("SELECT bursar.expire_lead_reservations()") == 1


def _take_money_back(ledger: Ledger) -> None:
    """In part, in full, by disputes; from sellers who have it, and from one who has spent it."""
    spender = new_id()
    parts, whole, held, given_back, lost = (
        checkout(
            ledger,
            new_id(),
            [*leads(ledger.admin, [price]), lead(ledger.admin, 30, seller=spender)],
        )
        for price in range(50, 55)
    )
    for payment in (parts, whole, held, given_back, lost):
        done(take(ledger, payment.completed()))
    done(ledger.one("spend", owner_id=spender, asset=ASSET, amount=100))
    for event in (
        parts.refunded(20),
        parts.refunded(33),
        whole.refunded(whole.amount),
        held.dispute("funds_withdrawn", 40),
        given_back.dispute("funds_withdrawn"),
        given_back.dispute("funds_reinstated"),
        lost.dispute("funds_withdrawn"),
        lost.dispute("closed", status="lost"),
        lost.dispute("funds_reinstated"),
    ):
        done(take(ledger, event))


def _top_up(ledger: Ledger) -> None:
    workspace = new_id()
    paid, charged_back, _ = (
        done(ledger.one("open_top_up", workspace_id=workspace, credits=amount, key=f"{amount}"))
        for amount in (500, 70, 3)
    )
    for opened in (paid, charged_back):
        payment = Payment(opened["payment_id"], opened["amount"])
        done(take(ledger, payment.completed()))
    done(ledger.one("spend", owner_id=workspace, asset=ASSET, amount=540))
    done(take(ledger, payment.refunded(50)))
    done(ledger.one("grant", owner_id=workspace, asset=ASSET, amount=15))


def _write_by_hand(ledger: Ledger) -> None:
    """Balances, totals and leads that plain SQL wrote, as operators and imports do."""
    kept, gone = ledger.funded(40, ASSET), ledger.funded(15, ASSET)
    _do(
        ledger,
        "UPDATE public.workspace_credits SET balance = balance - 9 WHERE workspace_id = %s",
        kept,
    )
    _do(
        ledger,
        "UPDATE public.workspace_credits SET balance = balance + 5, total_purchased = 5"
        " WHERE workspace_id = %s",
        ledger.funded(1, ASSET),
    )
    _do(ledger, "DELETE FROM public.workspace_credits WHERE workspace_id = %s", gone)
    done(ledger.one("grant", owner_id=gone, asset=ASSET, amount=2))
    _do(
        ledger,
        "INSERT INTO public.leads (seller_workspace_id, price, marketplace_status, sold_count,"
        " max_sales) VALUES (%s, 5, 'sold', 2, 2), (%s, 5, 'sold', 0, 1)",
        new_id(),
        new_id(),
    )
