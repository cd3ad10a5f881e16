"""The adapter against a server that answers what a test tells it to."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bursar.generation import openai_provider
from bursar.generation.openai_provider import OpenAiProvider
from bursar.generation.provider import Answer, Job, ProviderError
from bursar.settings import Settings

KEY = "sk-known-to-these-tests-only"
PNG = b"\x89PNG\r\n\x1a\n and more"
ID = "5b1d9c7e-0000-4000-8000-000000000001"


class Scripted:
    """A server that gives the answers in `answers`, in order: (status, headers, body)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.wait_seconds = 0.0
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): text for name, text in self.headers.items()}
                asked = json.loads(body) if body else None
                scripted.asked.append((self.command, self.path, headers, asked))
                time.sleep(scripted.wait_seconds)
                if not scripted.answers:
                    self.connection.close()
                    return
                status, more, said = scripted.answers.pop(0)
                self.send_response(status)
                for name, text in {"content-length": str(len(said)), **more}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST  # noqa: N815 - its name

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def will_say(self, body: Any, status: int = 200, **headers: str) -> None:
        said = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.answers.append((status, named, said))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.close()


def job(**fields: Any) -> Job:
    known: dict[str, Any] = {
        "job_id": ID,
        "lease": ID,
        "user_id": ID,
        "product": "image",
        "kind": "image",
    }
    known |= {"input": {"prompt": "a fox"}, "price": 1, "attempt": 1, "attempts_max": 3}
    return Job(**{**known, "call_seconds": 5, **fields})


async def ask(server: Scripted, asked: Job | None = None, **settings: str) -> Answer:
    chosen = {"provider_url": f"{server.url}/v1", "provider_api_key": KEY, **settings}
    provider = OpenAiProvider(Settings(**chosen))  # type: ignore[arg-type]  # settings by name
    try:
        return await provider.generate(asked or job())
    finally:
        await provider.close()


async def refusal(server: Scripted, asked: Job | None = None, **settings: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(server, asked, **settings)
    assert KEY not in caught.value.message
    return caught.value


def picture(content: bytes = PNG, **more: Any) -> dict[str, Any]:
    return {"created": 1, "data": [{"b64_json": base64.b64encode(content).decode()}], **more}


async def test_a_picture_is_asked_for_as_the_api_wants_it(server: Scripted) -> None:
    server.will_say(picture(), x_request_id="req_1")

    answer = await ask(server, job(input={"prompt": "a fox", "size": "256x256", "n": 9}))

    assert answer == Answer(content=PNG, content_type="image/png", reference="req_1")
    [(method, path, headers, asked)] = server.asked
    assert (method, path) == ("POST", "/v1/images/generations")
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["idempotency-key"] == ID
    assert headers["content-type"] == "application/json"
    assert asked == {"prompt": "a fox", "n": 1, "size": "256x256", "response_format": "b64_json"}


@pytest.mark.parametrize(
    ("product", "setting", "model", "asks_for_base64"),
    [
        ("dall-e-3", "", "dall-e-3", True),
        ("", "dall-e-2", "dall-e-2", True),
        ("gpt-image-1", "dall-e-2", "gpt-image-1", False),
        ("", "", None, True),
    ],
)
async def test_the_products_model_goes_before_the_settings(
    server: Scripted, product: str, setting: str, model: str | None, asks_for_base64: bool
) -> None:
    server.will_say(picture())

    await ask(server, job(model=product), provider_model=setting)

    asked = server.asked[0][3]
    assert asked.get("model") == model
    assert ("response_format" in asked) == asks_for_base64


async def test_a_picture_that_was_put_elsewhere_is_loaded_without_the_key(server: Scripted) -> None:
    server.will_say({"data": [{"url": f"{server.url}/files/1.jpg"}]})
    server.will_say(b"\xff\xd8\xff jpeg")

    answer = await ask(server)

    assert (answer.content_type, answer.content) == ("image/jpeg", b"\xff\xd8\xff jpeg")
    assert server.asked[1][:2] == ("GET", "/files/1.jpg")
    assert "authorization" not in server.asked[1][2]


async def test_a_text_comes_with_its_tokens_and_what_they_cost(server: Scripted) -> None:
    said = {"id": "chatcmpl-1", "choices": [{"message": {"content": "Once."}}]}
    server.will_say({**said, "usage": {"total_tokens": 2001}})

    answer = await ask(server, job(kind="text", model="gpt", tokens_per_credit=1000))

    assert (answer.text, answer.content) == ("Once.", b"Once.")
    assert (answer.reference, answer.tokens, answer.price) == ("chatcmpl-1", 2001, 3)
    assert server.asked[0][1] == "/v1/chat/completions"
    assert server.asked[0][3] == {
        "model": "gpt",
        "messages": [{"role": "user", "content": "a fox"}],
    }


@pytest.mark.parametrize(
    ("tokens", "per_credit", "price"),
    [(0, 1000, 1), (1000, 1000, 1), (1001, 1000, 2), (50, None, None), (None, 1000, None)],
)
async def test_tokens_are_rounded_up_to_whole_credits(
    server: Scripted, tokens: int | None, per_credit: int | None, price: int | None
) -> None:
    server.will_say(picture(usage={"total_tokens": tokens}))

    assert (await ask(server, job(tokens_per_credit=per_credit))).price == price


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(status, False) for status in (400, 401, 403, 404, 422, 302)]
    + [(status, True) for status in (408, 409, 425, 429, 500, 503, 529)],
)
async def test_what_may_pass_is_told_from_what_does_not(
    server: Scripted, status: int, retryable: bool
) -> None:
    server.will_say({"error": {"message": f"No:\n your key {KEY} is bad"}}, status)

    error = await refusal(server)

    assert error.retryable is retryable
    assert error.message == f"The provider answered HTTP {status}: No: your key (key) is bad"
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7), ("0.5", 0.5, 0.5), ("99999999", 3600, 3600), ("-3", 0, 0)],
)
async def test_it_is_told_how_long_to_wait(
    server: Scripted, header: str, least: float, most: float
) -> None:
    server.will_say(b"", 429, retry_after=header)

    error = await refusal(server)

    assert error.retry_after is not None
    assert least <= error.retry_after <= most


