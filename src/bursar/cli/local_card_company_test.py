"""The card company of `bursar up`: there with the demo, and only where no real one is."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import stripe

from bursar.cli.answer import CommandError
from bursar.cli.conftest import STOP_SECONDS, Up
from bursar.cli.deployment import Deployment
from bursar.cli.local_card_company import KEY_FILE, SECRET_FILE, STATE_FILE, LocalCardCompany
from bursar.settings import Settings
from tests.patience import PATIENCE_SECONDS
from tests.stand_in import Mailbox, mailbox, session_params, stock_client

NAME = "Card company (local)"


def address_of(up: Up) -> str:
    """Where the card company answers, as `bursar up` says it."""
    return next(line for line in up.said.splitlines() if NAME in line).split()[-1]


def key_of(up: Up) -> str:
    return (up.data / KEY_FILE).read_text().strip()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/_faults", timeout=20).is_success
    except httpx.HTTPError:
        return False


def wait_until_gone(address: str) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while answers(address):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def open_session(address: str, key: str) -> stripe.checkout.Session:
    with stock_client(address, key) as client:
        return client.v1.checkout.sessions.create(params=session_params())


def test_it_starts_answers_and_stops_with_everything_else(up: Up) -> None:
    up.start()
    address, key = address_of(up), key_of(up)
    assert answers(address)
    webhook = httpx.get(f"{address}/_webhook", timeout=PATIENCE_SECONDS).json()["url"]
    assert webhook == f"{up.url}/api/webhooks/stripe"
    session = open_session(address, key)
    with (
        stock_client(address, "sk_test_of_somebody_else") as stranger,
        pytest.raises(stripe.AuthenticationError),
    ):
        stranger.v1.checkout.sessions.retrieve(session.id)

    assert up.end() == 0

    assert not answers(address)
    for name in (KEY_FILE, SECRET_FILE):
        path = up.data / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().strip() not in up.said

    up.start()
    assert key_of(up) == key
    assert address_of(up) == address, "the pages of open sessions are found again"
    with stock_client(address, key) as client:
        assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    up.end()


def test_it_ends_also_when_everything_else_is_killed(up: Up) -> None:
    up.start("--processes", "2")
    address = address_of(up)
    assert answers(address)

    up.end(signal.SIGKILL)

    wait_until_gone(address)
    up.start()
    assert answers(address_of(up))
    assert up.end() == 0


def test_where_a_real_key_is_set_nothing_of_it_runs(up: Up) -> None:
    up.start(BURSAR_STRIPE_API_KEY="sk_test_real", BURSAR_STRIPE_WEBHOOK_SECRET="whsec_real")
    up.end()

    assert NAME not in up.said
    assert not (up.data / KEY_FILE).exists()
    assert not (up.data / STATE_FILE).exists()


def test_without_the_demo_nothing_of_it_runs(up: Up) -> None:
    up.start("--no-demo")
    up.end()

    assert NAME not in up.said
    assert not (up.data / KEY_FILE).exists()


def test_the_service_goes_on_without_it(up: Up) -> None:
    up.start()
    command = ["ps", "-o", "pid=,args=", "--ppid", str(up.process.pid)]
    children = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    ours = [int(line.split()[0]) for line in children if "stand_ins.stripe" in line]
    assert len(ours) == 1

    os.kill(ours[0], signal.SIGKILL)

    wait_until_gone(address_of(up))
    up.wait_until_healthy()
    assert up.end() == 0


@pytest.fixture
def webhook() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


@pytest.mark.parametrize(
    ("configured", "signs"),
    [("", ""), ("whsec_one", "whsec_one"), (" ,whsec_a, whsec_b", "whsec_a")],
)
def test_the_service_is_given_what_it_needs_to_talk_to_it(
    tmp_path: Path, webhook: Mailbox, configured: str, signs: str
) -> None:
    deployment = Deployment(tmp_path / "data", Settings(stripe_webhook_secret=configured), None)
    said: list[str] = []
    with LocalCardCompany(deployment, said.append) as cards:
        settings = cards.add_to(Settings(jwt_secret="kept"))
        assert settings.jwt_secret == "kept"
        assert settings.stripe_api_base == cards.address
        cards.serve(webhook.url.removesuffix("/api/webhooks/stripe"))
        session = open_session(cards.address, settings.stripe_api_key)
        httpx.post(
            f"{cards.address}/_sessions/{session.id}/pay", json={}, timeout=PATIENCE_SECONDS
        ).raise_for_status()
        arrival = webhook.wait_for(1)[0]
    secrets = settings.stripe_webhook_secret.split(",")
    if signs:
        assert secrets[0] == signs
    event = stripe.Webhook.construct_event(arrival.body, arrival.signature, secrets[0])
    assert event.type == "checkout.session.completed"
    assert said == []


def test_a_file_that_is_in_its_way_is_said_to_be(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, Settings(), None)
    (tmp_path / STATE_FILE).write_text("[]")

    with LocalCardCompany(deployment, print) as cards:
        with pytest.raises(CommandError, match="did not start"):
            _ = cards.address
        assert cards is not None
