"""Events of the store: what each has for an effect, and that each has it once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import SHIELD, Sale, new_tx
from tests.shop import (
    claim,
    claimed,
    claims_of,
    insisted_at_once,
    kept,
    new_item,
    owed,
    purchase_of,
    request_of,
    sold,
    switched,
    take,
    unclean,
    wallet,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_a_purchase_is_written_down_as_the_store_tells_it(ledger: Ledger) -> None:
    sale = Sale(store="PLAY_STORE")
    event = sale.purchase(at=3.25)

    outcome = done(take(ledger, event))

    assert outcome == {
        "status": "done",
        "verb": "take_store_event",
        "event_id": event["id"],
        "type": "NON_RENEWING_PURCHASE",
        "effect": "applied",
        "tx_id": sale.tx_id,
        "purchase_status": "NON_RENEWING_PURCHASE",
        "replayed": False,
    }
    assert ledger.rows(
        "SELECT user_id, sku, purchased_at, status, store, environment, transaction_id, bought_by,"
        " aliases, raw FROM public.audit_purchases WHERE tx_id = %s",
        sale.tx_id,
    ) == [
        (
            sale.user_id,
            SHIELD,
            sale.bought_at,
            "NON_RENEWING_PURCHASE",
            "PLAY_STORE",
            "PRODUCTION",
            None,
            sale.user_id,
            [*event["aliases"], event["original_app_user_id"]],
            event,
        )
    ]
    assert ledger.value(
        "SELECT occurred_at FROM bursar.inbox WHERE event_id = %s", event["id"]
    ) == sale.bought_at + timedelta(seconds=3.25)


def test_an_event_that_comes_again_answers_its_first_outcome(ledger: Ledger) -> None:
    sale = claimed(ledger)
    refund = sale.refund()
    first = done(take(ledger, refund))

    assert take(ledger, refund) == first | {"replayed": True}
    assert take(ledger, refund | {"transaction_id": new_tx()}) == first | {"replayed": True}
    assert kept(ledger, refund["id"]) == ("done", 3)
    assert wallet(ledger, sale.user_id)[0] == 0


def test_an_event_twenty_times_at_once_has_its_effect_once(ledger: Ledger) -> None:
    sale = claimed(ledger)
    refund = sale.refund()

    outcomes = insisted_at_once(ledger, "take_store_event", [{"event": refund}] * 20)

    assert sorted(done(outcome).pop("replayed") for outcome in outcomes) == [False] + [True] * 19
    assert outcomes == [outcomes[0]] * 20
    assert (wallet(ledger, sale.user_id)[0], owed(ledger, sale.user_id)) == (0, 0)


def test_a_second_event_about_one_transaction_changes_nothing(ledger: Ledger) -> None:
    sale = claimed(ledger)

    assert done(take(ledger, sale.purchase()))["tx_id"] == sale.tx_id
    assert done(claim(ledger, sale))["replayed"]
    done(take(ledger, sale.refund()))
    done(take(ledger, sale.refund(at=4000)))
    assert (wallet(ledger, sale.user_id)[0], owed(ledger, sale.user_id)) == (0, 0)


def test_a_refund_takes_back_and_its_reversal_grants_again(ledger: Ledger) -> None:
    sale = claimed(ledger)

    assert done(take(ledger, sale.refund()))["purchase_status"] == "CANCELLATION"
    assert purchase_of(ledger, sale.tx_id) == (sale.user_id, SHIELD, "CANCELLATION", True, False)
    assert claims_of(ledger, sale.tx_id)[0][2] == "refunded"
    assert wallet(ledger, sale.user_id)[0] == 0
    done(take(ledger, sale.reversal()))
    assert claims_of(ledger, sale.tx_id)[0][2] == "granted"
    assert wallet(ledger, sale.user_id)[0] == 1
    assert done(claim(ledger, sale))["replayed"]
    assert unclean(ledger) == []


def test_what_was_used_before_its_refund_is_owed_and_repaid_by_the_next_claim(
    ledger: Ledger,
) -> None:
    item = new_item(ledger.admin, 3)
    sale = claimed(ledger, sku=item)
    user = sale.user_id
    done(ledger.one("use_item", user_id=user, amount=2, caller={"role": "service_role"}))

    done(take(ledger, sale.refund()))
    assert (wallet(ledger, user)[0], owed(ledger, user)) == (0, 2)
    assert unclean(ledger) == []

    # The first of one repays, the next of three repays the rest and leaves two.
    claimed(ledger, user)
    assert (wallet(ledger, user)[0], owed(ledger, user)) == (0, 1)
    assert unclean(ledger) == []
    outcome = done(claim(ledger, sold(ledger, user, item)))
    assert outcome["wallet"]["streakshield_count"] == 2
    assert (wallet(ledger, user)[0], owed(ledger, user)) == (2, 0)
    assert unclean(ledger) == []

    done(take(ledger, sale.reversal()))
    assert wallet(ledger, user)[0] == 5
    assert unclean(ledger) == []


@pytest.mark.parametrize("reason", ["UNSUBSCRIBE", "BILLING_ERROR", "DEVELOPER_INITIATED", None])
def test_a_cancellation_that_is_no_refund_takes_nothing(ledger: Ledger, reason: str | None) -> None:
    sale = claimed(ledger)

    done(take(ledger, sale.refund(cancel_reason=reason)))

    assert purchase_of(ledger, sale.tx_id) == (sale.user_id, SHIELD, "CANCELLATION", False, False)
    assert wallet(ledger, sale.user_id)[0] == 1


def test_a_refund_that_comes_before_its_purchase_is_remembered(ledger: Ledger) -> None:
    sale = Sale()
    done(take(ledger, sale.refund()))

    assert code(claim(ledger, sale)) == "TRANSACTION_REFUNDED"
    done(take(ledger, sale.purchase()))
    assert code(claim(ledger, sale)) == "TRANSACTION_REFUNDED"


def test_what_a_store_granted_for_a_day_cannot_be_claimed_until_it_is_confirmed(
    ledger: Ledger,
) -> None:
    item = new_item(ledger.admin)
    provisional = Sale(sku=item)
    done(take(ledger, provisional.temporary_grant()))
    refused = claim(ledger, provisional)
    assert code(refused) == "UNKNOWN_TRANSACTION"
    assert refused["details"] == {"tx_id": provisional.tx_id, "provisional": True}

    # The confirmed purchase has another id; both together grant once.
    bought = Sale(provisional.user_id, item)
    done(take(ledger, bought.event("INITIAL_PURCHASE", 60)))
    done(claim(ledger, bought))
    done(take(ledger, provisional.expiration()))
    assert code(claim(ledger, provisional)) == "UNKNOWN_TRANSACTION"
    assert wallet(ledger, provisional.user_id)[0] == 1

    # Or it is confirmed under the same id.
    same = Sale(sku=item)
    done(take(ledger, same.temporary_grant()))
    done(take(ledger, same.event("INITIAL_PURCHASE", 60)))
    done(claim(ledger, same))
    assert wallet(ledger, same.user_id)[0] == 1


def test_the_sandbox_is_kept_apart(ledger: Ledger) -> None:
    item = new_item(ledger.admin)
    live = claimed(ledger, sku=item)
    test = sold(ledger, live.user_id, item, tx_id=live.tx_id, environment="SANDBOX")

    done(take(ledger, test.refund()))
    assert claims_of(ledger, live.tx_id)[0][2] == "granted"
    with switched(ledger, sandbox_claims=True):
        assert code(claim(ledger, test, environment="SANDBOX")) == "TRANSACTION_REFUNDED"
    # One event id in both is two events.
    event = Sale(sku=item).purchase()
    assert not done(take(ledger, event))["replayed"]
    assert not done(take(ledger, event | {"environment": "SANDBOX"}))["replayed"]


def test_the_refund_of_who_has_closed_their_wallet_is_kept_and_can_be_replayed(
    ledger: Ledger,
) -> None:
    sale = claimed(ledger)
    done(ledger.one("use_item", user_id=sale.user_id, caller={"role": "service_role"}))
    status = {"owner_id": sale.user_id, "asset": "streak_shield"}
    done(ledger.one("freeze", **status, wallet_status="closed"))
    refund = sale.refund()

    assert code(take(ledger, refund)) == "WALLET_CLOSED"
    assert kept(ledger, refund["id"])[0] == "refused"
    done(ledger.one("freeze", **status, wallet_status="open"))
    assert done(take(ledger, refund))["effect"] == "applied"
    assert owed(ledger, sale.user_id) == 1


def test_a_claim_and_its_refund_at_once_end_refunded(ledger: Ledger) -> None:
    for _ in range(8):
        sale = sold(ledger)
        with psycopg.connect(ledger.database.url, autocommit=True) as other:
            pending = at_once_pair(ledger, other, sale)
        assert pending in ("done", "TRANSACTION_REFUNDED")
        assert (wallet(ledger, sale.user_id)[0], owed(ledger, sale.user_id)) == (0, 0)
    assert unclean(ledger) == []


def at_once_pair(ledger: Ledger, other: psycopg.Connection, sale: Sale) -> str:
    """Claim and refund at the same time; how the claim ended."""
    with ThreadPoolExecutor(2) as pool:
        refund = pool.submit(take, ledger, sale.refund())
        outcome = ledger.one("claim_purchase", other, **request_of(sale))
        done(refund.result())
    return str(outcome.get("code", outcome["status"]))


def test_the_promises_hold(ledger: Ledger) -> None:
    assert unclean(ledger) == []
