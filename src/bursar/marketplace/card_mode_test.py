"""Whether live or test money pays: callers who do not say have what a setting names."""

import pytest

from tests.ledger_in_sql import Ledger, done
from tests.market import ASSET, Payment, buy, leads, new_id, take

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_what_is_reserved_without_a_mode_is_of_the_mode_that_the_setting_names(
    ledger: Ledger,
) -> None:
    cart = leads(ledger.admin, [10])
    for session in (ledger.admin, ledger.caller):
        session.execute("SET bursar.card_mode = 'live'")
    reserved = ledger.value(
        "SELECT public.validate_and_lock_leads_for_purchase(%s, %s::uuid[])", new_id(), cart
    )
    opened = done(ledger.one("open_top_up", workspace_id=new_id(), credits=5))
    for session in (ledger.admin, ledger.caller):
        session.execute("RESET bursar.card_mode")

    for of, effect in ((reserved, "completed"), (opened, None)):
        paid = Payment(of["payment_id"], of["amount"]).completed() | {"livemode": True}
        outcome = done(take(ledger, paid))
        assert (outcome["effect"], outcome["purchase_status"]) == ("applied", effect)


def test_a_key_of_a_cart_for_credits_knows_nothing_of_the_mode(ledger: Ledger) -> None:
    buyer, cart = ledger.funded(10, ASSET), leads(ledger.admin, [10])
    bought = done(buy(ledger, buyer, cart, key="once"))
    ledger.caller.execute("SET bursar.card_mode = 'live'")

    assert done(buy(ledger, buyer, cart, key="once")) == bought | {"replayed": True}
    ledger.caller.execute("RESET bursar.card_mode")


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
