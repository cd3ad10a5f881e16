"""A stream ends with its client, and does not outlive whoever makes it."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from bursar.http.event_stream import event, send_stream
from tests.patience import PATIENCE_SECONDS

Message = MutableMapping[str, Any]


class Line:
    """A connection: what was sent, and a client that goes away when told to."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.gone = asyncio.Event()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def test_pieces_are_sent_as_they_are_made_and_the_end_is_told() -> None:
    line = Line()

    async def made() -> AsyncIterator[bytes]:
        yield event("state", b"{}", "a")
        yield b"two"

    await send_stream(made(), line.receive, line.send)

    assert [message["body"] for message in line.sent] == [
        b"event: state\nid: a\ndata: {}\n\n",
        b"two",
        b"",
    ]
    assert [message["more_body"] for message in line.sent] == [True, True, False]


async def test_a_stream_ends_at_once_when_nobody_listens_any_longer() -> None:
    line = Line()
    ended = asyncio.Event()

    async def made() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await asyncio.sleep(600)
            yield b"two"
        finally:
            ended.set()

    sending = asyncio.create_task(send_stream(made(), line.receive, line.send))
    await asyncio.sleep(0.05)
    line.gone.set()

    async with asyncio.timeout(PATIENCE_SECONDS):
        await sending
        await ended.wait()
    assert [message["body"] for message in line.sent] == [b"one"]
