"""A boost is paid for once, by the post's author, unless a penalty keeps them from it."""

import pytest

from tests.commons import ASSET, SERVICE, ask, credits_of, new_member, posted
from tests.ledger_in_sql import Ledger, Outcome, code, done

pytestmark = pytest.mark.postgres_versions("15", "18")


def boost(ledger: Ledger, user: str, post: str, **fields: object) -> Outcome:
    return ledger.one(
        "boost_post", **({"user_id": user, "post_id": post, "caller": SERVICE} | fields)
    )


def test_it_costs_credits_once_under_its_key(ledger: Ledger) -> None:
    user = new_member(ledger)
    first, second = posted(ledger, user, "one"), posted(ledger, user, "two")
    assert code(boost(ledger, user, first)) == "INSUFFICIENT_FUNDS"
    done(ledger.one("grant", owner_id=user, asset=ASSET, amount=12))

    boosted = done(boost(ledger, user, first, key="k"))

    assert (boosted["amount"], boosted["balance"]) == (5, 7)
    assert done(boost(ledger, user, first, key="k"))["replayed"]
    assert code(boost(ledger, user, second, key="k")) == "IDEMPOTENCY_MISMATCH"
    assert credits_of(ledger, user) == 7
    feed = ledger.value("SELECT bursar.read_feed(%s)", user)
    assert [post["body"] for post in feed["posts"]][:2] == ["two", "one"]
    assert [post["body"] for post in feed["boosted"]] == ["one"]
    assert ledger.value("SELECT bursar.read_member(%s)", user)["credits"] == 7
    ledger.keeps_its_promises()


def test_who_was_refused_is_not_charged_by_the_same_request_after_a_top_up(ledger: Ledger) -> None:
    user = new_member(ledger)
    post = posted(ledger, user, "refused")
    assert code(boost(ledger, user, post, key="k")) == "INSUFFICIENT_FUNDS"
    done(ledger.one("grant", owner_id=user, asset=ASSET, amount=12))

    late = boost(ledger, user, post, key="k")

    assert (code(late), late["replayed"]) == ("INSUFFICIENT_FUNDS", True)
    assert credits_of(ledger, user) == 12
    assert done(boost(ledger, user, post, key="another"))["balance"] == 7


def test_only_ones_own_posts_and_not_under_a_penalty(ledger: Ledger) -> None:
    user, other = new_member(ledger), new_member(ledger)
    done(ledger.one("grant", owner_id=user, asset=ASSET, amount=10))
    assert code(boost(ledger, user, posted(ledger, other))) == "POST_NOT_FOUND"
    penalty = {"action": "penalise_boosts", "user_id": user, "reason": "spam", "actor": "op:kim"}
    done(ask(ledger, "moderate", **penalty, until="2999-01-01T00:00:00Z"))
    assert code(boost(ledger, user, posted(ledger, user))) == "PENALTY_ACTIVE"
    assert credits_of(ledger, user) == 10
