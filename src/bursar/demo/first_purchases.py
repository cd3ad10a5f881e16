"""What the learners of the demonstration have bought before anybody looks."""

from collections.abc import Callable, Sequence
from typing import Any

from bursar.demo.learners import BOOSTED, DAILY
from bursar.demo.sale import Sale
from bursar.demo.wares import BOOSTER, SHIELD
from bursar.errors import Fault
from bursar.ledger.calls import SERVICE

# The second shield is beyond this week's cap, so it cannot be claimed by somebody who claims both.
CLAIMED = (Sale.make(DAILY, SHIELD, "first"), Sale.make(BOOSTED, BOOSTER, "first"))
CLAIMABLE = (Sale.make(DAILY, SHIELD, "second"), Sale.make(BOOSTED, SHIELD, "second"))

# Carries out a verb in a transaction of its own, and returns the outcomes.
Carry = Callable[[str, Sequence[dict[str, Any]]], list[dict[str, Any]]]


def make_first_purchases(carry: Carry) -> None:
    """Tell the ledger of these sales, and claim some of them.

    A sale that was told stays as it is, whatever became of it since. A claim that is refused (its
    ware is switched off) leaves its sale claimable. Raises `Fault` when a sale is refused.
    """
    events = [{"event": sale.event("purchase")} for sale in (*CLAIMED, *CLAIMABLE)]
    for outcome in carry("take_store_event", events):
        if outcome["status"] != "done":
            raise Fault(f"The demonstration's purchases were refused: {outcome['message']}")
    carry("claim_purchase", [_claim(sale) for sale in CLAIMED])


def _claim(sale: Sale) -> dict[str, Any]:
    return {
        "user_id": sale.buyer.user_id,
        "sku": sale.ware.sku,
        "tx_id": sale.tx_id,
        "caller": SERVICE,
        "actor": "service:demo",
    }
