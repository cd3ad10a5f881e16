"""The stand-in as a process: it is there again after a crash, and ends with its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bursar.stand_ins.provider.process import LocalProvider
from tests.patience import PATIENCE_SECONDS, wait_until


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/_faults", timeout=10).is_success
    except httpx.HTTPError:
        return False


def draw(provider: LocalProvider, prompt: str, key: str) -> httpx.Response:
    body = {"prompt": prompt, "size": "32x32"}
    url = f"{provider.api}/images/generations"
    return httpx.post(url, json=body, headers={"idempotency-key": key}, timeout=60)


def test_after_a_crash_it_is_there_again_and_remembers_its_calls(tmp_path: Path) -> None:
    said: list[str] = []
    with LocalProvider(book=tmp_path / "book.jsonl", say=said.append) as provider:
        address = provider.address
        before = draw(provider, "a fox", "k-1")
        with pytest.raises(httpx.HTTPError):
            draw(provider, "an owl [crash x1]", "k-2")
        wait_until(lambda: answers(address))

        assert (provider.address, provider.restarts) == (address, 1)
        assert said == ["The local provider ended with code 70; another takes its place."]
        again = draw(provider, "a fox", "k-1")
        assert again.content == before.content
        assert again.headers["idempotent-replayed"] == "true"
        assert draw(provider, "an owl [crash x1]", "k-2").status_code == 200
        book = provider.ask("GET", "/_calls")["data"]
        assert [one["key"] for one in book] == ["k-1", "k-2", "k-1", "k-2"]
        assert [one["status"] for one in book] == [200, None, 200, 200]


def test_it_is_there_again_however_it_was_killed(tmp_path: Path) -> None:
    with LocalProvider() as provider:
        assert answers(provider.address)
        os.kill(provider.pid, signal.SIGKILL)
        wait_until(lambda: provider.restarts == 1 and answers(provider.address))
        address = provider.address
    assert not answers(address)


def test_half_a_line_in_the_book_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    with LocalProvider(book=path) as provider:
        draw(provider, "a fox", "k-1")
    path.write_bytes(path.read_bytes() + b'{"number": 2, "ke')

    with LocalProvider(book=path) as provider:
        assert [one["number"] for one in provider.ask("GET", "/_calls")["data"]] == [1]
        draw(provider, "a fox", "k-2")
    with LocalProvider(book=path) as provider:
        book = provider.ask("GET", "/_calls")["data"]
        assert [(one["number"], one["key"]) for one in book] == [(1, "k-1"), (2, "k-2")]


def test_it_ends_with_its_parent_however_that_dies() -> None:
    program = (
        "import time\n"
        "from bursar.stand_ins.provider.process import LocalProvider\n"
        "provider = LocalProvider()\n"
        "print(provider.address, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        address = parent.stdout.readline().strip()
        assert answers(address)

        parent.kill()

        wait_until(lambda: not answers(address))


def test_it_ends_while_a_call_hangs() -> None:
    with LocalProvider() as provider:
        body = {"prompt": "[hang]"}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{provider.api}/images/generations", json=body, timeout=0.3)
        began = time.monotonic()

    assert time.monotonic() - began < PATIENCE_SECONDS
