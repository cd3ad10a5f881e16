"""Calls that are made twice, fail, hang or lose their answer: one effect for one key."""

import uuid
from typing import Any

import httpx
import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests.patience import PATIENCE_SECONDS
from tests.stand_in import KEY, session_params, stock_client


def paid(client: stripe.StripeClient, company: StandIn, amount: int = 1200) -> str:
    """A payment of that amount; the id of its payment intent."""
    session = client.v1.checkout.sessions.create(params=session_params(amount))
    done = company.ask("POST", f"/_sessions/{session.id}/pay", {"outcome": "paid"})
    return str(done["payment_intent"])


def headers_of(made: stripe.StripeObject) -> Any:
    """The headers of the answer that an object came with."""
    assert made.last_response is not None
    return made.last_response.headers


def test_the_same_key_and_request_are_answered_with_the_same_session(
    client: stripe.StripeClient,
) -> None:
    params: Any = session_params()
    key: Any = {"idempotency_key": str(uuid.uuid4())}

    first = client.v1.checkout.sessions.create(params=params, options=key)
    second = client.v1.checkout.sessions.create(params=params, options=key)

    assert first.id == second.id
    assert headers_of(second)["idempotent-replayed"] == "true"
    assert headers_of(second)["original-request"] == headers_of(first)["request-id"]
    params["client_reference_id"] = "payment-2"
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        client.v1.checkout.sessions.create(params=params, options=key)


def test_a_key_whose_request_was_malformed_is_free_again(client: stripe.StripeClient) -> None:
    key: Any = {"idempotency_key": str(uuid.uuid4())}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(params=session_params(mode="setup"), options=key)

    assert client.v1.checkout.sessions.create(params=session_params(), options=key).id


def test_the_same_refund_twice_gives_the_money_once(
    client: stripe.StripeClient, company: StandIn
) -> None:
    intent = paid(client, company, 1000)
    key: Any = {"idempotency_key": str(uuid.uuid4())}
    params: Any = {"payment_intent": intent, "amount": 300}

    first = client.v1.refunds.create(params=params, options=key)
    second = client.v1.refunds.create(params=params, options=key)

    assert first.id == second.id
    params["amount"] = 301
    with pytest.raises(stripe.IdempotencyError):
        client.v1.refunds.create(params=params, options=key)
    assert client.v1.refunds.create(params={"payment_intent": intent}).amount == 700


def test_ordered_failures_end_and_the_library_gets_over_them(company: StandIn) -> None:
    with stock_client(company.address, retries=2) as client:
        company.ask("POST", "/_faults", {"fail_calls": 2})
        assert client.v1.checkout.sessions.create(params=session_params()).status == "open"

        company.ask("POST", "/_faults", {"fail_calls": 3})
        with pytest.raises(stripe.APIError):
            client.v1.checkout.sessions.create(params=session_params())
        assert company.ask("GET", "/_faults")["fail_calls"] == 0


def test_a_lost_answer_is_found_again_under_its_key(
    client: stripe.StripeClient, company: StandIn
) -> None:
    intent, key = paid(client, company, 1000), str(uuid.uuid4())
    params: Any = {"payment_intent": intent, "amount": 700}
    company.ask("POST", "/_faults", {"fail_calls": 1, "after_effect": True})
    with pytest.raises(stripe.APIError):
        client.v1.refunds.create(params=params, options={"idempotency_key": key})

    again = client.v1.refunds.create(params=params, options={"idempotency_key": key})

    assert again.amount == 700
    assert client.v1.refunds.create(params={"payment_intent": intent}).amount == 300


def test_a_failure_can_stay_under_its_key_as_stripes_do(
    client: stripe.StripeClient, company: StandIn
) -> None:
    key: Any = {"idempotency_key": str(uuid.uuid4())}
    params = session_params()
    company.ask("POST", "/_faults", {"fail_calls": 1, "fail_kept": True})

    for _ in range(2):
        with pytest.raises(stripe.APIError) as failure:
            client.v1.checkout.sessions.create(params=params, options=key)
        assert failure.value.http_status == 500
    assert client.v1.checkout.sessions.create(params=params).status == "open"


def test_a_key_under_way_is_said_to_be_in_use(company: StandIn) -> None:
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": str(uuid.uuid4())}
    form = {"payment_intent": "pi_none"}
    company.ask("POST", "/_faults", {"hang_calls": 1, "hang_seconds": 600})
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{company.address}/v1/refunds", data=form, headers=headers, timeout=0.5)

    second = httpx.post(
        f"{company.address}/v1/refunds", data=form, headers=headers, timeout=PATIENCE_SECONDS
    )

    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert second.headers["stripe-should-retry"] == "true"
