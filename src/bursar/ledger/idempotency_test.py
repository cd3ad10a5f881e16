"""A key has one effect, whoever is late, and its first outcome is the only one."""

import uuid
from typing import Any

import pytest

from tests.at_once import asked_at_once
from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def spend(owner: str, **other: Any) -> dict[str, Any]:
    return {"owner_id": owner, "asset": "credit", "amount": 3, "key": "k"} | other


def test_the_same_request_again_is_the_first_outcome_again(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    first = done(ledger.one("spend", **spend(owner)))
    done(ledger.one("spend", **spend(owner, key="another")))

    again = ledger.one("spend", **spend(owner))

    assert again == first | {"replayed": True}
    assert ledger.wallet(owner) == (4, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "worded anew"},
        {"metadata": {"try": 2}},
        {"actor": "user:ada"},
        {"bucket": None},
    ],
)
def test_other_words_are_the_same_request(ledger: Ledger, change: dict[str, Any]) -> None:
    owner = ledger.funded(10)
    done(ledger.one("spend", **spend(owner)))

    assert ledger.one("spend", **spend(owner, **change))["replayed"]


@pytest.mark.parametrize("change", [{"amount": 4}, {"bucket": "food"}, {"asset": "gem"}])
def test_another_request_with_the_key_is_a_mismatch_and_changes_nothing(
    ledger: Ledger, change: dict[str, Any]
) -> None:
    ledger.register_gem()
    owner = ledger.funded(10)
    first = done(ledger.one("spend", **spend(owner)))

    assert code(ledger.one("spend", **spend(owner, **change))) == "IDEMPOTENCY_MISMATCH"

    assert ledger.one("spend", **spend(owner)) == first | {"replayed": True}
    assert ledger.wallet(owner) == (7, 0, 0)


def test_a_key_belongs_to_owner_principal_and_verb(ledger: Ledger) -> None:
    owner, other = ledger.funded(100), ledger.funded(100)

    outcomes = [
        ledger.one("spend", **spend(owner)),
        ledger.one("spend", **spend(other)),
        ledger.one("spend", **spend(owner, principal="user")),
        ledger.one("spend", **spend(owner, principal="operator")),
        ledger.one("grant", **spend(owner)),
        ledger.one("hold", **spend(owner)),
    ]

    assert [done(outcome)["replayed"] for outcome in outcomes] == [False] * 6
    assert ledger.one("spend", **spend(owner, principal="service"))["replayed"]


def test_a_refusal_is_remembered_after_a_top_up(ledger: Ledger) -> None:
    owner = ledger.funded(1)
    first = ledger.one("spend", **spend(owner))
    done(ledger.one("grant", owner_id=owner, asset="credit", amount=10))

    assert code(first) == "INSUFFICIENT_FUNDS"
    assert ledger.one("spend", **spend(owner)) == first | {"replayed": True}
    assert not done(ledger.one("spend", **spend(owner, key="new")))["replayed"]


def test_what_time_lifts_is_not_remembered(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    impatient = ledger.database.connect("service_role")
    impatient.execute("SET lock_timeout = '50ms'")

    with ledger.held_by_somebody(
        "UPDATE public.user_credits SET balance = 10 WHERE user_id = %s", owner
    ):
        assert code(ledger.one("spend", impatient, **spend(owner))) == "BUSY"
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        assert code(ledger.one("spend", **spend(owner))) == "DEGRADED"
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    assert code(ledger.one("spend", **spend(owner, amount=0))) == "MALFORMED"

    assert done(ledger.one("spend", **spend(owner)))["replayed"] is False


def test_every_refusal_is_remembered_or_not_as_it_is_documented(ledger: Ledger) -> None:
    forgotten = {
        code for (code,) in ledger.rows("SELECT code FROM bursar.refusal WHERE NOT remembered")
    }

    assert forgotten == {
        "ASSET_NOT_FOUND",
        "MALFORMED",
        "NOT_AUTHORIZED",
        "DEGRADED",
        "BUSY",
        "IDEMPOTENCY_MISMATCH",
        # Whose the key would be is not known.
        "HOLD_NOT_FOUND",
        "TRANSACTION_NOT_FOUND",
        "PURCHASE_NOT_FOUND",
        "PRODUCT_NOT_FOUND",
        "JOB_NOT_FOUND",
        # Time, a payment or somebody's switch lifts it.
        "RATE_LIMITED",
        "NOT_PAID",
        "UNKNOWN_TRANSACTION",
        "APP_DOWN",
        "SKU_DISABLED",
        "BOOSTER_ACTIVE",
        "PENALTY_ACTIVE",
        "POST_NOT_FOUND",
        "CAP_EXCEEDED",
        # What it is about is its own key.
        "TRANSACTION_OWNED_BY_OTHER",
        "TRANSACTION_REFUNDED",
        "JOB_ENDED",
        "NOTHING_TO_REFUND",
    }


@pytest.mark.parametrize("verb", ["spend", "grant"])
def test_fifty_at_once_are_one_effect_and_fifty_equal_answers(ledger: Ledger, verb: str) -> None:
    owner = ledger.funded(200) if verb == "spend" else str(uuid.uuid4())
    before, _, _ = ledger.wallet(owner)

    outcomes = asked_at_once(ledger, verb, [spend(owner)] * 50)

    assert sum(not done(outcome)["replayed"] for outcome in outcomes) == 1
    assert len({str(outcome | {"replayed": True}) for outcome in outcomes}) == 1
    assert abs(ledger.wallet(owner)[0] - before) == 3


def test_the_same_key_on_two_assets_at_once_is_one_effect_and_a_mismatch(ledger: Ledger) -> None:
    ledger.register_gem()
    for _ in range(10):
        owner = str(uuid.uuid4())
        grant = {"owner_id": owner, "amount": 3, "key": "k"}

        outcomes = asked_at_once(
            ledger, "grant", [grant | {"asset": "credit"}, grant | {"asset": "gem"}] * 2
        )

        codes = sorted(outcome.get("code", "done") for outcome in outcomes)
        assert codes == ["IDEMPOTENCY_MISMATCH"] * 2 + ["done"] * 2
        assert ledger.wallet(owner)[0] + ledger.wallet(owner, "gem")[0] == 3


def test_one_external_id_by_many_owners_at_once_is_one_effect(ledger: Ledger) -> None:
    for _ in range(5):
        event = {"provider": "p", "account": "a", "mode": "live", "id": str(uuid.uuid4())}
        owners = [str(uuid.uuid4()) for _ in range(8)]

        outcomes = asked_at_once(
            ledger,
            "grant",
            [
                {"owner_id": owner, "asset": "credit", "amount": 5, "external": event}
                for owner in owners
            ],
        )

        assert sorted(outcome.get("code", "done") for outcome in outcomes) == [
            "EXTERNAL_ID_TAKEN"
        ] * 7 + ["done"]
        assert sum(ledger.wallet(owner)[0] for owner in owners) == 5


def test_pruning_forgets_nothing_younger_than_thirty_days(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    done(ledger.one("spend", **spend(owner)))
    aged = "UPDATE bursar.idempotency SET created_at = created_at - interval '{} days'"

    for days in (29, 2):
        assert ledger.one("spend", **spend(owner))["replayed"]
        ledger.admin.execute(aged.format(days).encode())
        ledger.admin.execute("SELECT bursar.prune_idempotency('1 day')")

    assert not done(ledger.one("spend", **spend(owner)))["replayed"]


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
