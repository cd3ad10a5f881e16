"""Puts the demonstration into a database, once however often it is asked."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from bursar.demo.artists import ARTISTS
from bursar.demo.assortment import REWARDS
from bursar.demo.first_posts import write_first_posts
from bursar.demo.first_purchases import make_first_purchases
from bursar.demo.members import MEMBERS, MODERATOR
from bursar.demo.stock import stock_up
from bursar.demo.visitors import VISITORS, Visitor
from bursar.demo.workspaces import WORKSPACES
from bursar.errors import Fault

CONNECT_SECONDS = 10
_INSERT = """
    INSERT INTO public.rewards (id, creator_id, name, description, cost, is_active)
    VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""

_APPOINT = "UPDATE public.users SET is_moderator = true WHERE id = %s AND NOT is_moderator"


def seed(database_url: str) -> None:
    """Make what is missing of the demonstration; change nothing that is there.

    A lead that is sold out is missing, and is put on sale again as another one.

    The opening credits carry an external id, which has an effect once for ever, so that a visitor
    who has spent theirs does not get them again; so it is with what learners bought in the shop.
    The login of `database_url` must be the service's or an administrator's.

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
        stock_up(connection)

        def ask(function: str, request: Any) -> Any:
            # A statement of its own, as the ledger's verbs want to be called.
            connection.commit()
            connection.execute("SET LOCAL ROLE service_role")
            call = sql.SQL("SELECT bursar.{}(%s)").format(sql.Identifier(function))
            row = connection.execute(call, [json.dumps(request)]).fetchone()
            return None if row is None else row[0]

        def carry(verb: str, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
            return list(ask(verb, requests) or [])

        _check(carry("grant", _grants()))
        make_first_purchases(carry)
        write_first_posts(ask)
        connection.execute(_APPOINT, [MODERATOR.user_id])


def _grants() -> list[dict[str, Any]]:
    return [
        *(_grant(visitor, "credit") for visitor in VISITORS if visitor.opening_credits),
        *(_grant(office, "workspace_credit") for office in WORKSPACES if office.opening_credits),
        *(_grant(artist, "generation_credit") for artist in ARTISTS if artist.opening_credits),
        *(_grant(member, "community_credit") for member in MEMBERS if member.opening_credits),
    ]


def _grant(visitor: Visitor, asset: str) -> dict[str, Any]:
    return {
        "owner_id": visitor.user_id,
        "asset": asset,
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


def _check(outcomes: list[dict[str, Any]]) -> None:
    """Raise unless every grant is done, now or earlier."""
    for outcome in outcomes:
        if outcome["status"] != "done" and outcome.get("code") != "EXTERNAL_ID_TAKEN":
            raise Fault(f"The demonstration's credits were refused: {outcome['message']}")
    if len(outcomes) != len(_grants()):
        raise Fault("The demonstration's credits were not all answered.")
