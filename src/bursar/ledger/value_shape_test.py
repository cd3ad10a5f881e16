"""A request that cannot be read is refused alone, with the name of its wrong field."""

import json
import uuid
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")

OWNER, PAYEE = str(uuid.uuid4()), str(uuid.uuid4())
NO_AMOUNTS: list[object] = [
    0,
    -1,
    10**15 + 1,
    10**30,
    2**53 + 10**15,
    1.5,
    "1.0",
    True,
    False,
    "1",
    "NaN",
    "Infinity",
    "",
    [],
    [5],
    {},
    {"amount": 5},
    -(10**15),
    -(10**30),
]
NO_TEXTS: list[object] = [5, 1.5, True, [], ["a"], {}, {"a": 1}]
NO_KEYS: list[object] = ["", "k" * 256, "schlüssel", "a\tb", "a\nb", "\x7f", *NO_TEXTS]
NO_OWNERS: list[object] = [
    "",
    "ada",
    "ädä",
    " " + OWNER,
    OWNER[:-1],
    OWNER + "0",
    OWNER.replace("-", ""),
    "{" + OWNER + "}",
    OWNER[:-1] + "g",
    "system:revenue",
    *NO_TEXTS,
]
GOOD: dict[str, dict[str, Any]] = {
    "grant": {"owner_id": OWNER, "asset": "credit", "amount": 5},
    "spend": {"owner_id": OWNER, "asset": "credit", "amount": 5},
    "transfer": {"owner_id": OWNER, "asset": "credit", "amount": 5, "to_owner_id": PAYEE},
    "hold": {"owner_id": OWNER, "asset": "credit", "amount": 5},
    "capture": {"hold_id": 10**12},
    "release": {"hold_id": 10**12},
    "refund": {"transaction_id": 10**12},
    "adjust": {"owner_id": OWNER, "asset": "credit", "amount": -5},
    "freeze": {"owner_id": OWNER, "asset": "credit", "wallet_status": "open"},
}
EXTERNAL = {"provider": "stripe", "account": "main", "mode": "live", "id": "pi_1"}
OWN_FIELDS: dict[str, tuple[object, set[str]]] = {
    "bucket": ("bonus", {"grant", "spend", "transfer"}),
    "external": (EXTERNAL, {"grant"}),
    "expires_in_seconds": (60, {"hold"}),
    "final": (True, {"capture"}),
    "hold_id": (1, {"capture", "release"}),
    "over_run": ("overdraft", {"capture"}),
    "shortfall": ("debt", {"adjust"}),
    "to_owner_id": (PAYEE, {"transfer", "capture"}),
    "transaction_id": (1, {"refund"}),
    "wallet_status": ("closed", {"freeze"}),
}


def wrong_values() -> list[tuple[str, str, list[object]]]:
    """Verb, field, and values that it must not have."""
    grid: list[tuple[str, str, list[object]]] = []
    for verb in GOOD:
        # The counted verbs have no debits below zero; an adjustment has.
        amounts = [a for a in NO_AMOUNTS if verb != "adjust" or a not in (-1, -(10**15))]
        grid.append((verb, "amount", [5] if verb == "freeze" else amounts))
        grid += [
            (verb, "key", NO_KEYS),
            (verb, "actor", NO_KEYS),
            (verb, "reason", ["", "r" * 201, *NO_TEXTS]),
            (verb, "principal", ["root", "", *NO_TEXTS]),
            (verb, "metadata", ["{}", 5, [], True, {"long": "x" * 9000}]),
        ]
        if "owner_id" in GOOD[verb]:
            grid.append((verb, "owner_id", NO_OWNERS))
            grid.append((verb, "asset", list(NO_TEXTS)))
        for field, (value, verbs) in OWN_FIELDS.items():
            if verb not in verbs:
                grid.append((verb, field, [value]))
    no_ids: list[object] = [0, -1, 1.5, True, "1", 2**63, [], {}]
    grid += [
        ("capture", "hold_id", no_ids),
        ("release", "hold_id", no_ids),
        ("refund", "transaction_id", no_ids),
        ("transfer", "to_owner_id", NO_OWNERS),
        ("capture", "to_owner_id", [5, {}, "\x01"]),
        ("hold", "expires_in_seconds", [0, -1, 86401, 1.5, True, "60"]),
        ("capture", "over_run", ["debt", "", *NO_TEXTS]),
        ("capture", "final", ["true", 1, 0, [], {}]),
        ("adjust", "shortfall", ["owe", "", *NO_TEXTS]),
        ("freeze", "wallet_status", ["shut", "", *NO_TEXTS]),
        ("grant", "bucket", ["", "Bonus", "b" * 31, "debt", "a b", *NO_TEXTS]),
        (
            "grant",
            "external",
            [
                "pi_1",
                5,
                [],
                {},
                EXTERNAL | {"mode": "demo"},
                EXTERNAL | {"id": 5},
                EXTERNAL | {"id": ""},
                EXTERNAL | {"account": {}},
                EXTERNAL | {"provider": "é"},
            ],
        ),
    ]
    return grid


@pytest.fixture(scope="module")
def owner(ledger: Ledger) -> str:
    done(ledger.one("grant", owner_id=OWNER, asset="credit", amount=10**6))
    return OWNER


