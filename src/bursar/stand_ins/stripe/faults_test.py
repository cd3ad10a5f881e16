"""Faults on order: events twice, late, shuffled, lost, refused; each of them only as ordered."""

import random
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests.patience import PATIENCE_SECONDS
from tests.stand_in import (
    Mailbox,
    mailbox,
    session_params,
    stand_in,
    stock_client,
)

Pay = Callable[[], str]


@pytest.fixture
def pay(company: StandIn, client: stripe.StripeClient) -> Pay:
    """Pays a new session, and returns its id."""

    def paid() -> str:
        session = client.v1.checkout.sessions.create(params=session_params())
        company.ask("POST", f"/_sessions/{session.id}/pay", {"outcome": "paid"})
        return session.id

    return paid


def latest(company: StandIn) -> dict[str, Any]:
    """The last event, and what became of it."""
    found: dict[str, Any] = company.ask("GET", "/_events?limit=1")["data"][0]
    return found


def wait_until(company: StandIn, **fate: Any) -> dict[str, Any]:
    """Return the last event once that has become of it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not fate.items() <= (found := latest(company)).items():
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_an_event_comes_as_often_as_ordered(company: StandIn, mailbox: Mailbox, pay: Pay) -> None:
    company.ask("POST", "/_faults", {"duplicate": 3})
    session = pay()

    arrivals = mailbox.wait_for(4)

    assert {arrival.event["id"] for arrival in arrivals} == {latest(company)["id"]}
    assert {arrival.thing["id"] for arrival in arrivals} == {session}
    assert len({arrival.body for arrival in arrivals}) == 1
    wait_until(company, attempts=4, deliveries=4, status="delivered")


def test_an_event_comes_as_late_as_ordered(company: StandIn, mailbox: Mailbox, pay: Pay) -> None:
    company.ask("POST", "/_faults", {"delay_ms": 700})
    told = time.monotonic()
    pay()

    assert mailbox.wait_for(1)[0].at - told > 0.69


def test_events_are_shuffled_the_same_way_for_the_same_seed(
    company: StandIn, mailbox: Mailbox, pay: Pay
) -> None:
    expected = list(range(6))
    random.Random(11).shuffle(expected)
    assert expected != sorted(expected)
    orders = []
    for _ in range(2):
        mailbox.arrivals.clear()
        company.ask("POST", "/_faults", {"reorder": 6, "reorder_ms": 60_000, "seed": 11})
        sessions = [pay() for _ in range(5)]
        assert latest(company)["status"] == "held"
        assert mailbox.arrivals == []
        sessions.append(pay())
        orders.append([sessions.index(one.thing["id"]) for one in mailbox.wait_for(6)])

    assert orders == [expected, expected]


def test_what_is_held_back_comes_in_the_end(company: StandIn, mailbox: Mailbox, pay: Pay) -> None:
    company.ask("POST", "/_faults", {"reorder": 100, "reorder_ms": 300, "duplicate": 1})
    pay()
    mailbox.wait_for(2)

    company.ask("POST", "/_faults", {"reorder": 100, "reorder_ms": 600_000})
    pay()
    assert company.ask("POST", "/_events/release") == {"released": 1}
    mailbox.wait_for(3)


def test_a_lost_event_comes_when_it_is_sent_again(
    company: StandIn, mailbox: Mailbox, pay: Pay
) -> None:
    company.ask("POST", "/_faults", {"drop": 1})
    session = pay()
    lost = latest(company)
    assert (lost["status"], lost["attempts"]) == ("dropped", 0)

    company.ask("POST", f"/_events/{lost['id']}/resend")

    assert mailbox.wait_for(1)[0].thing["id"] == session
    again = wait_until(company, status="delivered")
    assert again["event"] == lost["event"]


def test_losses_are_the_same_for_the_same_seed(
    company: StandIn, mailbox: Mailbox, pay: Pay
) -> None:
    rounds = []
    for _ in range(2):
        company.ask("POST", "/_faults", {"drop": 0.5, "seed": 5})
        for _ in range(12):
            pay()
        fates = company.ask("GET", "/_events?limit=12")["data"]
        rounds.append([fate["status"] == "dropped" for fate in fates])

    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {True, False}


def test_faults_meet_only_the_events_they_are_meant_for(
    company: StandIn, client: stripe.StripeClient, mailbox: Mailbox, pay: Pay
) -> None:
    company.ask("POST", "/_faults", {"drop": 1, "only": ["checkout.session.completed"]})
    session = client.v1.checkout.sessions.retrieve(pay())
    client.v1.refunds.create(params={"payment_intent": str(session.payment_intent)})

    assert mailbox.wait_for(1)[0].event["type"] == "charge.refunded"


@pytest.mark.parametrize("answer", [500, 400, 302])
def test_an_event_that_is_refused_comes_again_later_and_later(
    company: StandIn, mailbox: Mailbox, pay: Pay, answer: int
) -> None:
    mailbox.answers += [answer] * 3
    pay()

    arrivals = mailbox.wait_for(4)

    pauses = [b.at - a.at for a, b in pairwise(arrivals)]
    assert pauses[0] > 0.04
    assert pauses[1] > 0.09
    assert pauses[2] > 0.19
    assert Counter(arrival.body for arrival in arrivals) == {arrivals[0].body: 4}
    wait_until(company, status="delivered", attempts=4, deliveries=1, last_status=200)


def test_an_event_is_given_up_after_the_last_attempt() -> None:
    options = ("--retry-ms", "10", "--attempts", "3")
    with (
        mailbox() as refusing,
        stand_in(refusing.url, options=options) as company,
        stock_client(company.address) as client,
    ):
        refusing.answers += [503] * 3
        session = client.v1.checkout.sessions.create(params=session_params())
        client.v1.checkout.sessions.expire(session.id)

        given_up = wait_until(company, status="failed")
        assert (given_up["attempts"], given_up["last_status"]) == (3, 503)
        company.ask("POST", f"/_events/{given_up['id']}/resend")
        wait_until(company, status="delivered", attempts=4)


def test_events_wait_for_an_address(pay: Pay, company: StandIn, mailbox: Mailbox) -> None:
    url = company.ask("GET", "/_webhook")["url"]
    company.ask("POST", "/_webhook", {"url": ""})
    pay()
    assert latest(company)["status"] == "waiting"

    company.send_events_to(url)

    mailbox.wait_for(1)
    assert company.ask("GET", "/_webhook") == {"url": url}


@pytest.mark.parametrize(
    "order", [{"drop": 2}, {"duplicate": -1}, {"dorp": 1}, {"seed": "x"}, {"only": "x"}]
)
def test_an_order_that_makes_no_sense_changes_nothing(
    company: StandIn, order: dict[str, Any]
) -> None:
    before = company.ask("GET", "/_faults")

    with pytest.raises(httpx.HTTPStatusError):
        company.ask("POST", "/_faults", order)

    assert company.ask("GET", "/_faults") == before


def test_an_order_takes_the_place_of_the_one_before(company: StandIn) -> None:
    company.ask("POST", "/_faults", {"drop": 1, "duplicate": 2})

    assert company.ask("POST", "/_faults", {"delay_ms": 5})["drop"] == 0
    assert company.ask("DELETE", "/_faults")["delay_ms"] == 0