async def test_it_is_told_by_a_date_how_long_to_wait(server: Scripted) -> None:
    server.will_say(b"", 503, retry_after=format_datetime(datetime.now(UTC) + timedelta(0, 60)))
    server.will_say(b"", 503, retry_after="soon")

    dated, undated = await refusal(server), await refusal(server)

    assert dated.retry_after is not None
    assert 50 < dated.retry_after <= 60
    assert undated.retry_after is None


@pytest.mark.parametrize(
    ("body", "retryable"),
    [
        (b"<html>", True),
        (b"\xff\xfe", True),
        ({"data": []}, True),
        ({"data": [{}]}, True),
        ({"data": [{"b64_json": "no base 64"}]}, True),
        ({"data": [{"url": "file:///etc/passwd"}]}, False),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error(
    server: Scripted, body: Any, retryable: bool
) -> None:
    server.will_say(body)

    assert (await refusal(server)).retryable is retryable


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_provider, "ANSWER_BYTES_MAX", 1000)
    server.will_say(picture(PNG * 1000))

    error = await refusal(server)

    assert (error.retryable, "too large" in error.message) == (False, True)


async def test_a_provider_that_breaks_off_or_is_not_there_may_be_asked_again(
    server: Scripted,
) -> None:
    broken = await refusal(server)
    away = await refusal(server, provider_url="http://127.0.0.1:1/v1")

    assert broken.retryable
    assert away.retryable
    assert "cannot be reached" in away.message


async def test_a_provider_that_says_nothing_is_not_waited_for_longer_than_a_call_may_take(
    server: Scripted,
) -> None:
    server.wait_seconds = 20
    began = time.monotonic()

    error = await refusal(server, job(call_seconds=1))

    assert time.monotonic() - began < 15
    assert (error.retryable, error.message) == (True, "The provider did not answer in time.")


async def test_a_job_without_a_prompt_is_not_sent(server: Scripted) -> None:
    for prompt in ({}, {"prompt": " "}, {"prompt": 7}):
        assert not (await refusal(server, job(input=prompt))).retryable
    assert server.asked == []


@pytest.mark.parametrize("url", ["", "provider", "ftp://x/v1", "http://"])
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="BURSAR_PROVIDER_URL"):
        OpenAiProvider(Settings(provider_url=url))
