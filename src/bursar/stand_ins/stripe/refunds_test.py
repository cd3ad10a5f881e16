"""Refunds: in parts, never beyond what is there, and not of what is disputed."""

import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests.stand_in import session_params


def paid(client: stripe.StripeClient, company: StandIn, amount: int = 1200) -> str:
    """A payment of that amount; the id of its payment intent."""
    session = client.v1.checkout.sessions.create(params=session_params(amount))
    done = company.ask("POST", f"/_sessions/{session.id}/pay", {"outcome": "paid"})
    return str(done["payment_intent"])


def test_a_refund_goes_back_in_parts_and_never_beyond(
    client: stripe.StripeClient, company: StandIn
) -> None:
    intent = paid(client, company, 1000)

    first = client.v1.refunds.create(
        params={"payment_intent": intent, "amount": 400, "metadata": {"bursar_refund_id": "r1"}}
    )

    assert (first.object, first.status, first.amount, first.payment_intent) == (
        "refund",
        "succeeded",
        400,
        intent,
    )
    assert client.v1.refunds.retrieve(first.id).to_dict() == first.to_dict()
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create(params={"payment_intent": intent, "amount": 601})
    assert client.v1.refunds.create(params={"payment_intent": intent}).amount == 600
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create(params={"payment_intent": intent, "amount": 1})
    assert refusal.value.code == "charge_already_refunded"


def test_what_was_not_paid_or_is_disputed_is_not_refunded(
    client: stripe.StripeClient, company: StandIn
) -> None:
    session = client.v1.checkout.sessions.create(params=session_params())
    waiting = company.ask("POST", f"/_sessions/{session.id}/pay", {"outcome": "unpaid"})
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        client.v1.refunds.create(params={"payment_intent": waiting["payment_intent"]})

    intent = paid(client, company)
    company.ask("POST", f"/_payments/{intent}/dispute")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create(params={"payment_intent": intent})
    assert refusal.value.code == "charge_disputed"
    company.ask("POST", f"/_payments/{intent}/close", {"status": "won"})
    assert client.v1.refunds.create(params={"payment_intent": intent}).status == "succeeded"
