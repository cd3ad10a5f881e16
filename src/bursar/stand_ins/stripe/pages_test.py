"""The payment page and the desk, by HTTP as a browser without scripts would use them."""

import html
import re
from typing import Any

import httpx
import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests.patience import PATIENCE_SECONDS
from tests.stand_in import Mailbox, session_params


def open_page(client: stripe.StripeClient, **more: Any) -> tuple[str, str]:
    """A session: its id, and the address of its page."""
    session = client.v1.checkout.sessions.create(params=session_params(1250, **more))
    assert session.url is not None
    return session.id, session.url


def press(url: str, button: str, **fields: str) -> str:
    """Press a button; where the browser is sent to."""
    answer = httpx.post(url, data={"do": button, **fields}, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_the_page_shows_what_is_paid_and_runs_nothing(client: stripe.StripeClient) -> None:
    params = session_params(1250)
    params["line_items"][0]["price_data"]["product_data"]["name"] = "<script>alert(1)</script>"
    session = client.v1.checkout.sessions.create(params=params)
    assert session.url is not None

    page = httpx.get(session.url, timeout=PATIENCE_SECONDS)

    assert page.status_code == 200
    assert "12.50 USD" in page.text
    assert "<script" not in page.text
    assert html.escape("<script>alert(1)</script>") in page.text
    buttons = re.findall(r'<button[^>]* value="(\w+)"', page.text)
    assert buttons == ["pay", "decline", "later", "back"]
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_paying_leads_to_the_shop_with_the_sessions_id(
    client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    session_id, url = open_page(client)

    assert press(url, "pay") == f"http://127.0.0.1:1/done?session={session_id}"
    assert press(url, "pay") == f"http://127.0.0.1:1/done?session={session_id}", "pressed twice"

    assert mailbox.wait_for(1)[0].thing["payment_status"] == "paid"
    assert "This is paid" in httpx.get(url, timeout=PATIENCE_SECONDS).text
    assert mailbox.types() == ["checkout.session.completed"]


@pytest.mark.parametrize(
    ("then", "kind", "words"),
    [
        ("arrives", "checkout.session.async_payment_succeeded", "This is paid"),
        ("fails", "checkout.session.async_payment_failed", "The payment failed"),
    ],
)
def test_paying_later_is_decided_a_little_later(
    client: stripe.StripeClient, mailbox: Mailbox, then: str, kind: str, words: str
) -> None:
    session_id, url = open_page(client)

    assert session_id in press(url, "later", then=then)

    assert mailbox.wait_for(1)[0].thing["payment_status"] == "unpaid"
    assert mailbox.wait_for(2)[1].event["type"] == kind
    assert words in httpx.get(url, timeout=PATIENCE_SECONDS).text


def test_a_declined_card_leaves_the_page_open(
    client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    session_id, url = open_page(client)

    way = press(url, "decline")

    assert "declined" in httpx.get(httpx.URL(url).join(way), timeout=PATIENCE_SECONDS).text
    assert client.v1.checkout.sessions.retrieve(session_id).status == "open"
    press(url, "pay")
    assert mailbox.wait_for(1)[0].thing["payment_status"] == "paid"


def test_going_back_leaves_everything_as_it_is(client: stripe.StripeClient) -> None:
    session_id, url = open_page(client)

    assert press(url, "back") == "http://127.0.0.1:1/back"

    assert client.v1.checkout.sessions.retrieve(session_id).status == "open"


def test_an_expired_page_takes_nothing(client: stripe.StripeClient, mailbox: Mailbox) -> None:
    session_id, url = open_page(client)
    client.v1.checkout.sessions.expire(session_id)

    assert press(url, "pay") == f"/pay/{session_id}"

    assert "has expired" in httpx.get(url, timeout=PATIENCE_SECONDS).text
    assert client.v1.checkout.sessions.retrieve(session_id).payment_status == "unpaid"
    mailbox.wait_for(1, "checkout.session.expired")
    assert "checkout.session.completed" not in mailbox.types()


def test_the_desk_shows_sales_and_events_and_can_dispute(
    client: stripe.StripeClient, company: StandIn, mailbox: Mailbox
) -> None:
    session_id, url = open_page(client)
    press(url, "pay")
    intent = client.v1.checkout.sessions.retrieve(session_id).payment_intent
    desk = f"{company.address}/desk/{intent}"

    for button in ("dispute", "won", "refund"):
        assert press(desk, button) == "/"

    kinds = {arrival.event["type"] for arrival in mailbox.wait_for(6)}
    assert {"charge.dispute.closed", "charge.refunded"} <= kinds
    shown = httpx.get(company.address, timeout=PATIENCE_SECONDS).text
    for words in (session_id[-8:], "dispute won", "12.50 USD refunded", "charge.dispute.created"):
        assert words in shown
    refused = httpx.post(desk, data={"do": "refund"}, timeout=PATIENCE_SECONDS)
    assert refused.status_code == 400
    assert "already been refunded" in refused.text

    event = mailbox.arrivals[0].event
    assert press(f"{company.address}/desk/events/{event['id']}", "again") == "/"
    assert mailbox.wait_for(7)[6].event == event
