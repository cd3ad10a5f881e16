import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from bursar.cli.conftest import Up, free_port, run, run_json
from bursar.cli.deployment import Deployment

STUB = Path(__file__).parents[3] / "tests" / "double_seller.py"
FEW = ("-n", "8", "--rounds", "10")


@pytest.fixture
def broken_shop() -> Iterator[str]:
    """The address of a shop that reads a balance, waits, and then writes it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, str(STUB), str(port)]) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    httpx.get(f"{url}/health")
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def test_a_running_deployment_keeps_every_promise_and_is_left_clean(running: Up) -> None:
    data = ("--data", str(running.data))
    with psycopg.connect(Deployment.find(running.data).url(), autocommit=True) as connection:
        before = _on_sale_and_held(connection)

        verdict = run_json("race", "--url", running.url, *data, *FEW)

        assert verdict["verdict"] == "kept"
        windows, clicks, seller, key, explained = verdict["findings"]
        assert windows["answers"] == {"done": 10, "INSUFFICIENT_FUNDS": 10}
        assert clicks["answers"] == {"done": 1, "ALREADY_COLLECTED": 7}
        assert seller["answers"] == {"done": 8}
        assert key["answers"] == {"done": 8}
        assert explained["answers"].keys() == {"agrees"}
        assert verdict["left_behind"] == []
        assert "wallets, empty and closed" in verdict["stays"]
        assert _on_sale_and_held(connection) == before


def test_a_shop_that_sells_twice_is_found_out(broken_shop: str) -> None:
    verdict = run_json("race", "--url", broken_shop, "--token", "any", *FEW, code=1)

    assert verdict["verdict"] == "broken"
    broken = {one["scenario"]: one["broken"] for one in verdict["findings"] if one["broken"]}
    assert set(broken) == {
        "two windows",
        "one reward, many clicks",
        "one hot seller",
        "one key, many times",
        "every wallet explained",
    }


def test_the_table_names_what_was_broken(broken_shop: str) -> None:
    done = run("race", "--url", broken_shop, "--token", "any", *FEW)

    assert done.returncode == 1
    assert "A promise was broken." in done.stdout
    assert "was sold 8 times to one collector" in done.stdout


def test_a_shop_that_sells_twice_does_not_pass_the_smoke_test(broken_shop: str) -> None:
    verdict = run_json("smoke", "--url", broken_shop, "--token", "any", code=1)

    broken = {one["scenario"] for one in verdict["findings"] if one["broken"]}
    assert {"duplicate", "concurrent", "concurrent, one reward"} <= broken


def test_nobody_there_is_no_verdict() -> None:
    done = run("race", "--url", f"http://127.0.0.1:{free_port()}", "--token", "any", *FEW)

    assert done.returncode == 2
    assert "Nobody answers there" in done.stderr


def test_a_token_that_is_not_accepted_is_no_verdict(running: Up) -> None:
    done = run("race", "--url", running.url, "--token", "not.a.token", *FEW)

    assert done.returncode == 2
    assert "401" in done.stderr


def _on_sale_and_held(connection: psycopg.Connection) -> object:
    return connection.execute(
        "SELECT (SELECT count(*) FROM public.rewards WHERE is_active),"
        " (SELECT sum(balance) FROM public.user_credits)"
    ).fetchone()
