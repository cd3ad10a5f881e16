"""What the tests do to the community behind its doors: users, posts, reactions, scores."""

import uuid
from typing import Any

from psycopg.types.json import Jsonb

from tests.ledger_in_sql import Ledger, Outcome, done

SERVICE = {"role": "service_role"}
ASSET = "community_credit"


def new_member(ledger: Ledger, **columns: Any) -> str:
    """Somebody new in the community."""
    user_id = str(uuid.uuid4())
    ledger.admin.execute(
        "INSERT INTO public.users (id, username) VALUES (%s, %s)",
        [user_id, f"u-{user_id[:8]}-{uuid.uuid4().hex[:8]}"],
    )
    if columns:
        ledger.admin.execute(
            "UPDATE public.users AS u SET (is_moderator, challenge_penalty_until,"
            " boost_penalty_until) = (SELECT n.is_moderator, n.challenge_penalty_until,"
            " n.boost_penalty_until FROM jsonb_populate_record(u, %s) AS n) WHERE id = %s",
            [Jsonb(columns), user_id],
        )
    return user_id


def ask(ledger: Ledger, function: str, **request: Any) -> Outcome:
    """Ask a function that is no verb of the engine."""
    outcome: Outcome = ledger.rows(
        f"SELECT bursar.{function}(%s)",
        Jsonb({"caller": SERVICE} | request),
    )[0][0]
    return outcome


def posted(ledger: Ledger, user_id: str, body: str = "hello") -> str:
    """A post by somebody."""
    return str(done(ask(ledger, "write_post", user_id=user_id, body=body))["post_id"])


def react(ledger: Ledger, user_id: str, post_id: str, kind: str = "love", **fields: Any) -> Outcome:
    """React to a post."""
    return ledger.one("react_to_post", **reaction(user_id, post_id, kind, **fields))


def reaction(user_id: str, post_id: str, kind: str = "love", **fields: Any) -> dict[str, Any]:
    """The request that reacts to a post."""
    return {
        "user_id": user_id,
        "post_id": post_id,
        "reaction_type": kind,
        "caller": SERVICE,
    } | fields


def score(ledger: Ledger, user_id: str, points: int, **fields: Any) -> Outcome:
    """Submit what somebody scored in a round of its own, unless one is named."""
    return ledger.one("submit_score", **round_of(user_id, points, **fields))


def round_of(user_id: str, points: int, **fields: Any) -> dict[str, Any]:
    """The request that submits a score."""
    return {
        "user_id": user_id,
        "game": "word-finder",
        "round_id": uuid.uuid4().hex,
        "points": points,
        "duration_sec": 60,
        "caller": SERVICE,
    } | fields


def credits_of(ledger: Ledger, user_id: str) -> int:
    """What somebody has."""
    return ledger.wallet(user_id, ASSET)[0]
