"""The pretend store's sales: their ids say who bought what, and nothing else is a sale."""

import itertools

import pytest

from bursar.demo.learners import BOOSTED, DAILY, LEARNERS, NEW_LEARNER
from bursar.demo.sale import Kind, Sale
from bursar.demo.wares import BOOSTER, SHIELD, WARES


def test_a_transaction_id_says_who_bought_what() -> None:
    for learner in LEARNERS:
        for ware in WARES:
            sale = Sale.make(learner, ware)
            assert Sale.find(sale.tx_id) == sale

    assert Sale.make(DAILY, SHIELD, "first").tx_id == "demo-1s-first"
    assert Sale.make(DAILY, SHIELD).tx_id != Sale.make(DAILY, SHIELD).tx_id


@pytest.mark.parametrize(
    "tx_id",
    ["", "2000000123456789", "demo-1s-", "demo-0s-a", "demo-4s-a", "demo-1x-a", "demo-1s-A b"],
)
def test_other_ids_mean_no_sale(tx_id: str) -> None:
    with pytest.raises(LookupError):
        Sale.find(tx_id)


def test_a_purchase_is_one_event_and_each_refund_another(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(1_790_000_000_000_000_000, 1_000_000)
    monkeypatch.setattr("time.time_ns", lambda: next(clock))
    sale = Sale.make(BOOSTED, BOOSTER)
    kinds: tuple[Kind, ...] = ("purchase", "refund", "reversal", "purchase", "refund")

    ids = [sale.event(kind)["id"] for kind in kinds]

    assert ids[0] == ids[3]
    assert len(set(ids)) == 4


def test_events_are_shaped_as_revenuecat_sends_them() -> None:
    event = Sale.make(NEW_LEARNER, SHIELD, "a").event("refund")

    assert (event["type"], event["cancel_reason"]) == ("CANCELLATION", "CUSTOMER_SUPPORT")
    assert (event["app_user_id"], event["product_id"]) == (NEW_LEARNER.user_id, SHIELD.sku)
    assert (event["transaction_id"], event["price"]) == ("demo-3s-a", -1.09)
