"""Puts the demonstration's visitors and rewards into a database, once however often it is asked."""

import json
from typing import Any

import psycopg

from bursar.demo.assortment import REWARDS
from bursar.demo.visitors import VISITORS
from bursar.errors import Fault

CONNECT_SECONDS = 10
_INSERT = """
    INSERT INTO public.rewards (id, creator_id, name, description, cost, is_active)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""


def seed(database_url: str) -> None:
    """Make what is missing of the demonstration; change nothing that is there.

    The opening credits carry an external id, which has an effect once for ever, so that a visitor
    who has spent theirs does not get them again. The login of `database_url` must be the service's
    or an administrator's.

    Raises `psycopg.Error` when the database cannot be reached, and `Fault` when it refuses.
    """
    with psycopg.connect(database_url, connect_timeout=CONNECT_SECONDS) as connection:
        connection.execute("SET LOCAL statement_timeout = '30s'")
        connection.execute("SET LOCAL ROLE service_role")
        with connection.cursor() as cursor:
            cursor.executemany(
                _INSERT,
                [
                    (
                        reward.reward_id,
                        reward.creator_id,
                        reward.name,
                        reward.description,
                        reward.cost,
                        reward.is_active,
                    )
                    for reward in REWARDS
                ],
            )
        # A statement of its own, as the ledger's verbs want to be called.
        connection.commit()
        connection.execute("SET LOCAL ROLE service_role")
        row = connection.execute("SELECT bursar.grant(%s)", [json.dumps(_grants())]).fetchone()
    _check([] if row is None else row[0])


def _grants() -> list[dict[str, Any]]:
    return [
        {
            "owner_id": visitor.user_id,
            "asset": "credit",
            "amount": visitor.opening_credits,
            "bucket": "promotional",
            "reason": "opening credits",
            "external": {
                "provider": "demo",
                "account": "bursar",
                "mode": "test",
                "id": f"opening:{visitor.slug}",
            },
            "key": f"demo:opening:{visitor.slug}",
            "actor": "service:demo",
        }
        for visitor in VISITORS
        if visitor.opening_credits
    ]


def _check(outcomes: list[dict[str, Any]]) -> None:
    """Raise unless every grant is done, now or earlier."""
    for outcome in outcomes:
        if outcome["status"] != "done" and outcome.get("code") != "EXTERNAL_ID_TAKEN":
            raise Fault(f"The demonstration's credits were refused: {outcome['message']}")
    if len(outcomes) != len(_grants()):
        raise Fault("The demonstration's credits were not all answered.")
