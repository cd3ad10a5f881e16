"""The wire to the card company: whatever the other side does, it ends in time, in our words."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import stripe

from bursar.marketplace.card_company import CardCompany, CardCompanyError
from bursar.settings import Settings
from tests.patience import PATIENCE_SECONDS

KEY = "sk_test_of_these_tests"


async def failure_at(base: str, seconds: float = PATIENCE_SECONDS) -> CardCompanyError:
    """What a call to this address fails with; each of its two tries has so many seconds."""
    company = CardCompany(
        Settings(stripe_api_key=KEY, stripe_api_base=base, stripe_timeout_ms=round(seconds * 1000))
    )
    try:
        with pytest.raises(CardCompanyError) as failure:
            await company.read_session("cs_x")
    finally:
        await company.close()
    assert KEY not in failure.value.sentence
    return failure.value


Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def answering(answer: Answering, heads: list[bytes] | None = None) -> AsyncIterator[str]:
    """A server that answers whatever is asked in its own way, and notes the heads of requests."""
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            if heads is not None:
                heads.append(head)
            await answer(writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in serving:
            if task is not None:
                task.cancel()
                await asyncio.wait([task])


async def _trickle(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(100):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _flood(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n")
    for _ in range(100):
        writer.write(b" " * 100_000)
        await writer.drain()


async def _nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]")
    await writer.drain()


async def _gone(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n{")
    await writer.drain()


async def _page(writer: asyncio.StreamWriter) -> None:
    body = b"<html>not what you meant</html>"
    writer.write(b"HTTP/1.1 502 Bad\r\nconnection: close\r\ncontent-length: 31\r\n\r\n" + body)
    await writer.drain()


@pytest.mark.parametrize("answer", [_trickle, _flood, _nonsense, _gone, _page])
async def test_an_answer_that_is_none_ends_in_time(answer: Answering) -> None:
    async with answering(answer) as base:
        started = time.monotonic()
        failure = await failure_at(base, 0.6 if answer is _trickle else PATIENCE_SECONDS)

    assert time.monotonic() - started < PATIENCE_SECONDS
    assert failure.sentence.startswith("Stripe")
    assert failure.retriable


async def test_an_answer_may_not_be_larger_than_any_is() -> None:
    async with answering(_flood) as base:
        assert "too large" in (await failure_at(base)).sentence


async def test_a_lost_try_is_made_once_more_and_not_again() -> None:
    tries = 0

    async def count(writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        await _gone(writer)

    async with answering(count) as base:
        await failure_at(base)

    assert tries == 2


async def test_nobody_there_is_said_to_be_out_of_reach() -> None:
    failure = await failure_at("http://127.0.0.1:1")

    assert "cannot be reached" in failure.sentence
    assert failure.retriable


async def test_the_way_to_this_machine_leads_through_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def proxy(writer: asyncio.StreamWriter) -> None:
        asked.append("proxy")
        await _page(writer)

    async with answering(proxy) as elsewhere, answering(_page) as here:
        monkeypatch.setenv("http_proxy", elsewhere)
        monkeypatch.setenv("no_proxy", "")
        assert "out of order" in (await failure_at(here)).sentence
        assert asked == []

        await failure_at("http://stripe.example")
        assert asked == ["proxy", "proxy"]


async def test_nothing_is_written_or_reported_besides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(stripe, "enable_telemetry", True)
    heads: list[bytes] = []

    async with answering(_page, heads) as base:
        await failure_at(base)

    assert len(heads) == 2
    assert not any(b"telemetry" in head.lower() or b"platform" in head.lower() for head in heads)
    assert list(tmp_path.iterdir()) == []
