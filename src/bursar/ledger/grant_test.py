"""A grant credits a wallet once, whatever came before it."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def event(identity: str, **other: str) -> dict[str, str]:
    return {"provider": "stripe", "account": "main", "mode": "live", "id": identity} | other


def test_a_grant_opens_the_wallet_and_comes_from_issuance(ledger: Ledger) -> None:
    owner = str(uuid.uuid4())

    outcome = done(ledger.one("grant", owner_id=owner, asset="credit", amount=5))

    assert {name: outcome[name] for name in outcome if name != "transaction_id"} == {
        "status": "done",
        "verb": "grant",
        "owner_id": owner,
        "asset": "credit",
        "amount": 5,
        "balance": 5,
        "held": 0,
        "available": 5,
        "replayed": False,
    }
    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", "system:issuance", -5, "granted"),
        ("credit", owner, 5, "promotional"),
    ]
    assert ledger.value("SELECT balance FROM public.user_credits WHERE user_id = %s", owner) == 5


def test_a_grant_for_an_external_transaction_comes_from_outside(ledger: Ledger) -> None:
    owner = str(uuid.uuid4())

    outcome = done(
        ledger.one("grant", owner_id=owner, asset="credit", amount=5, external=event(owner))
    )

    assert ledger.entries(outcome["transaction_id"]) == [
        ("credit", "system:external", -5, "granted"),
        ("credit", owner, 5, "purchased"),
    ]


def test_an_external_id_has_one_effect_and_the_same_grant_again_is_a_replay(
    ledger: Ledger,
) -> None:
    owner = str(uuid.uuid4())
    grant = {"owner_id": owner, "asset": "credit", "amount": 5, "external": event(owner)}

    first, second = ledger.ask("grant", [grant, grant])
    third = ledger.one("grant", **grant, key="a key of its own")

    assert not done(first)["replayed"]
    assert second == third == first | {"replayed": True}
    assert ledger.wallet(owner) == (5, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"owner_id": str(uuid.uuid4())},
        {"amount": 6},
        {"bucket": "earned"},
    ],
)
def test_an_external_id_in_another_grant_is_refused(
    ledger: Ledger, change: dict[str, object]
) -> None:
    owner = str(uuid.uuid4())
    grant = {"owner_id": owner, "asset": "credit", "amount": 5, "external": event(owner)}
    done(ledger.one("grant", **grant))

    refused = ledger.one("grant", **(grant | change))

    assert code(refused) == "EXTERNAL_ID_TAKEN"
    assert "known" not in refused["details"]  # nobody reads another's outcome
    assert ledger.wallet(owner) == (5, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "play"},
        {"account": "second"},
        {"mode": "test"},
        {"id": "another"},
    ],
)
def test_external_ids_differ_in_each_of_their_four_parts(
    ledger: Ledger, other: dict[str, str]
) -> None:
    owner = str(uuid.uuid4())
    grant = {"owner_id": owner, "asset": "credit", "amount": 5}

    outcomes = ledger.ask(
        "grant",
        [
            grant | {"external": event(owner)},
            grant
            | {
                "external": event(owner)
                | {k: f"{v}{owner}" if k == "id" else v for k, v in other.items()}
            },
        ],
    )

    assert [outcome["balance"] for outcome in outcomes] == [5, 10]


def test_one_external_id_with_words_of_its_own_twice_in_a_batch_is_one_effect(
    ledger: Ledger,
) -> None:
    owner = str(uuid.uuid4())
    grant = {"owner_id": owner, "asset": "credit", "amount": 5}

    first, second = ledger.ask(
        "grant",
        [grant | {"external": event(owner)}, grant | {"external": event(owner, note="again")}],
    )

    done(first)
    assert code(second) == "EXTERNAL_ID_TAKEN"


def test_a_key_that_was_used_otherwise_is_a_mismatch_also_with_a_known_external_id(
    ledger: Ledger,
) -> None:
    owner = str(uuid.uuid4())
    grant = {"owner_id": owner, "asset": "credit", "amount": 5}
    done(ledger.one("grant", **grant, external=event(owner)))
    done(ledger.one("grant", **grant, key="k"))

    again = ledger.one("grant", **grant, external=event(owner), key="k")

    assert code(again) == "IDEMPOTENCY_MISMATCH"


def test_a_refused_grant_leaves_its_external_id_free(ledger: Ledger) -> None:
    owner = ledger.funded(5)
    done(ledger.one("spend", owner_id=owner, asset="credit", amount=5))
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status="closed"))
    grant = {"owner_id": owner, "asset": "credit", "amount": 5, "external": event(owner)}

    assert code(ledger.one("grant", **grant)) == "WALLET_CLOSED"
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status="open"))

    assert done(ledger.one("grant", **grant))["balance"] == 5


def test_a_grant_repays_the_debt_first(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    done(ledger.one("adjust", owner_id=owner, asset="credit", amount=-30, shortfall="debt"))

    first = done(ledger.one("grant", owner_id=owner, asset="credit", amount=15))
    second = done(ledger.one("grant", owner_id=owner, asset="credit", amount=15))

    assert (first["balance"], first["owed"]) == (0, 5)
    assert second["balance"] == 10
    assert "owed" not in second
    assert ledger.entries(first["transaction_id"]) == [
        ("credit", "system:issuance", -15, "granted"),
        ("credit", owner, 15, "promotional"),
        ("credit", owner, -15, "debt"),
        ("credit", "system:debt", 15, "debt"),
        ("credit:owed", owner, -15, "debt"),
        ("credit:owed", "system:debt", 15, "debt"),
    ]


def test_a_frozen_wallet_receives_and_a_full_one_does_not(ledger: Ledger) -> None:
    owner = ledger.funded(5)
    done(ledger.one("freeze", owner_id=owner, asset="credit", wallet_status="frozen"))
    assert done(ledger.one("grant", owner_id=owner, asset="credit", amount=5))["balance"] == 10

    ledger.admin.execute(
        "UPDATE public.user_credits SET balance = 999999999999999996 WHERE user_id = %s", [owner]
    )

    outcomes = ledger.ask(
        "grant", [{"owner_id": owner, "asset": "credit", "amount": amount} for amount in (5, 4, 1)]
    )
    assert [o.get("code", o.get("balance")) for o in outcomes] == [
        "BALANCE_LIMIT",
        10**18,
        "BALANCE_LIMIT",
    ]


def test_an_asset_that_is_not_registered_is_refused(ledger: Ledger) -> None:
    for asset in ("gold", "credit:owed", "CREDIT", "", " "):
        refused = ledger.one("grant", owner_id=str(uuid.uuid4()), asset=asset, amount=5)

        assert code(refused) == "ASSET_NOT_FOUND"


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()


def test_a_refusal_that_repeats_a_word_of_the_request_is_answered_again_as_a_replay(
    ledger: Ledger,
) -> None:
    external = {"provider": "p", "account": "a", "mode": "live", "id": str(uuid.uuid4())}
    owner = str(uuid.uuid4())
    done(ledger.one("grant", owner_id=owner, asset="credit", amount=5, external=external))
    other = {"owner_id": owner, "asset": "credit", "amount": 6, "key": str(uuid.uuid4())}
    named = external | {"replayed": False}

    first = ledger.one("grant", **other, external=named)
    second = ledger.one("grant", **other, external=named)

    assert (code(first), first["replayed"]) == ("EXTERNAL_ID_TAKEN", False)
    assert second == first | {"replayed": True}
