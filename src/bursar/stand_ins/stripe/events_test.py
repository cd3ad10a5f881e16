"""Events: signed as the library checks it, in the shapes that Stripe's have, one for each fact."""

import time
from typing import Any

import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests.stand_in import SECRET, Arrival, Mailbox, session_params, stand_in, stock_client


def open_session(client: stripe.StripeClient, amount: int = 1000, **more: Any) -> str:
    return client.v1.checkout.sessions.create(params=session_params(amount, **more)).id


def pay(company: StandIn, session_id: str, outcome: str = "paid") -> str:
    """Pay a session; the id of the payment intent."""
    done = company.ask("POST", f"/_sessions/{session_id}/pay", {"outcome": outcome})
    return str(done["payment_intent"])


def verified(arrival: Arrival, secret: str = SECRET) -> stripe.Event:
    """The event, as the stock library makes it of an arrival whose signature is good."""
    event: stripe.Event = stripe.Webhook.construct_event(arrival.body, arrival.signature, secret)
    return event


def test_a_payment_is_told_with_a_signature_that_the_library_accepts(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    session_id = open_session(client)
    intent = pay(company, session_id)

    arrival = mailbox.wait_for(1)[0]
    event = verified(arrival)

    assert (event.object, event.type, event.livemode) == (
        "event",
        "checkout.session.completed",
        False,
    )
    assert event.id.startswith("evt_")
    assert event.api_version
    assert abs(event.created - time.time()) < 60
    assert {
        "id": session_id,
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": intent,
        "amount_total": 1000,
        "currency": "usd",
        "client_reference_id": "payment-1",
        "metadata": {"bursar_payment_id": "payment-1"},
    }.items() <= arrival.thing.items()
    with pytest.raises(stripe.SignatureVerificationError):
        verified(arrival, "whsec_of_somebody_else")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(arrival.body + b" ", arrival.signature, SECRET)


@pytest.mark.parametrize(
    ("outcome", "kind", "status", "intent_status"),
    [
        ("async_succeed", "checkout.session.async_payment_succeeded", "paid", "succeeded"),
        (
            "async_fail",
            "checkout.session.async_payment_failed",
            "unpaid",
            "requires_payment_method",
        ),
    ],
)
def test_delayed_money_is_told_twice(
    company: StandIn,
    client: stripe.StripeClient,
    mailbox: Mailbox,
    outcome: str,
    kind: str,
    status: str,
    intent_status: str,
) -> None:
    session_id = open_session(client)

    intent = pay(company, session_id, "unpaid")
    first = mailbox.wait_for(1)[0]
    assert first.event["type"] == "checkout.session.completed"
    assert (first.thing["payment_status"], first.thing["status"]) == ("unpaid", "complete")
    assert client.v1.payment_intents.retrieve(intent).status == "processing"

    pay(company, session_id, outcome)
    second = mailbox.wait_for(2)[1]
    assert second.event["type"] == kind
    assert (second.thing["payment_status"], second.thing["payment_intent"]) == (status, intent)
    assert client.v1.payment_intents.retrieve(intent).status == intent_status


def test_an_open_session_can_be_brought_to_either_end_at_once(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    pay(company, open_session(client), "async_succeed")

    assert sorted(one.event["type"] for one in mailbox.wait_for(2)) == [
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
    ]


def test_a_session_expires_by_the_stand_ins_clock(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    short = open_session(client, expires_at=int(time.time()) + 5)
    assert mailbox.wait_for(1)[0].thing["id"] == short
    assert time.time() > client.v1.checkout.sessions.retrieve(short).expires_at

    paid, open_ = open_session(client), open_session(client)
    pay(company, paid)
    company.ask("POST", "/_clock", {"advance_seconds": 3600})

    expired = mailbox.wait_for(2, "checkout.session.expired")[1]
    assert verified(expired).type == "checkout.session.expired"
    assert (expired.thing["id"], expired.thing["status"]) == (open_, "expired")
    assert client.v1.checkout.sessions.retrieve(paid).status == "complete"


def test_a_session_that_was_expired_by_a_call_says_so(
    client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    params = session_params()
    session = client.v1.checkout.sessions.create(params=params)
    client.v1.checkout.sessions.expire(session.id, options={"idempotency_key": session.id})

    event = mailbox.wait_for(1)[0].event
    assert event["type"] == "checkout.session.expired"
    assert event["request"]["idempotency_key"] == session.id
    assert event["request"]["id"].startswith("req_")


def test_refunds_are_told_with_what_went_back_so_far(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    intent = pay(company, open_session(client))
    for amount in (300, 700):
        client.v1.refunds.create(params={"payment_intent": intent, "amount": amount})

    first, second = sorted(
        mailbox.wait_for(2, "charge.refunded"), key=lambda one: one.thing["amount_refunded"]
    )

    assert {
        "object": "charge",
        "amount": 1000,
        "amount_refunded": 300,
        "refunded": False,
        "payment_intent": intent,
        "currency": "usd",
        "metadata": {"bursar_payment_id": "payment-1"},
    }.items() <= first.thing.items()
    assert first.event["data"]["previous_attributes"] == {"amount_refunded": 0}
    assert (second.thing["amount_refunded"], second.thing["refunded"]) == (1000, True)
    assert second.event["data"]["previous_attributes"] == {
        "amount_refunded": 300,
        "refunded": False,
    }


def test_a_dispute_is_told_step_by_step(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    intent = pay(company, open_session(client))
    mailbox.wait_for(1)

    company.ask("POST", f"/_payments/{intent}/dispute", {"amount": 600, "reason": "duplicate"})
    created = mailbox.wait_for(1, "charge.dispute.created")[0]
    withdrawn = mailbox.wait_for(1, "charge.dispute.funds_withdrawn")[0]
    company.ask("POST", f"/_payments/{intent}/reinstate")
    reinstated = mailbox.wait_for(1, "charge.dispute.funds_reinstated")[0]
    company.ask("POST", f"/_payments/{intent}/close", {"status": "won"})
    closed = mailbox.wait_for(1, "charge.dispute.closed")[0]

    for arrival in (created, withdrawn, reinstated, closed):
        assert {
            "object": "dispute",
            "amount": 600,
            "payment_intent": intent,
            "reason": "duplicate",
        }.items() <= arrival.thing.items()
        assert arrival.thing["charge"].startswith("ch_")
    moves = [one.thing["balance_transactions"] for one in (created, withdrawn, reinstated)]
    assert [[move["amount"] for move in known] for known in moves] == [[], [-600], [-600, 600]]
    assert closed.thing["status"] == "won"
    assert len(mailbox.arrivals) == 5, "the funds came back once"


def test_a_dispute_that_is_won_gives_the_funds_back_and_one_that_is_lost_does_not(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    for status in ("lost", "won"):
        intent = pay(company, open_session(client))
        company.ask("POST", f"/_payments/{intent}/dispute")
        company.ask("POST", f"/_payments/{intent}/close", {"status": status})

    back = mailbox.wait_for(1, "charge.dispute.funds_reinstated")[0]
    assert back.thing["payment_intent"] == intent
    assert (back.thing["amount"], back.thing["status"]) == (1000, "won")
    assert mailbox.types().count("charge.dispute.funds_reinstated") == 1


def test_an_inquiry_takes_nothing_yet(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    intent = pay(company, open_session(client))
    company.ask("POST", f"/_payments/{intent}/dispute", {"withdraw": False})

    created = mailbox.wait_for(1, "charge.dispute.created")[0]
    assert created.thing["status"] == "warning_needs_response"
    assert mailbox.types().count("charge.dispute.funds_withdrawn") == 0


def test_while_secrets_rotate_each_of_them_signs(mailbox: Mailbox) -> None:
    with (
        stand_in(mailbox.url, secret="whsec_new, whsec_old") as company,
        stock_client(company.address) as client,
    ):
        pay(company, open_session(client))
        arrival = mailbox.wait_for(1)[0]

    assert verified(arrival, "whsec_new").id == verified(arrival, "whsec_old").id


def test_an_event_is_what_it_was_when_it_arose(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox
) -> None:
    intent = pay(company, open_session(client))
    client.v1.refunds.create(params={"payment_intent": intent, "amount": 1})
    mailbox.wait_for(2)
    client.v1.refunds.create(params={"payment_intent": intent, "amount": 2})

    refunds = company.ask("GET", "/_events?type=charge.refunded&limit=2")["data"]
    assert [one["event"]["data"]["object"]["amount_refunded"] for one in refunds] == [1, 3]