@pytest.mark.parametrize(("verb", "field", "values"), wrong_values())
def test_a_wrong_value_is_refused_by_name_and_its_neighbours_succeed(
    ledger: Ledger, owner: str, verb: str, field: str, values: list[object]
) -> None:
    before, _, _ = ledger.wallet(owner)
    one: dict[str, Any] = {"verb": "grant", "owner_id": owner, "asset": "credit", "amount": 1}
    wrong = [{"verb": verb, **GOOD[verb], field: value} for value in values]

    outcomes = ledger.ask("batch", [one, *wrong, one])

    assert outcomes[0]["balance"] == before + 1
    assert outcomes[-1]["balance"] == before + 2
    for value, outcome in zip(values, outcomes[1:-1], strict=True):
        assert code(outcome) == "MALFORMED", (value, outcome)
        assert outcome["details"] == {"field": field}, (value, outcome)


@pytest.mark.parametrize(
    ("verb", "missing"), [(verb, field) for verb, request in GOOD.items() for field in request]
)
def test_a_missing_field_is_refused_by_name(ledger: Ledger, verb: str, missing: str) -> None:
    for request in (
        {name: value for name, value in GOOD[verb].items() if name != missing},
        GOOD[verb] | {missing: None},
    ):
        outcome = ledger.one(verb, **request)

        assert code(outcome) == "MALFORMED"
        assert outcome["details"] == {"field": missing}


@pytest.mark.parametrize("request_", [5, "grant", None, True, [], [[]], 1.5])
def test_a_request_that_is_no_object_is_refused_alone(
    ledger: Ledger, owner: str, request_: object
) -> None:
    good = {"owner_id": owner, "asset": "credit", "amount": 1}

    outcomes = ledger.ask("grant", [request_, good])

    assert code(outcomes[0]) == "MALFORMED"
    assert outcomes[0]["details"] == {"field": "request"}
    done(outcomes[1])


@pytest.mark.parametrize("verb", ["mint", "", None, 5, "purchase_reward", "expire", {}])
def test_a_verb_that_is_none_is_refused(ledger: Ledger, verb: object) -> None:
    outcome = ledger.one("batch", verb=verb, owner_id=OWNER, asset="credit", amount=5)

    assert code(outcome) == "MALFORMED"
    assert outcome["details"] == {"field": "verb"}


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1.0", "5.00", "0.5", "-0"])
def test_a_number_that_python_cannot_write_is_refused(ledger: Ledger, text: str) -> None:
    good = json.dumps({"owner_id": OWNER, "asset": "credit", "amount": "?"})

    row = ledger.caller.execute(
        'SELECT bursar."grant"(jsonb_build_array(%s::jsonb))', [good.replace('"?"', text)]
    ).fetchone()

    assert row is not None
    assert row[0][0]["details"] == {"field": "amount"}


@pytest.mark.parametrize("verb", [*GOOD, "batch", "purchase_reward"])
@pytest.mark.parametrize(
    "argument",
    [
        None,
        {},
        5,
        "grant",
        True,
        [],
        [GOOD["grant"]] * 1001,
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(
    ledger: Ledger, verb: str, argument: object
) -> None:
    query = psycopg.sql.SQL("SELECT bursar.{}(%s)").format(psycopg.sql.Identifier(verb))

    with pytest.raises(psycopg.DatabaseError) as refused:
        ledger.caller.execute(query, [None if argument is None else Jsonb(argument)])

    assert refused.value.sqlstate == "UB001"
    assert str(refused.value).startswith("MALFORMED: ")


def test_a_thousand_requests_are_a_batch_and_one_character_too_many_is_a_key_too_long(
    ledger: Ledger,
) -> None:
    request = {"owner_id": str(uuid.uuid4()), "asset": "credit", "amount": 1}

    outcomes = ledger.ask("grant", [request | {"key": f"{n:0255}"} for n in range(1000)])

    assert [outcome["balance"] for outcome in outcomes] == list(range(1, 1001))


def test_owners_of_any_name_are_as_distinct_as_their_bytes(ledger: Ledger) -> None:
    ledger.register_gem()
    names = ["ada", "Ada", "ada ", "a" * 255, "a" * 256, "ädä", "system:", "SYSTEM:a", "%", "a'b\\"]

    outcomes = ledger.ask(
        "grant", [{"owner_id": name, "asset": "gem", "amount": 1} for name in names]
    )

    refused = [n for n, o in zip(names, outcomes, strict=True) if o["status"] == "refused"]
    assert refused == ["ada ", "a" * 256, "ädä", "system:"]
    assert {o["balance"] for o in outcomes if o["status"] == "done"} == {1}


def test_a_uuid_in_capitals_is_the_same_owner(ledger: Ledger) -> None:
    owner = ledger.funded(5)

    outcome = ledger.one("grant", owner_id=owner.upper(), asset="credit", amount=5)

    assert (outcome["owner_id"], outcome["balance"]) == (owner, 10)


def test_metadata_is_kept_as_it_was_sent(ledger: Ledger, owner: str) -> None:
    metadata = {"note": None, "deep": {"also": None}, "list": [1, None], "ü": "☃"}

    outcome = ledger.one("grant", owner_id=owner, asset="credit", amount=1, metadata=metadata)

    found = ledger.value("SELECT bursar.read_transaction(%s)", outcome["transaction_id"])
    assert found["metadata"] == metadata


def test_nothing_wrong_was_written(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
