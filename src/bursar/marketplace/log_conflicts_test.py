"""What the audit log says of carts that met something in their way, and what it does not say."""

import pytest

from tests.ledger_in_sql import Ledger, code
from tests.market import ASSET, conflicts_logged, lead

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.mark.parametrize(
    "verb", ["complete_credit_lead_purchase", "validate_and_lock_leads_for_purchase"]
)
def test_a_cart_that_was_only_busy_is_no_conflict_and_counts_for_nothing(
    ledger: Ledger, verb: str
) -> None:
    """Some of its leads were enough, and some were not to be had; but it is tried again."""
    buyer = ledger.funded(100, ASSET)
    free, delisted = lead(ledger.admin, 10), lead(ledger.admin, 10, listed=False)
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '100ms'")

    with ledger.held_by_somebody(
        "SELECT FROM public.workspace_credits WHERE workspace_id = %s FOR UPDATE", buyer
    ):
        outcome = ledger.one(
            verb,
            impatient,
            buyer_workspace_id=buyer,
            lead_ids=[free, delisted],
            allow_partial=True,
        )

    assert code(outcome) == "BUSY"
    assert "conflicts" not in (outcome.get("details") or {})
    assert conflicts_logged(ledger, buyer) == []
