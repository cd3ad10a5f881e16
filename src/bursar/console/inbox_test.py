"""The inbox: what the stores told, newest first, page by page, and nothing of it that is secret."""

import re
import uuid
from typing import Any

import pytest

from bursar.console.conftest import Desk, words_of
from bursar.console.payload import HIDDEN, readable
from tests.app_store import Sold
from tests.ledger_in_sql import done
from tests.market import Payment

FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]+)"')


def told(desk: Desk, event: dict[str, Any]) -> None:
    done(desk.ledger.one("take_store_event", event=event))


def events_on(desk: Desk) -> list[int]:
    return [int(number) for number in re.findall(r"console/event\?id=(\d+)", desk.page)]


def unknown_event() -> dict[str, Any]:
    return Sold().event("A_TYPE_OF_TOMORROW")


async def test_an_empty_inbox_says_so_and_a_viewer_may_change_nothing(desk: Desk) -> None:
    await desk.sign_in("viewer", "vic")
    said = await desk.look("/console/inbox")
    assert "nothing waits, nothing was set aside" in said
    assert "No store has told anything yet" in said
    told(desk, Sold().bought())
    desk.ledger.admin.execute("UPDATE bursar.inbox SET status = 'waiting'")
    for path in ("/console/inbox", "/console/event?id=1", "/console/switches"):
        await desk.look(path)
        assert FORM.findall(desk.page) == ["../console/sign-out"], path
        assert "console/do/" not in desk.page
    await desk.sign_in()
    for path in ("/console/inbox", "/console/event?id=1", "/console/switches"):
        await desk.look(path)
        assert "console/do/" in desk.page, path


async def test_pages_lie_end_to_end_newest_first(desk: Desk) -> None:
    for number in range(120):
        event = Sold().bought() if number % 2 else unknown_event()
        done(desk.ledger.one("take_store_event", event=event))
    await desk.sign_in()
    for query, expected in (("", 120), ("?from=revenuecat&state=idle", 60), ("?state=done", 120)):
        seen: list[int] = []
        path: str | None = f"/console/inbox{query}"
        while path is not None:
            await desk.look(path)
            seen += events_on(desk)
            older = re.search(r'href="\.\./(console/inbox[^"]+)" rel="next"', desk.page)
            path = "/" + older[1].replace("&amp;", "&") if older else None
        assert len(seen) == expected, query
        assert seen == sorted(seen, reverse=True)


async def test_filters_find_what_they_name(desk: Desk) -> None:
    sale = Sold()
    told(desk, sale.bought())
    told(desk, sale.refunded())
    told(desk, unknown_event())
    done(desk.ledger.one("take_stripe_event", event=Payment(str(uuid.uuid4()), 5).completed()))
    desk.ledger.admin.execute("UPDATE bursar.inbox SET status = 'refused' WHERE id = 2")
    await desk.sign_in()
    for query, expected in (
        ("", [4, 3, 2, 1]),
        ("?from=stripe", [4]),
        ("?from=revenuecat", [3, 2, 1]),
        ("?state=set_aside", [2]),
        ("?state=idle", [4, 3]),
        ("?state=waiting", []),
        (f"?subject={sale.tx_id}", [2, 1]),
        (f"?subject=APP_STORE+PRODUCTION+{sale.tx_id}&state=done", [1]),
        ("?subject=nobody", []),
        ("?from=nowhere&state=odd&before=x", [4, 3, 2, 1]),
        ("?before=3", [2, 1]),
        ("?from=claims", []),
    ):
        said = await desk.look(f"/console/inbox{query}")
        assert events_on(desk) == expected, query
        if not expected and "claims" not in query:
            assert "No event is like that" in said
    assert "Set aside 1 " in said


async def test_one_event_shows_what_came_of_it_and_nothing_secret(desk: Desk) -> None:
    sale = Sold()
    personal = {"$email": {"value": "kim@example.org"}, "$ip": {"value": "203.0.113.9"}}
    told(desk, sale.bought(subscriber_attributes=personal, country_code="GB"))
    caller = {"role": "service_role"}
    claim = {"user_id": sale.user_id, **sale.claim, "caller": caller}
    done(desk.ledger.one("claim_purchase", **claim))
    [(transaction,)] = desk.ledger.rows("SELECT transaction_id FROM purchase_claims")
    await desk.sign_in()

    said = await desk.look("/console/event?id=1")

    assert "applied" in said
    assert f"granted: transaction {transaction}" in said
    assert f"console/transaction?id={transaction}" in desk.page
    assert sale.user_id in said
    assert '"country_code": "GB"' in said
    assert "kim@example.org" not in desk.page
    assert "203.0.113.9" not in desk.page
    for query in ("", "?id=99", "?id=x", "?claim=1", f"?id={'9' * 19}", f"?id={'9' * 40}"):
        assert "no such event" in await desk.look(f"/console/event{query}", 404)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_secret", "cs_1_secret_x"),
        ("url", "https://checkout.example/pay"),
        ("receipt_url", "https://pay.example/r"),
        ("customer_email", "kim@example.org"),
        ("phone", "+44 1"),
        ("customer_details", {"name": "Kim", "address": {"city": "Ulm"}}),
        ("$fcmTokens", {"value": "t"}),
        ("Authorization", "Bearer x"),
    ],
)
def test_what_is_secret_in_a_payload_is_not_shown(name: str, value: Any) -> None:
    text, whole = readable({"data": {"object": [{name: value, "amount": 5, "id": "cs_1"}]}})
    assert whole
    assert HIDDEN in text
    assert '"amount": 5' in text
    for secret in ("secret_x", "://", "kim@", "+44", "Kim", "Ulm", '"t"', "Bearer"):
        assert secret not in text


def test_a_payload_that_is_too_long_is_cut_and_says_so() -> None:
    text, whole = readable({"list": ["x" * 100] * 500})
    assert (whole, len(text)) == (False, 20_000)


async def test_what_a_store_sends_cannot_write_on_the_page(desk: Desk) -> None:
    told(desk, Sold().event("<script>alert(1)</script>", product_id='"><img src=x>'))
    await desk.sign_in()
    for path in ("/console/inbox", "/console/event?id=1"):
        await desk.look(path)
        assert "<script>alert" not in desk.page
        assert "<img" not in desk.page


async def test_an_app_that_is_left_out_is_said_so(desk: Desk) -> None:
    told(desk, Sold().bought())
    for function in (
        "list_claim_queue(text, text, bigint, integer)",
        "count_claim_queue()",
        "read_shop_status()",
        "read_switch_changes(integer)",
        "what_came_of_purchase(text)",
    ):
        desk.ledger.admin.execute(f"DROP FUNCTION bursar.{function}".encode())
    await desk.sign_in()
    assert "NON_RENEWING_PURCHASE" in await desk.look("/console/inbox")
    assert "not installed" in await desk.look("/console/inbox?from=claims")
    assert "not installed" in await desk.look("/console/switches")
    assert "No purchase" in await desk.look("/console/event?id=1")
    desk.ledger.admin.execute(b"DROP FUNCTION bursar.list_inbox(text, text, text, bigint, integer)")
    assert "has no inbox" in await desk.look("/console/inbox")
    assert "Inbox" in words_of(desk.page)
