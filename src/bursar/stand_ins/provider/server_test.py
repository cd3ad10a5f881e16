"""The stand-in over HTTP: OpenAI's answers, keys, faults on order, and the book."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bursar.stand_ins.provider.process import LocalProvider
from tests.patience import PATIENCE_SECONDS

KEY = "sk-known-to-these-tests-only"


@pytest.fixture(scope="module")
def _process() -> Iterator[LocalProvider]:
    with LocalProvider(api_key=KEY) as made:
        assert made.address
        yield made


@pytest.fixture
def provider(_process: LocalProvider) -> Iterator[LocalProvider]:
    yield _process
    _process.ask("DELETE", "/_faults")


def ask(provider: LocalProvider, path: str, body: Any, key: str = "", **more: Any) -> Any:
    headers = {"authorization": f"Bearer {KEY}", **({"idempotency-key": key} if key else {})}
    return httpx.post(f"{provider.api}{path}", json=body, headers=headers, timeout=60, **more)


def draw(provider: LocalProvider, prompt: str, key: str = "", **more: Any) -> httpx.Response:
    body = {"prompt": prompt, "size": "32x32", **more}
    answer: httpx.Response = ask(provider, "/images/generations", body, key)
    return answer


def calls(provider: LocalProvider, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = provider.ask("GET", f"/_calls?key={key}")["data"]
    return found


def test_it_draws(provider: LocalProvider) -> None:
    answer = draw(provider, "a fox")

    assert answer.status_code == 200
    [picture] = answer.json()["data"]
    assert base64.b64decode(picture["b64_json"]).startswith(b"\x89PNG")
    assert answer.headers["x-request-id"]


def test_it_writes_and_counts_tokens(provider: LocalProvider) -> None:
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "a red fox"}]

    body = ask(provider, "/chat/completions", {"model": "m", "messages": messages}).json()

    assert "red" in body["choices"][0]["message"]["content"]
    used = body["usage"]
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"] > 20
    assert body["model"] == "m"


def test_the_same_key_is_answered_the_same(provider: LocalProvider) -> None:
    first, again = draw(provider, "a fox", "k-same"), draw(provider, "a fox", "k-same")

    assert first.content == again.content
    assert first.headers["x-request-id"] == again.headers["x-request-id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = draw(provider, "an owl", "k-same")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert [one["status"] for one in calls(provider, "k-same")] == [200, 200, 400]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/images/generations", {}, "prompt"),
        ("/images/generations", {"prompt": 7}, "prompt"),
        ("/images/generations", {"prompt": "x", "size": "1x1"}, "size"),
        ("/chat/completions", {}, "messages"),
        ("/chat/completions", {"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ],
)
def test_what_makes_no_sense_is_refused(
    provider: LocalProvider, path: str, body: Any, param: str
) -> None:
    answer = ask(provider, path, body)

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_it_accepts_its_key_alone(provider: LocalProvider) -> None:
    body = {"prompt": "a fox", "size": "32x32"}
    stranger = httpx.post(f"{provider.api}/images/generations", json=body, timeout=PATIENCE_SECONDS)

    assert stranger.status_code == 401
    assert httpx.get(f"{provider.api}/models", timeout=PATIENCE_SECONDS).status_code == 401
    assert httpx.get(f"{provider.address}/elsewhere", timeout=PATIENCE_SECONDS).status_code == 404


@pytest.mark.parametrize(
    ("prompt", "statuses"),
    [
        ("a fox [fail]", [500, 500]),
        ("a fox [fail 404]", [404, 404]),
        ("a fox [fail 503 x1]", [503, 200]),
        ("a fox [hang 0.1 x1]", [504, 200]),
    ],
)
def test_words_in_a_prompt_order_a_fault(
    provider: LocalProvider, prompt: str, statuses: list[int]
) -> None:
    found = [draw(provider, prompt, f"k {prompt}").status_code for _ in statuses]

    assert found == statuses


def test_a_late_answer_is_the_same_answer(provider: LocalProvider) -> None:
    began = time.monotonic()
    late = draw(provider, "a fox [late 0.5 x1]")

    assert time.monotonic() - began >= 0.5
    assert late.json()["data"] == draw(provider, "a fox").json()["data"]


def test_faults_are_ordered_for_calls_to_come(provider: LocalProvider) -> None:
    provider.ask("POST", "/_faults", {"fail_calls": 2, "fail_status": 429, "retry_after": 1.5})
    found = [draw(provider, "a fox", f"k-{n}") for n in range(3)]

    assert [one.status_code for one in found] == [429, 429, 200]
    assert found[0].headers["retry-after"] == "1.5"
    assert provider.ask("GET", "/_faults")["fail_calls"] == 0
    with pytest.raises(httpx.HTTPStatusError):
        provider.ask("POST", "/_faults", {"fial_calls": 2})


def test_what_was_made_may_be_lost_on_its_way(provider: LocalProvider) -> None:
    provider.ask("POST", "/_faults", {"fail_calls": 1, "after_effect": True})
    assert draw(provider, "a fox", "k-lost").status_code == 500
    assert draw(provider, "a fox", "k-lost").status_code == 200
    provider.ask("POST", "/_faults", {"late_calls": 1, "late_seconds": 0.3})
    began = time.monotonic()
    assert draw(provider, "a fox").status_code == 200
    assert time.monotonic() - began >= 0.3
