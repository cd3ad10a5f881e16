"""What the tests of the ledger on Citus say to it."""

import uuid
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.citus_nodes import CitusNodes

Outcome = dict[str, Any]


def owner() -> str:
    return str(uuid.uuid4())


def carry(connection: psycopg.Connection[Any], home: str, *requests: Outcome) -> list[Outcome]:
    query = "SELECT bursar_citus.carry(%s, 'credit', %s)"
    row = connection.execute(query, [home, Jsonb(list(requests))]).fetchone()
    assert row is not None
    outcomes: list[Outcome] = row[0]
    return outcomes


def call(connection: psycopg.Connection[Any], verb: str, request: Any) -> Any:
    row = connection.execute(f"SELECT bursar_citus.{verb}(%s)", [Jsonb(request)]).fetchone()
    assert row is not None
    return row[0]


def grant(amount: int, key: str | None = None) -> Outcome:
    return {"verb": "grant", "amount": amount} | ({} if key is None else {"key": key})


def spend(amount: int, key: str | None = None) -> Outcome:
    return {**grant(amount, key), "verb": "spend"}


def transfer(payer: str, payee: str, amount: int, key: str | None = None) -> Outcome:
    wallets = {"owner_id": payer, "to_owner_id": payee, "asset": "credit"}
    return wallets | {"amount": amount} | ({} if key is None else {"key": key})


def reward(nodes: CitusNodes, creator: str, cost: int) -> str:
    made = owner()
    with nodes.connect() as connection:
        connection.execute(
            "INSERT INTO bursar_citus.reward VALUES (%s, %s, 'Sticker', %s)", [made, creator, cost]
        )
    return made


def purchase(reward_id: str, collector: str, **more: Any) -> Outcome:
    caller = {"role": "authenticated", "sub": collector}
    return {"reward_id": reward_id, "collector_id": collector, "caller": caller, **more}


def balances(nodes: CitusNodes, *homes: str) -> list[int]:
    with nodes.connect() as connection:
        rows = dict(connection.execute("SELECT home, balance FROM bursar_citus.wallet").fetchall())
    return [rows.get(home, 0) for home in homes]


def assert_sound(nodes: CitusNodes) -> None:
    with nodes.connect() as connection:
        assert connection.execute("SELECT * FROM bursar_citus.audit()").fetchall() == []


def pair_apart(nodes: CitusNodes) -> tuple[str, str]:
    """Two owners whose rows are on different nodes; the first sorts before the second."""
    first = owner()
    while nodes.node_of(second := owner()) == nodes.node_of(first):
        pass
    return (first, second) if first < second else (second, first)
