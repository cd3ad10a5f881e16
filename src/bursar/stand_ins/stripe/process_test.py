"""The stand-in as a process: what it keeps, what it refuses to start with, and how it ends."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import stripe

from bursar.stand_ins.stripe.process import StandIn
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.stand_in import KEY, SECRET, mailbox, session_params, stand_in
from tests.stand_in import stock_client as stock

PROGRAM = [sys.executable, "-P", "-m", "bursar.stand_ins.stripe", "--port", "0"]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BURSAR_")}
    return {**kept, **more}


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/_faults", timeout=10).is_success
    except httpx.HTTPError:
        return False


def test_a_restart_keeps_sessions_events_keys_and_the_address(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    params = session_params()
    with stand_in(state=state) as before, stock(before.address) as client:
        first = client.v1.checkout.sessions.create(
            params=params, options={"idempotency_key": "the same"}
        )
        paid = client.v1.checkout.sessions.create(params=session_params())
        before.ask("POST", f"/_sessions/{paid.id}/pay")
        before.ask("POST", "/_faults", {"reorder": 100, "reorder_ms": 600_000})
        client.v1.checkout.sessions.expire(first.id)
        before.ask("POST", "/_clock", {"advance_seconds": 10})
        address = before.address
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert SECRET not in state.read_text()
    assert KEY not in state.read_text()

    with (
        mailbox() as webhook,
        stand_in(webhook.url, state=state) as after,
        stock(address) as client,
    ):
        assert after.address == address
        again = client.v1.checkout.sessions.create(
            params=params, options={"idempotency_key": "the same"}
        )
        assert again.id == first.id
        session = client.v1.checkout.sessions.retrieve(paid.id)
        assert session.payment_status == "paid"
        assert client.v1.refunds.create(
            params={"payment_intent": str(session.payment_intent)}
        ).amount
        # What was not delivered before is delivered now.
        told = {arrival.thing["id"] for arrival in webhook.wait_for(2)}
        assert told >= {paid.id, first.id}, "one had waited, the other was held back"
        assert after.ask("POST", "/_clock", {"advance_seconds": 0})["ahead"] == 10


def test_what_was_just_done_is_soon_in_the_file(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with stand_in(state=state) as company, stock(company.address) as client:
        session = client.v1.checkout.sessions.create(params=session_params())
        wait_until(lambda: state.exists() and session.id in state.read_text())
        os.kill(company.pid, signal.SIGKILL)

    with stand_in(state=state) as company, stock(company.address) as client:
        assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_another_port_is_taken_when_the_one_from_before_is_not_free(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with stand_in(state=state) as first:
        first.ask("POST", "/_clock", {"advance_seconds": 1})
        wait_until(state.exists)
        with stand_in(state=state) as second:
            assert second.address != first.address
            assert answers(first.address)
            assert answers(second.address)


def test_it_ends_with_its_parent_however_that_dies(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from bursar.stand_ins.stripe.process import StandIn\n"
        "company = StandIn('whsec_x')\n"
        "print(company.address, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment()
    ) as parent:
        assert parent.stdout is not None
        address = parent.stdout.readline().strip()
        assert answers(address)

        parent.kill()

        wait_until(lambda: not answers(address))


def test_sigterm_ends_it_while_a_call_hangs() -> None:
    with stand_in() as company:
        company.ask("POST", "/_faults", {"hang_calls": 1, "hang_seconds": 600})
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(
                f"{company.address}/v1/refunds/re_x",
                headers={"authorization": f"Bearer {KEY}"},
                timeout=0.3,
            )
        began = time.monotonic()
        company.stop()

    assert time.monotonic() - began < PATIENCE_SECONDS


def test_it_goes_on_without_input_unless_it_was_told_to_end_with_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_from_a_file\n")
    with (
        mailbox() as webhook,
        subprocess.Popen(
            [*PROGRAM, "--webhook", webhook.url, "--secret-file", str(secret)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with stock(address, "sk_test_any_will_do") as client:
            session = client.v1.checkout.sessions.create(params=session_params())
            client.v1.checkout.sessions.expire(session.id)
        arrival = webhook.wait_for(1)[0]
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)

    assert stripe.Webhook.construct_event(arrival.body, arrival.signature, "whsec_from_a_file").id
    assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Set BURSAR_STRIPE_WEBHOOK_SECRET"),
        ({"BURSAR_STRIPE_WEBHOOK_SECRET": " , "}, "Set BURSAR_STRIPE_WEBHOOK_SECRET"),
        (
            {"BURSAR_STRIPE_WEBHOOK_SECRET": "whsec_x", "BURSAR_STRIPE_API_KEY": "sk_live_secret"},
            "must be a test key",
        ),
    ],
)
def test_it_does_not_start_without_a_secret_or_with_a_live_key(
    settings: dict[str, str], sentence: str
) -> None:
    done = subprocess.run(
        PROGRAM, env=environment(**settings), capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "sk_live_secret" not in done.stderr


def test_a_file_that_is_something_else_is_not_written_over(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"sales": "none"}))

    with StandIn(SECRET, state=state) as company, pytest.raises(RuntimeError, match="not start"):
        _ = company.address

    assert json.loads(state.read_text()) == {"sales": "none"}
