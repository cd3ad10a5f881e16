"""The stock library drives the stand-in over HTTP, and finds what it finds at Stripe."""

import base64
import time
from typing import Any

import httpx
import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests.patience import PATIENCE_SECONDS
from tests.stand_in import KEY, session_params, stand_in, stock_client


def paid(client: stripe.StripeClient, company: StandIn, amount: int = 1200) -> str:
    """A payment of that amount; the id of its payment intent."""
    session = client.v1.checkout.sessions.create(params=session_params(amount))
    done = company.ask("POST", f"/_sessions/{session.id}/pay", {"outcome": "paid"})
    return str(done["payment_intent"])


def headers_of(made: stripe.StripeObject) -> Any:
    """The headers of the answer that an object came with."""
    assert made.last_response is not None
    return made.last_response.headers


def test_a_session_is_made_as_it_was_asked_for(client: stripe.StripeClient) -> None:
    end = int(time.time()) + 1861

    session = client.v1.checkout.sessions.create(params=session_params(expires_at=end))

    assert session.id.startswith("cs_test_")
    assert (session.object, session.status, session.payment_status) == (
        "checkout.session",
        "open",
        "unpaid",
    )
    assert (session.amount_total, session.currency, session.livemode) == (1200, "usd", False)
    assert session.client_reference_id == "payment-1"
    assert session.to_dict()["metadata"] == {"bursar_payment_id": "payment-1"}
    assert session.expires_at == end
    assert session.payment_intent is None
    assert session.url is not None
    assert session.url.endswith(f"/pay/{session.id}")
    assert headers_of(session)["request-id"].startswith("req_")
    again = client.v1.checkout.sessions.retrieve(session.id)
    assert again.to_dict() == session.to_dict()


def test_a_payment_shows_in_session_intent_and_charge(
    client: stripe.StripeClient, company: StandIn
) -> None:
    intent = client.v1.payment_intents.retrieve(paid(client, company, 900))

    assert (intent.status, intent.amount, intent.amount_received) == ("succeeded", 900, 900)
    assert intent.to_dict()["metadata"] == {"bursar_payment_id": "payment-1"}
    assert str(intent.latest_charge).startswith("ch_")


def test_an_open_session_can_be_expired_once(client: stripe.StripeClient) -> None:
    session = client.v1.checkout.sessions.create(params=session_params())

    expired = client.v1.checkout.sessions.expire(session.id)

    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        client.v1.checkout.sessions.expire(session.id)


@pytest.mark.parametrize(
    ("wrong", "param", "code"),
    [
        ({"mode": ""}, "mode", "parameter_invalid_empty"),
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"cancel_url": "/back"}, "cancel_url", "url_invalid"),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"client_reference_id": "x" * 201}, "client_reference_id", None),
        ({"metadata": {"k" * 41: "v"}}, f"metadata[{'k' * 41}]", None),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        ({"payment_intent_data": {"hue": "red"}}, "payment_intent_data[hue]", "parameter_unknown"),
        ({"expires_at": "soon"}, "expires_at", "parameter_invalid_integer"),
    ],
)
def test_a_parameter_that_stripe_would_refuse_is_refused(
    client: stripe.StripeClient, wrong: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create(params=session_params(**wrong))

    assert (refusal.value.http_status, refusal.value.param, refusal.value.code) == (
        400,
        param,
        code,
    )
    assert refusal.value.request_id is not None


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"quantity": 0}, "line_items[0][quantity]"),
        ({"price_data": {"unit_amount": -1}}, "line_items[0][price_data][unit_amount]"),
        ({"price_data": {"unit_amount": "1.5"}}, "line_items[0][price_data][unit_amount]"),
        ({"price_data": {"currency": "dollars"}}, "line_items[0][price_data][currency]"),
        (
            {"price_data": {"product_data": {"name": ""}}},
            "line_items[0][price_data][product_data][name]",
        ),
    ],
)
def test_a_wrong_line_item_is_named_by_its_whole_path(
    client: stripe.StripeClient, item: dict[str, Any], param: str
) -> None:
    params = session_params()
    row = params["line_items"][0]
    row["price_data"] |= item.pop("price_data", {})
    row |= item

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create(params=params)

    assert refusal.value.param == param


@pytest.mark.parametrize(
    ("amount", "code"), [(49, "amount_too_small"), (10**8, "amount_too_large")]
)
def test_amounts_that_stripe_does_not_charge_are_refused(
    client: stripe.StripeClient, amount: int, code: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create(params=session_params(amount))

    assert refusal.value.code == code
    assert client.v1.checkout.sessions.create(params=session_params(50)).amount_total == 50


def test_sessions_last_from_half_an_hour_to_a_day() -> None:
    with stand_in(options=()) as strict, stock_client(strict.address) as client:
        create = client.v1.checkout.sessions.create
        for seconds in (1700, 86_460):
            with pytest.raises(stripe.InvalidRequestError, match="expires_at"):
                create(params=session_params(expires_at=int(time.time()) + seconds))

        for seconds in (1860, 86_400):
            create(params=session_params(expires_at=int(time.time()) + seconds))
        params = session_params()
        del params["expires_at"]
        assert create(params=params).expires_at >= time.time() + 86_390


def test_what_there_is_not_is_not_found(client: stripe.StripeClient) -> None:
    for ask, name in (
        (client.v1.checkout.sessions.retrieve, "cs_test_none"),
        (client.v1.refunds.retrieve, "re_none"),
        (client.v1.payment_intents.retrieve, "pi_none"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            ask(name)
        assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")
        assert name in str(refusal.value)
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.balance.retrieve()


@pytest.mark.parametrize(
    "key", ["sk_live_abcdefghijklmnop", "sk_test_of_somebody_else", "pk_test_x"]
)
def test_another_key_is_not_accepted_nor_repeated(company: StandIn, key: str) -> None:
    with stock_client(company.address, key) as client:
        with pytest.raises(stripe.AuthenticationError) as refusal:
            client.v1.payment_intents.retrieve("pi_x")
        assert key not in str(refusal.value)


def test_the_key_is_also_taken_as_a_users_name(company: StandIn) -> None:
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    url = f"{company.address}/v1/payment_intents/pi_none"

    for headers, status in (
        ({"authorization": f"Basic {basic}"}, 404),
        ({"authorization": "Basic !"}, 401),
        ({}, 401),
    ):
        answer = httpx.get(url, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == status
