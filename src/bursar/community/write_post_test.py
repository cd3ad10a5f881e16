"""Posts are written by their authors, and go with them alone; from Python as from SQL."""

import pytest

import bursar
from bursar.community.write_post import delete_post, write_post
from tests.commons import ask, new_member, posted
from tests.ledger_in_sql import Ledger, code, done
from tests.relay import relay_before

pytestmark = pytest.mark.postgres_versions("15", "18")


async def test_a_post_is_written_and_deleted(ledger: Ledger) -> None:
    author, other = new_member(ledger), new_member(ledger, is_moderator=False)
    async with bursar.connect(ledger.database.service_url) as bank:
        post = done(await write_post(bank, user_id=author, body="  hello  "))
        assert post["body"] == "hello"
        by_other = await delete_post(bank, post_id=post["post_id"], user_id=other)
        assert code(by_other) == "NOT_AUTHORIZED"
        assert done(await delete_post(bank, post_id=post["post_id"], user_id=author))


async def test_a_post_whose_answer_was_lost_names_the_id_that_finds_it(ledger: Ledger) -> None:
    author = new_member(ledger)
    async with (
        relay_before(ledger.database, ledger.database.service_url) as relay,
        bursar.connect(relay.url) as bank,
    ):
        relay.loses = b"write_post"
        with pytest.raises(bursar.OutcomeUnknown) as caught:
            await write_post(bank, user_id=author, body="hello")
        again = done(await write_post(bank, user_id=author, body="hello", post_id=caught.value.key))
    assert again["replayed"] is True
    assert ledger.value("SELECT count(*) FROM posts WHERE user_id = %s", author) == 1


def test_a_moderator_deletes_anybodys(ledger: Ledger) -> None:
    moderator = new_member(ledger, is_moderator=True)
    post = posted(ledger, new_member(ledger))
    assert done(ask(ledger, "delete_post", post_id=post, user_id=moderator))["post_id"] == post


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"body": ""}, "MALFORMED"),
        ({"body": "   "}, "MALFORMED"),
        ({"body": "x" * 2001}, "MALFORMED"),
        ({"body": 5}, "MALFORMED"),
        ({"user_id": "ada"}, "MALFORMED"),
        ({"caller": {"role": "anon"}}, "NOT_AUTHORIZED"),
    ],
)
def test_what_is_no_post_is_refused(
    ledger: Ledger, fields: dict[str, object], refusal: str
) -> None:
    request = {"user_id": new_member(ledger), "body": "hello"} | fields
    assert code(ask(ledger, "write_post", **request)) == refusal


def test_nothing_is_written_while_changes_are_paused(ledger: Ledger) -> None:
    author = new_member(ledger)
    post = posted(ledger, author)
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        assert code(ask(ledger, "write_post", user_id=author, body="b")) == "DEGRADED"
        assert code(ask(ledger, "delete_post", post_id=post, user_id=author)) == "DEGRADED"
        assert code(ask(ledger, "moderate", action="hide", post_id=post, reason="r")) == "DEGRADED"
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
