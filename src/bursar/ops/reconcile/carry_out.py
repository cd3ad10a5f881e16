"""Runs remedies on one connection: for a trial, which is undone, or in earnest."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from bursar.ops.reconcile.kinds import REMEDIES
from bursar.ops.reconcile.step import Step

# Of a statement; a wallet with a million entries is gone through in a few seconds.
STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 2_000
_TOUCHED = """
    SELECT asset, owner_id FROM bursar.entry WHERE transaction_id = ANY (%(ids)s::bigint[])
    UNION SELECT asset, owner_id FROM bursar.transaction WHERE id = ANY (%(ids)s::bigint[])
"""


class _Undone(Exception):
    """Ends a trial."""


async def wallets_of(connection: AsyncConnection, transactions: Sequence[int]) -> list[Any]:
    """Return the wallets, as (asset, owner), that these transactions moved or are about."""
    if not transactions:
        return []
    cursor = await connection.execute(_TOUCHED, {"ids": list(transactions)})
    return [(asset, owner) for asset, owner in await cursor.fetchall()]


async def carry_out(
    connection: AsyncConnection, step: Step, *, reason: str, actor: str, earnest: bool
) -> str | None:
    """Run the step's remedy and write down what it came to; return why it was refused, if it was.

    What a trial writes is undone again, so it says exactly what would be done. A remedy that fails
    is refused with the database's words, and has changed nothing.
    """
    remedy = REMEDIES[step.remedy]
    arguments = [*step.arguments, reason, actor]
    query = sql.SQL("SELECT bursar.{}({})").format(
        sql.Identifier(remedy.function), sql.SQL(", ").join(sql.Placeholder() * len(arguments))
    )
    answer: dict[str, Any] = {}
    try:
        async with connection.transaction():
            cursor = await connection.execute(query, arguments)
            row = await cursor.fetchone()
            answer = row[0] if row is not None else {}
            if not earnest or answer.get("status") != "done":
                raise _Undone
    except _Undone:
        pass
    except psycopg.OperationalError as error:
        if connection.broken:
            raise
        return str(error).partition("\n")[0]
    except psycopg.Error as error:
        return str(error).partition("\n")[0]
    step.before, step.after = answer.get("before"), answer.get("after")
    step.transactions = [one for one in answer.get("transactions") or [] if one is not None]
    if answer.get("status") == "refused":
        return str(answer.get("why"))
    step.done = earnest and answer.get("status") == "done"
    return None
