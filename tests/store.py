"""What the tests do to a store behind its doors: give credits, put rewards on sale, look."""

import uuid

import psycopg
from psycopg.types.json import Jsonb

# What may change although nothing happened: remembered refusals, counters, and what was observed.
COUNTERS = ("metric_minute", "heartbeat", "observation")
_VOLATILE = ("bursar.idempotency", *(f"bursar.{name}" for name in COUNTERS))


def new_id() -> str:
    """The id of somebody new."""
    return str(uuid.uuid4())


def grant_all(connection: psycopg.Connection, owner_ids: list[str], amount: int) -> None:
    """Give `amount` credits to each owner."""
    for start in range(0, len(owner_ids), 500):
        part = [
            {"owner_id": owner_id, "asset": "credit", "amount": amount}
            for owner_id in owner_ids[start : start + 500]
        ]
        row = connection.execute('SELECT bursar."grant"(%s)', [Jsonb(part)]).fetchone()
        assert row is not None
        assert all(outcome["status"] == "done" for outcome in row[0]), row[0][0]


def person(connection: psycopg.Connection, amount: int = 0) -> str:
    """Somebody new with so many credits."""
    owner_id = new_id()
    if amount:
        grant_all(connection, [owner_id], amount)
    return owner_id


def reward(
    connection: psycopg.Connection, cost: int, *, creator_id: str = "", is_active: bool = True
) -> str:
    """Put a reward on sale."""
    row = connection.execute(
        "INSERT INTO public.rewards (creator_id, name, cost, is_active)"
        " VALUES (%s, 'Sticker', %s, %s) RETURNING id::text",
        [creator_id or new_id(), cost, is_active],
    ).fetchone()
    assert row is not None
    made: str = row[0]
    return made


def freeze(connection: psycopg.Connection, owner_id: str) -> None:
    """Freeze a credit wallet."""
    request = {"owner_id": owner_id, "asset": "credit", "wallet_status": "frozen"}
    row = connection.execute("SELECT bursar.freeze(%s)", [Jsonb([request])]).fetchone()
    assert row is not None
    assert row[0][0]["status"] == "done", row[0]


def balance(connection: psycopg.Connection, owner_id: str) -> int:
    """The balance of a credit wallet, 0 when there is none."""
    row = connection.execute(
        "SELECT balance FROM public.user_credits WHERE user_id = %s", [owner_id]
    ).fetchone()
    return 0 if row is None else int(row[0])


def collected(connection: psycopg.Connection, owner_id: str) -> set[str]:
    """The rewards that somebody has collected."""
    rows = connection.execute(
        "SELECT reward_id::text FROM public.collected_rewards WHERE collector_id = %s", [owner_id]
    ).fetchall()
    return {row[0] for row in rows}


def digest(connection: psycopg.Connection) -> dict[str, str]:
    """A digest of every table's rows, but for what may change although nothing happened."""
    names = connection.execute(
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
        " WHERE table_schema IN ('public', 'bursar') AND table_type = 'BASE TABLE' ORDER BY 1"
    ).fetchall()
    digests: dict[str, str] = {}
    for (name,) in names:
        if name in _VOLATILE:
            continue
        query = f"SELECT md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) FROM {name} t"
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        digests[name] = row[0]
    assert {"bursar.entry", "public.user_credits", "public.collected_rewards"} <= set(digests)
    return digests
