"""Moderators say what they do and why, and everything is written down."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

import bursar
from bursar.community.moderate import moderate, penalise
from tests.commons import ask, new_member, posted
from tests.ledger_in_sql import Ledger, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")
KIM = {"reason": "spam", "actor": "operator:kim"}


async def test_a_post_is_hidden_and_shown_and_a_user_kept_away(ledger: Ledger) -> None:
    author = new_member(ledger)
    post = posted(ledger, author)
    until = datetime.now(UTC) + timedelta(hours=1)
    async with bursar.connect(ledger.database.service_url) as bank:
        done(await moderate(bank, action="hide", post_id=post, reason="spam", actor="op:kim"))
        penalty = await penalise(
            bank,
            action="penalise_boosts",
            user_id=author,
            until=until,
            reason="spam",
            actor="op:kim",
        )
    assert datetime.fromisoformat(done(penalty)["until"]) == until
    assert ledger.value("SELECT is_hidden FROM posts WHERE id = %s", post) is True
    assert ledger.value("SELECT boost_penalty_until FROM users WHERE id = %s", author) == until
    assert ledger.rows(
        "SELECT action, actor FROM moderation_actions WHERE post_id = %s OR user_id = %s"
        " ORDER BY id",
        post,
        author,
    ) == [("hide", "op:kim"), ("penalise_boosts", "op:kim")]
    with pytest.raises(psycopg.errors.RestrictViolation):
        ledger.admin.execute("DELETE FROM moderation_actions")


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"action": "ban"}, "MALFORMED"),
        ({"action": "hide", "reason": " "}, "MALFORMED"),
        ({"action": "hide", "post_id": "x"}, "POST_NOT_FOUND"),
        ({"action": "hide"}, "POST_NOT_FOUND"),
        ({"action": "penalise_boosts"}, "MALFORMED"),
        (
            {"action": "penalise_boosts", "user_id": "00000000-0000-4000-8000-000000000000"},
            "MALFORMED",
        ),
        ({"action": "penalise_boosts", "user_id": "x", "until": "soon"}, "MALFORMED"),
    ],
)
def test_what_cannot_be_done_is_refused(
    ledger: Ledger, request_: dict[str, object], refusal: str
) -> None:
    assert code(ask(ledger, "moderate", **(KIM | request_))) == refusal
