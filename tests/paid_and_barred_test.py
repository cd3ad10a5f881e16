"""Paid while a payee's wallet is closed: the purchase waits, and the audit says so."""

import pytest

from bursar.ops.audit import run_audit
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger, code, done
from tests.market import (
    Payment,
    checkout,
    emptied,
    lead_state,
    leads,
    new_id,
    purchase_status,
    set_wallet,
    take,
)

pytestmark = pytest.mark.postgres_versions("15", "18")

SWEEP = "SELECT bursar.expire_lead_reservations()"


async def found(ledger: Ledger) -> dict[str, str]:
    """What the audit found, by the names of the invariants that do not hold."""
    report = await run_audit(ledger.database.url, Settings())
    return {one.invariant.name: str(one.told) for one in report.verdicts if not one.holds}


async def test_what_was_paid_does_not_lapse_because_a_sellers_wallet_is_closed(
    ledger: Ledger,
) -> None:
    ledger.stop_clock()
    seller = emptied(ledger)
    [sold, unpaid] = leads(ledger.admin, [10, 10], seller=seller)
    payment = checkout(ledger, new_id(), [sold])
    left: Payment = checkout(ledger, new_id(), [unpaid])
    set_wallet(ledger, seller, "closed")
    paid = payment.completed()
    assert code(take(ledger, paid)) == "WALLET_CLOSED"

    ledger.advance(2 * 86_400)
    assert ledger.value(SWEEP) == 1

    assert purchase_status(ledger, left.payment_id) == "expired"
    assert purchase_status(ledger, payment.payment_id) == "pending"
    names = await found(ledger)
    assert set(names) == {"card_payments_match_events"}, names
    set_wallet(ledger, seller, "open")
    assert done(take(ledger, paid))["purchase_status"] == "completed"
    assert lead_state(ledger, sold) == ("sold", 1)
    assert await found(ledger) == {}
