"""The ledger on Citus: its verbs, its layout, what it refuses. Skipped where there is no Citus."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.db.scratch import SERVICE_ROLE
from bursar.ops import citus
from tests.citus_calls import (
    assert_sound,
    balances,
    call,
    carry,
    grant,
    owner,
    pair_apart,
    purchase,
    reward,
    spend,
    transfer,
)
from tests.citus_nodes import CitusNodes


def test_a_wallet_s_requests_are_decided_in_order_on_its_own_node(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    home = owner()
    done = carry(service, home, grant(100), spend(30), spend(80), spend(70), spend(1))

    told = [outcome.get("code") or outcome["balance"] for outcome in done]
    assert told == [100, 70, "INSUFFICIENT_FUNDS", 0, "INSUFFICIENT_FUNDS"]
    assert done[2]["details"] == {
        "owner_id": home, "asset": "credit", "available": 70, "needed": 80
    }  # fmt: skip
    # The ids are those of the worker's own range: the call was carried out there.
    assert {outcome["transaction_id"] >> 48 for outcome in done if "balance" in outcome} == {
        nodes.node_of(home)
    }
    assert_sound(nodes)


def test_a_key_is_remembered_with_its_outcome_refusals_too(
    service: psycopg.Connection[Any],
) -> None:
    home = owner()
    first = carry(service, home, grant(10, "a"), spend(11, "b"))
    carry(service, home, grant(100))
    again = carry(service, home, grant(10, "a"), spend(11, "b"), spend(12, "b"), spend(1, "a"))

    assert again[:2] == [{**outcome, "replayed": True} for outcome in first]
    assert again[1]["code"] == "INSUFFICIENT_FUNDS"
    assert again[2]["code"] == "IDEMPOTENCY_MISMATCH"
    assert again[3]["status"] == "done", "a key belongs to its verb"
    twice = carry(service, home, spend(1, "c"), spend(1, "c"))
    assert [outcome["replayed"] for outcome in twice] == [False, True]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"verb": "spend"}, "amount"),
        ({"verb": "spend", "amount": 0}, "amount"),
        ({"verb": "spend", "amount": 1.5}, "amount"),
        ({"verb": "spend", "amount": True}, "amount"),
        ({"verb": "spend", "amount": None}, "amount"),
        ({"verb": "hold", "amount": 5}, "verb"),
        ({"amount": 5}, "verb"),
        ({"verb": "grant", "amount": 5, "key": ""}, "key"),
        ({"verb": "grant", "amount": 5, "key": 7}, "key"),
        ({"verb": "grant", "amount": 5, "principal": "root"}, "principal"),
        ({"verb": "grant", "amount": 5, "owner_id": "somebody else"}, "owner_id"),
        ({"verb": "grant", "amount": 5, "metadata": []}, "metadata"),
        (7, "request"),
    ],
)
def test_what_cannot_be_read_is_refused_and_no_burden_to_the_others(
    service: psycopg.Connection[Any], request_: Any, field: str
) -> None:
    home = owner()
    refused, done = carry(service, home, request_, grant(5))

    assert (refused["code"], refused["details"]) == ("MALFORMED", {"field": field})
    assert done["balance"] == 5


def test_an_asset_that_is_not_registered_is_refused(service: psycopg.Connection[Any]) -> None:
    query = "SELECT bursar_citus.carry(%s, 'gold', %s)"
    row = service.execute(query, [owner(), Jsonb([grant(5)])]).fetchone()

    assert row is not None
    assert row[0][0]["code"] == "ASSET_NOT_FOUND"


def test_a_batch_over_many_wallets_answers_in_the_order_of_its_requests(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    first, second = pair_apart(nodes)
    requests = [
        {"owner_id": second.upper(), "asset": "credit", **grant(20)},
        {"owner_id": first, "asset": "credit", **grant(10)},
        {"asset": "credit", **spend(1)},
        {"owner_id": second, "asset": "credit", **spend(25)},
        {"owner_id": first, "asset": "credit", **spend(4)},
    ]
    done = call(service, "batch", requests)

    told = [outcome.get("code") or outcome["balance"] for outcome in done]
    assert told == [20, 10, "MALFORMED", "INSUFFICIENT_FUNDS", 6]
    assert balances(nodes, first, second) == [6, 20]


def test_a_payment_between_two_nodes_has_both_halves_or_none(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    first, second = pair_apart(nodes)
    carry(service, first, grant(100))
    for payer, payee in ((first, second), (second, first)):
        done = call(service, "transfer", transfer(payer, payee, 40, "k"))
        assert done["status"] == "done"
        again = call(service, "transfer", transfer(payer, payee, 40, "k"))
        assert again == {**done, "replayed": True}
    short = call(service, "transfer", transfer(second, first, 1, "short"))
    assert short["code"] == "INSUFFICIENT_FUNDS"
    with nodes.connect() as connection:
        connection.execute(
            "UPDATE bursar_citus.wallet SET status = 'closed' WHERE home = %s", [second]
        )
    closed = call(service, "transfer", transfer(first, second, 1, "closed"))
    assert (closed["code"], closed["details"]["owner_id"]) == ("WALLET_CLOSED", second)
    assert call(service, "transfer", transfer(first, first, 1))["code"] == "SELF_TRANSFER"

    assert balances(nodes, first, second) == [100, 0]
    assert_sound(nodes)


def test_a_purchase_is_refused_in_the_order_of_precedence(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    collector, creator = pair_apart(nodes)
    carry(service, collector, grant(10))
    good, dear = reward(nodes, creator, 5), reward(nodes, creator, 500)

    def code(reward_id: str, who: str = collector, **more: Any) -> str:
        outcome = call(service, "purchase_reward", purchase(reward_id, who, **more))
        return str(outcome.get("code", "done"))

    assert code(good, expected_price=4) == "PRICE_CHANGED"
    assert code(dear) == "INSUFFICIENT_FUNDS"
    assert code(good, creator) == "SELF_PURCHASE"
    assert code(owner()) == "REWARD_NOT_FOUND"
    assert code(good, caller={"role": "anon"}) == "NOT_AUTHORIZED"
    assert code("x") == "MALFORMED"
    assert code(good) == "done"
    assert code(good, expected_price=4) == "ALREADY_COLLECTED"
    assert_sound(nodes)


def test_changes_are_refused_on_a_node_whose_gate_is_closed(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    first, second = pair_apart(nodes)
    carry(service, first, grant(5))
    carry(service, second, grant(5))
    with nodes.connect(nodes.node_of(second)) as worker:
        worker.execute("UPDATE bursar.gate SET degraded = true")
        try:
            with pytest.raises(psycopg.Error, match="DEGRADED") as refused:
                carry(service, second, grant(5))
            assert refused.value.sqlstate == "UB003"
            with pytest.raises(psycopg.Error, match="DEGRADED"):
                call(service, "transfer", transfer(first, second, 5))
            assert carry(service, first, grant(1))[0]["balance"] == 6
        finally:
            worker.execute("UPDATE bursar.gate SET degraded = false")
    assert balances(nodes, first, second) == [6, 5]


def test_the_service_writes_through_the_functions_alone(
    nodes: CitusNodes, service: psycopg.Connection[Any]
) -> None:
    home = owner()
    carry(service, home, grant(5))
    for statement in (
        "UPDATE bursar_citus.wallet SET balance = 9 WHERE home = %s",
        "DELETE FROM bursar_citus.entry WHERE home = %s",
        "SELECT bursar_citus.half(%s, 'credit', '[]')",
        "SELECT bursar_citus.look(%s, 'credit', true)",
        "SELECT bursar_citus.across(%s, 'b', 'credit', '{}')",
    ):
        for node in (0, nodes.node_of(home)):
            with (
                nodes.connect(node, SERVICE_ROLE) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(statement, [home])
    assert balances(nodes, home) == [5]


def test_the_audit_finds_what_is_wrong(nodes: CitusNodes) -> None:
    home = owner()
    with nodes.connect() as connection:
        carry(connection, home, grant(5), spend(2))
        for change, undo in (
            ("UPDATE bursar_citus.wallet SET balance = 4", "balance = 3"),
            ("UPDATE bursar_citus.entry SET amount = 6 WHERE seq = 1 AND home = %(h)s --", ""),
        ):
            connection.execute(f"{change} WHERE home = %(h)s", {"h": home})
            found = connection.execute(
                "SELECT DISTINCT left(promise, 2), home FROM bursar_citus.audit()"
            ).fetchall()
            assert ("P2", home) in found
            if undo:
                connection.execute(f"UPDATE bursar_citus.wallet SET {undo} WHERE home = %s", [home])
        assert ("P1", home) in found
        connection.execute(
            "UPDATE bursar_citus.entry SET amount = 5 WHERE seq = 1 AND home = %s", [home]
        )
    assert_sound(nodes)


def test_a_layout_that_is_not_what_it_should_be_is_noticed(nodes: CitusNodes) -> None:
    citus.verify(nodes.url())
    with nodes.connect(2) as worker:
        row = worker.execute("SELECT pg_get_functiondef('bursar.clock()'::regprocedure)").fetchone()
        assert row is not None
        worker.execute(row[0].replace("clock_timestamp()", "now()"))
        try:
            with pytest.raises(psycopg.errors.RaiseException, match="not the same on every node"):
                citus.verify(nodes.url())
        finally:
            worker.execute(row[0])
    citus.verify(nodes.url())


def test_it_goes_away_and_leaves_the_kernel(nodes: CitusNodes) -> None:
    citus.down(nodes.url())

    for number in range(3):
        with nodes.connect(number) as connection:
            row = connection.execute(
                "SELECT to_regnamespace('bursar_citus'), to_regprocedure('bursar.spend(jsonb)')"
            ).fetchone()
            assert row is not None
            assert (row[0], row[1] is None) == (None, False)
    with pytest.raises(psycopg.errors.RaiseException, match="Not distributed"):
        citus.verify(nodes.url())
    citus.up(nodes.url())
