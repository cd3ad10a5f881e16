"""A claim: what it grants, to whom, once; and what is refused first."""

import pytest

from tests.ledger_in_sql import Ledger, code, done
from tests.sale import BOOSTER, SHIELD, Sale, new_user
from tests.shop import (
    SERVICE,
    claim,
    claimed,
    claims_of,
    insisted_at_once,
    new_item,
    request_of,
    sold,
    switched,
    take,
    unclean,
    wallet,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_a_claim_grants_and_is_written_down_with_the_new_wallet(ledger: Ledger) -> None:
    sale = sold(ledger)

    outcome = done(claim(ledger, sale))

    assert outcome["wallet"].pop("updated_at") >= outcome["claimed_at"]
    assert outcome.pop("claimed_at") is not None
    transaction_id = outcome.pop("transaction_id")
    assert outcome == {
        "status": "done",
        "verb": "claim_purchase",
        "tx_id": sale.tx_id,
        "sku": SHIELD,
        "user_id": sale.user_id,
        "amount": 1,
        "wallet": {
            "user_id": sale.user_id,
            "streakshield_count": 1,
            "xp_booster_until": None,
        },
        "replayed": False,
    }
    assert ledger.entries(transaction_id) == [
        ("streak_shield", "system:external", -1, "purchased"),
        ("streak_shield", sale.user_id, 1, "purchased"),
    ]
    assert claims_of(ledger, sale.tx_id) == [
        (sale.user_id, SHIELD, "granted", 1, False, transaction_id, "service", None)
    ]
    assert wallet(ledger, sale.user_id) == (1, None)


def test_the_same_claim_again_is_the_first_answer_again_whatever_happened_since(
    ledger: Ledger,
) -> None:
    sale = sold(ledger)
    first = done(claim(ledger, sale))
    done(ledger.one("use_item", user_id=sale.user_id, caller=SERVICE))

    with switched(ledger, sku_enabled={}):
        again = claim(ledger, sale)

    assert again == first | {"replayed": True}
    assert wallet(ledger, sale.user_id) == (0, None)


@pytest.mark.parametrize("sku", [SHIELD, BOOSTER])
def test_a_hundred_claims_of_one_transaction_by_one_user_grant_once(
    ledger: Ledger, sku: str
) -> None:
    sale = sold(ledger, sku=sku)

    outcomes = insisted_at_once(ledger, "claim_purchase", [request_of(sale)] * 100)

    assert sorted(done(outcome).pop("replayed") for outcome in outcomes) == [False] + [True] * 99
    assert outcomes == [outcomes[0]] * 100
    shields, until = wallet(ledger, sale.user_id)
    assert (shields, until is not None) == ((1, False) if sku == SHIELD else (0, True))
    assert (
        ledger.value("SELECT count(*) FROM public.purchase_claims WHERE user_id = %s", sale.user_id)
        == 1
    )
    assert unclean(ledger) == []


def test_two_users_at_once_get_one_grant_and_one_refusal(ledger: Ledger) -> None:
    for _ in range(10):
        # An alias of the buyer may claim as well, so that both of them could.
        sale = Sale()
        other = new_user()
        done(take(ledger, sale.purchase(aliases=[other])))

        outcomes = insisted_at_once(
            ledger, "claim_purchase", [request_of(sale), request_of(sale, other)] * 3
        )

        codes = [outcome.get("code") for outcome in outcomes]
        assert sorted(map(str, codes)) == ["None"] * 3 + ["TRANSACTION_OWNED_BY_OTHER"] * 3
        assert sum(wallet(ledger, user)[0] for user in (sale.user_id, other)) == 1


def test_a_stranger_is_refused_before_and_after_the_owner_claims(ledger: Ledger) -> None:
    sale = sold(ledger)
    stranger = new_user()

    assert code(claim(ledger, sale, stranger)) == "TRANSACTION_OWNED_BY_OTHER"
    done(claim(ledger, sale))
    refused = claim(ledger, sale, stranger)

    assert code(refused) == "TRANSACTION_OWNED_BY_OTHER"
    assert sale.user_id not in str(refused)
    assert wallet(ledger, stranger) == (0, None)


def test_an_alias_of_the_buyer_claims_too(ledger: Ledger) -> None:
    sale = Sale()
    event = sale.purchase()
    done(take(ledger, event))

    assert done(claim(ledger, sale, event["original_app_user_id"]))["user_id"] != sale.user_id


def test_what_was_refunded_is_gone_claimed_or_not(ledger: Ledger) -> None:
    before, after = sold(ledger), claimed(ledger)
    for sale in (before, after):
        done(take(ledger, sale.refund()))

    assert code(claim(ledger, before)) == "TRANSACTION_REFUNDED"
    assert code(claim(ledger, after)) == "TRANSACTION_REFUNDED"
    assert [wallet(ledger, sale.user_id)[0] for sale in (before, after)] == [0, 0]


def test_transactions_of_other_stores_and_of_the_sandbox_are_others(ledger: Ledger) -> None:
    item = new_item(ledger.admin)
    apple = sold(ledger, sku=item)
    google = sold(ledger, sku=item, tx_id=apple.tx_id, store="PLAY_STORE")
    own = sold(ledger, apple.user_id, item, tx_id=apple.tx_id, store="AMAZON")
    sandbox = sold(ledger, sku=item, tx_id=apple.tx_id, environment="SANDBOX")

    assert done(claim(ledger, apple, store="APP_STORE"))["tx_id"] == apple.tx_id
    assert code(claim(ledger, apple, google.user_id, store="APP_STORE")) == (
        "TRANSACTION_OWNED_BY_OTHER"
    )
    assert done(claim(ledger, google))["tx_id"] == f"PRODUCTION:PLAY_STORE:{google.tx_id}"
    assert done(claim(ledger, own, store="AMAZON"))["wallet"]["streakshield_count"] == 2
    assert code(claim(ledger, sandbox)) == "TRANSACTION_OWNED_BY_OTHER"
    assert code(claim(ledger, sandbox, environment="SANDBOX")) == "UNKNOWN_TRANSACTION"
    assert code(claim(ledger, apple, environment="SANDBOX")) == "UNKNOWN_TRANSACTION"
    assert code(claim(ledger, apple, store="ROKU")) == "UNKNOWN_TRANSACTION"
    with switched(ledger, sandbox_claims=True):
        assert done(claim(ledger, sandbox))["tx_id"] == f"SANDBOX:APP_STORE:{sandbox.tx_id}"
    assert done(claim(ledger, sandbox, tx_id=f"SANDBOX:APP_STORE:{sandbox.tx_id}"))["replayed"]
    assert unclean(ledger) == []


def test_claims_in_a_batch_are_decided_in_order(ledger: Ledger) -> None:
    user, other = new_user(), new_user()
    first, second, third = (sold(ledger, owner) for owner in (user, user, other))

    outcomes = ledger.ask(
        "claim_purchase",
        [
            request_of(first),
            request_of(first, other),
            request_of(second),
            request_of(first),
            request_of(third),
        ],
    )

    assert [o.get("code", o.get("replayed")) for o in outcomes] == [
        False,
        "TRANSACTION_OWNED_BY_OTHER",
        "CAP_EXCEEDED",
        True,
        False,
    ]


def test_the_promises_hold(ledger: Ledger) -> None:
    assert unclean(ledger) == []
