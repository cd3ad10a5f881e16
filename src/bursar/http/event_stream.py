"""Server-sent events: an answer that goes on while its client listens."""

import asyncio
from collections.abc import AsyncIterator

from bursar.db.end_tasks import end_tasks
from bursar.http.exchange import Receive, Send

EVENT_STREAM = b"text/event-stream; charset=utf-8"
# A comment, which browsers pass over; it tells proxies that the line is alive, and us that it is.
PING = b": still here\n\n"


def event(name: str, data: bytes, mark: str) -> bytes:
    """Return an event as browsers read it. `data` has no line breaks, as JSON has none."""
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name.encode(), mark.encode(), data)


async def send_stream(stream: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send piece by piece until there is no more, or until nobody listens any longer.

    A piece that is being waited for then is not waited for.
    """
    gone = asyncio.ensure_future(_client_gone(receive))
    sending = asyncio.ensure_future(_send_pieces(stream, send))
    try:
        await asyncio.wait((gone, sending), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        await end_tasks(gone, sending)


async def _send_pieces(stream: AsyncIterator[bytes], send: Send) -> None:
    async for piece in stream:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
