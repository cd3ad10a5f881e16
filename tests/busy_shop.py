"""A shop in which a little of everything has happened, for tests of what reads all of it."""

from datetime import timedelta
from typing import LiteralString

from psycopg.types.json import Jsonb

from tests.ledger_in_sql import NOON, Ledger, code, done
from tests.sale import BOOSTER, Sale, new_tx, new_user, transfer
from tests.shop import (
    SERVICE,
    claim,
    claimed,
    new_booster,
    new_item,
    replay,
    sold,
    switch,
    switched,
    take,
    work,
)


def claim_and_use(ledger: Ledger) -> None:
    """Let the store, users and hands leave something behind, on a clock that stands still."""
    _claim(ledger)
    _boost(ledger)
    _refund(ledger)
    _transfer(ledger)
    _queue(ledger)
    _write_by_hand(ledger)


def _do(ledger: Ledger, query: LiteralString, *arguments: object) -> None:
    ledger.admin.execute(query, arguments)


def _claim(ledger: Ledger) -> None:
    """Items of one and of several, over a cap, overridden, used up, in the sandbox, as a gem."""
    item = new_item(ledger.admin, 3)
    user = claimed(ledger).user_id
    claimed(ledger, user, item)
    done(ledger.one("use_item", user_id=user, amount=2, caller=SERVICE, key="used"))
    over = sold(ledger, user)
    assert code(claim(ledger, over)) == "CAP_EXCEEDED"
    assert code(claim(ledger, over)) == "CAP_EXCEEDED"
    lost = sold(ledger, user)
    done(claim(ledger, lost, override_reason="Lost in an outage.", actor="op:kim"))
    done(claim(ledger, lost))
    assert code(claim(ledger, lost, new_user())) == "TRANSACTION_OWNED_BY_OTHER"
    with switched(ledger, sandbox_claims=True):
        claimed(ledger, environment="SANDBOX")
        claimed(ledger, tx_id=lost.tx_id, environment="SANDBOX")
    claimed(ledger, sku=new_item(ledger.admin, 5, asset="gem"))
    done(take(ledger, Sale().temporary_grant()))


def _boost(ledger: Ledger) -> None:
    """By each rule of stacking; taken back, given back."""
    for stacking in ("max", "extend", "reject"):
        user, sku = new_user(), new_booster(ledger.admin, stacking, timedelta(days=2))
        first = claimed(ledger, user, sku)
        second = sold(ledger, user, sku)
        outcome = claim(ledger, second)
        assert (stacking == "reject") == (outcome["status"] == "refused")
        ledger.advance(60)
        done(take(ledger, first.refund()))
    done(take(ledger, first.reversal()))


def _refund(ledger: Ledger) -> None:
    """Before and after the claim; of what was used, owed and repaid; reversed, and again."""
    done(take(ledger, sold(ledger).refund()))
    spender = new_user()
    used = claimed(ledger, spender)
    done(ledger.one("use_item", user_id=spender, caller=SERVICE))
    done(take(ledger, used.refund()))
    item = new_item(ledger.admin, 2)
    claimed(ledger, spender, item)
    reversed_ = claimed(ledger)
    done(take(ledger, reversed_.refund()))
    done(take(ledger, reversed_.reversal()))
    again = claimed(ledger)
    for event in (again.refund(), again.reversal(), again.refund(9000)):
        done(take(ledger, event))
    done(ledger.one("grant", owner_id=spender, asset="streak_shield", amount=4))
    done(ledger.one("hold", owner_id=spender, asset="streak_shield", amount=1))


def _transfer(ledger: Ledger) -> None:
    """What was claimed stays; what was not goes on; two transfers that come in the wrong order."""
    first, heir, last = (new_user() for _ in range(3))
    claimed(ledger, first)
    left = sold(ledger, first, BOOSTER)
    other = sold(ledger, first, BOOSTER)
    done(take(ledger, transfer([first], [heir], NOON + timedelta(seconds=60))))
    done(claim(ledger, left, heir))
    done(take(ledger, transfer([first], [last], NOON + timedelta(seconds=30))))
    done(claim(ledger, other, last))


def _queue(ledger: Ledger) -> None:
    """Queued and opened, refused in the end, set aside, waiting for a purchase, waiting still."""
    early, late, refused = sold(ledger), Sale(), Sale()
    with switched(ledger, claims_mode={"mode": "queue"}):
        for sale in (early, late, refused):
            done(claim(ledger, sale))
        for event in (late.purchase(), refused.purchase(), refused.refund()):
            assert done(take(ledger, event))["effect"] == "queued"
    replay(ledger)
    switch(ledger, unknown_transaction="pending")
    waiting = Sale()
    done(claim(ledger, waiting))
    done(claim(ledger, Sale()))
    done(take(ledger, waiting.purchase()))
    switch(ledger, unknown_transaction="refuse")
    aside, kept, broken = Sale(), Sale(), Sale()
    assert ledger.value("SELECT bursar.keep_store_event(%s)", Jsonb(kept.purchase()))
    event = broken.purchase()
    assert ledger.value("SELECT bursar.keep_store_event(%s)", Jsonb(event))
    done(claim(ledger, aside, accepted=True))
    for kind, name in (("claim", aside.tx_id), ("event", event["id"])):
        ledger.value("SELECT bursar.set_store_work_aside(%s, %s, 'It fails.')", kind, name)
    assert work(ledger)["set_aside"] >= 2


def _write_by_hand(ledger: Ledger) -> None:
    """The operators' pair, a booster set, moved and deleted, and a wallet counted again."""
    user, gone = claimed(ledger).user_id, new_user()
    _do(
        ledger,
        "INSERT INTO public.purchase_claims (tx_id, user_id, sku)"
        " VALUES (%s, %s, 'consumable_streakshield_1')",
        new_tx(),
        user,
    )
    _do(
        ledger,
        "UPDATE public.user_wallet_balances SET streakshield_count = 2,"
        " xp_booster_until = now() WHERE user_id = %s",
        user,
    )
    _do(
        ledger,
        "INSERT INTO public.user_wallet_balances (user_id, xp_booster_until) VALUES (%s, now())",
        gone,
    )
    _do(ledger, "DELETE FROM public.user_wallet_balances WHERE user_id = %s", gone)
    claimed(ledger, gone, BOOSTER)
    recorded = sold(ledger, user, new_item(ledger.admin, 1))
    _do(
        ledger,
        "INSERT INTO public.purchase_claims (tx_id, user_id, sku) VALUES (%s, %s, %s)",
        recorded.tx_id,
        user,
        recorded.sku,
    )
    done(ledger.one("correct_shields", user_id=user))
    done(take(ledger, recorded.refund()))
