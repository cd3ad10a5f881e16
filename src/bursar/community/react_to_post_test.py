"""A reaction is there once and for ever, and its author's award comes once, so many a day."""

import psycopg
import pytest

from tests.commons import ask, credits_of, new_member, posted, react, reaction
from tests.ledger_in_sql import Ledger, code, done
from tests.shop import insisted_at_once

pytestmark = pytest.mark.postgres_versions("15", "18")


def test_a_new_reaction_awards_the_author_and_the_same_again_nobody(ledger: Ledger) -> None:
    author, reader = new_member(ledger), new_member(ledger)
    post = posted(ledger, author)

    first, again, other = (
        done(react(ledger, reader, post)),
        done(react(ledger, reader, post)),
        done(react(ledger, reader, post, "wow")),
    )

    assert (first["created"], first["amount"], first["reactions"]) == (True, 1, {"love": 1})
    assert (again["created"], again["amount"], again["replayed"]) == (False, 0, True)
    assert other["reactions"] == {"love": 1, "wow": 1}
    assert (credits_of(ledger, author), credits_of(ledger, reader)) == (2, 0)
    assert done(react(ledger, author, post))["amount"] == 0
    ledger.keeps_its_promises()


def test_a_hundred_duplicates_at_once_are_one_row_and_one_award(ledger: Ledger) -> None:
    author, reader = new_member(ledger), new_member(ledger)
    post = posted(ledger, author)

    outcomes = insisted_at_once(ledger, "react_to_post", [reaction(reader, post)] * 100)

    assert [one["created"] for one in outcomes].count(True) == 1
    assert sum(one["amount"] for one in outcomes) == 1
    assert credits_of(ledger, author) == 1
    assert ledger.value("SELECT count(*) FROM post_reactions WHERE post_id = %s", post) == 1


def test_awards_end_at_the_days_cap(ledger: Ledger) -> None:
    author = new_member(ledger)
    post = posted(ledger, author)
    readers = [new_member(ledger) for _ in range(25)]

    awarded = [done(react(ledger, reader, post))["amount"] for reader in readers]

    assert awarded == [1] * 20 + [0] * 5
    assert credits_of(ledger, author) == 20
    assert ledger.rows(
        "SELECT reason, sum(amount)::integer, count(*) FROM credit_txns WHERE user_id = %s"
        " GROUP BY 1",
        author,
    ) == [("reaction_received", 20, 20)]


def test_a_post_goes_and_its_reactions_stay(ledger: Ledger) -> None:
    author, reader = new_member(ledger), new_member(ledger)
    post = posted(ledger, author)
    done(react(ledger, reader, post))

    assert code(ask(ledger, "delete_post", post_id=post, user_id=reader)) == "NOT_AUTHORIZED"
    deleted = done(ask(ledger, "delete_post", post_id=post, user_id=author))

    assert deleted["reactions_kept"] == 1
    assert ledger.rows(
        "SELECT post_id, reaction_type FROM post_reactions WHERE user_id = %s", reader
    ) == [(None, "love")]
    assert code(react(ledger, reader, post)) == "POST_NOT_FOUND"
    assert code(ask(ledger, "delete_post", post_id=post, user_id=author)) == "POST_NOT_FOUND"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM post_reactions",
        "TRUNCATE post_reactions",
        "UPDATE post_reactions SET reaction_type = 'sad'",
        "UPDATE post_reactions SET post_id = gen_random_uuid()",
        "UPDATE post_reactions SET post_id = NULL, user_id = gen_random_uuid()",
    ],
)
def test_nobody_takes_a_reaction_back(ledger: Ledger, statement: str) -> None:
    author = new_member(ledger)
    done(react(ledger, new_member(ledger), posted(ledger, author)))

    with pytest.raises(psycopg.errors.RestrictViolation, match="permanent"):
        ledger.admin.execute(statement.encode())


def test_of_several_reasons_to_refuse_the_first_is_told(ledger: Ledger) -> None:
    author, reader = new_member(ledger), new_member(ledger)
    post = posted(ledger, author)
    stranger = {"role": "authenticated", "sub": author}

    assert code(react(ledger, reader, post, "hate", caller=stranger)) == "MALFORMED"
    assert code(react(ledger, reader, post, caller=stranger)) == "NOT_AUTHORIZED"
    done(ask(ledger, "moderate", action="hide", post_id=post, reason="spam", actor="op:kim"))
    assert code(react(ledger, reader, post)) == "POST_NOT_FOUND"
    done(ask(ledger, "moderate", action="show", post_id=post, reason="no spam", actor="op:kim"))
    assert done(react(ledger, reader, post))["created"]
    assert ledger.rows(
        "SELECT action, reason FROM moderation_actions WHERE post_id = %s ORDER BY id", post
    ) == [("hide", "spam"), ("show", "no spam")]


def test_a_batch_reacts_to_many_posts(ledger: Ledger) -> None:
    authors = [new_member(ledger) for _ in range(3)]
    posts = [posted(ledger, author) for author in authors]
    reader = new_member(ledger)

    outcomes = ledger.ask("react_to_post", [reaction(reader, post) for post in posts * 2])

    assert [one["created"] for one in outcomes] == [True] * 3 + [False] * 3
    assert [credits_of(ledger, author) for author in authors] == [1, 1, 1]
