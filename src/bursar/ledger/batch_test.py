"""A batch is independent requests, each with its outcome, as if they came one after the other."""

import time
import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_credits_fund_later_debits_of_wallets_that_were_not_there(ledger: Ledger) -> None:
    a, b = str(uuid.uuid4()), str(uuid.uuid4())
    credit = {"asset": "credit"}

    outcomes = ledger.ask(
        "batch",
        [
            {"verb": "spend", "owner_id": a, "amount": 1, **credit},
            {"verb": "grant", "owner_id": a, "amount": 10, **credit},
            {"verb": "transfer", "owner_id": a, "to_owner_id": b, "amount": 7, **credit},
            {"verb": "hold", "owner_id": b, "amount": 5, **credit},
            {"verb": "spend", "owner_id": b, "amount": 3, **credit},
            {"verb": "spend", "owner_id": b, "amount": 2, **credit},
        ],
    )

    assert [o.get("code", o.get("available")) for o in outcomes] == [
        "INSUFFICIENT_FUNDS",
        10,
        3,
        2,
        "INSUFFICIENT_FUNDS",
        0,
    ]
    assert [o["verb"] for o in outcomes] == ["spend", "grant", "transfer", "hold", "spend", "spend"]


def test_a_repeated_key_is_a_replay_or_a_mismatch_within_the_batch(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    spend = {"verb": "spend", "owner_id": owner, "asset": "credit", "amount": 3, "key": "k"}

    outcomes = ledger.ask("batch", [spend, spend, spend | {"amount": 4}, spend])

    assert outcomes[1] == outcomes[3] == outcomes[0] | {"replayed": True}
    assert code(outcomes[2]) == "IDEMPOTENCY_MISMATCH"
    assert ledger.wallet(owner) == (7, 0, 0)


def test_a_refusal_is_replayed_within_the_batch_although_credits_came_between(
    ledger: Ledger,
) -> None:
    owner = ledger.funded(1)
    spend = {"verb": "spend", "owner_id": owner, "asset": "credit", "amount": 3, "key": "k"}
    grant = {"verb": "grant", "owner_id": owner, "asset": "credit", "amount": 5}

    first, _, again, other = ledger.ask("batch", [spend, grant, spend, spend | {"key": "l"}])

    assert code(first) == "INSUFFICIENT_FUNDS"
    assert again == first | {"replayed": True}
    assert done(other)["balance"] == 3


def test_a_batch_over_several_assets_keeps_them_apart(ledger: Ledger) -> None:
    ledger.register_gem()
    owner = str(uuid.uuid4())

    outcomes = ledger.ask(
        "batch",
        [
            {"verb": "grant", "owner_id": owner, "asset": "gem", "amount": 3},
            {"verb": "spend", "owner_id": owner, "asset": "credit", "amount": 1},
            {
                "verb": "adjust",
                "owner_id": owner,
                "asset": "credit",
                "amount": -2,
                "shortfall": "debt",
            },
            {"verb": "grant", "owner_id": owner, "asset": "gem", "amount": 1},
            {"verb": "grant", "owner_id": owner, "asset": "credit", "amount": 3},
        ],
    )

    assert [o.get("code", (o.get("balance"), o.get("owed"))) for o in outcomes] == [
        (3, None),
        "INSUFFICIENT_FUNDS",
        (0, 2),
        (4, None),
        (1, None),
    ]


@pytest.mark.parametrize("verb", ["grant", "spend", "hold", "adjust", "freeze"])
def test_a_verb_of_its_own_overrides_what_a_request_says(ledger: Ledger, verb: str) -> None:
    owner = ledger.funded(10)
    given = {"wallet_status": "open"} if verb == "freeze" else {"amount": 1}

    outcome = ledger.one(verb, verb="transfer", owner_id=owner, asset="credit", **given)

    assert done(outcome)["verb"] == verb


def test_outcomes_come_in_the_order_of_requests(ledger: Ledger) -> None:
    owners = [str(uuid.uuid4()) for _ in range(300)]

    outcomes = ledger.ask(
        "grant",
        [{"owner_id": owner, "asset": "credit", "amount": n + 1} for n, owner in enumerate(owners)],
    )

    assert [(o["owner_id"], o["amount"]) for o in outcomes] == [
        (owner, n + 1) for n, owner in enumerate(owners)
    ]


def test_a_thousand_requests_on_one_hold_end_in_a_bounded_time(ledger: Ledger) -> None:
    owner = ledger.funded(1000)
    hold_id = done(ledger.one("hold", owner_id=owner, asset="credit", amount=300))["hold_id"]
    began = time.monotonic()

    outcomes = ledger.ask("capture", [{"hold_id": hold_id, "amount": 1, "final": False}] * 301)

    assert [o["status"] for o in outcomes] == ["done"] * 300 + ["refused"]
    assert time.monotonic() - began < 120


def test_the_service_alone_may_call(ledger: Ledger) -> None:
    for role, may in (("service_role", True), ("authenticated", False), ("anon", False)):
        assert (
            ledger.value(
                "SELECT has_function_privilege(%s, 'bursar.batch(jsonb)', 'EXECUTE')", role
            )
            is may
        )


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
