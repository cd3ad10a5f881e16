"""Requests and answers over ASGI, no more of it than the stand-in needs."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from bursar.stand_ins.stripe.api_error import ApiError

BODY_BYTES_MAX = 1_048_576

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Call(msgspec.Struct, kw_only=True):
    """A request: its body is at most a megabyte, header names are in lower case."""

    method: str
    path: str
    query: bytes
    headers: dict[str, str]
    body: bytes
    args: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; none at all means an empty one. Raises `ApiError`."""
        if not self.body.strip():
            return {}
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise ApiError(400, "The body is not a JSON object.") from None

    def asked(self, name: str, default: str = "") -> str:
        """A field of the query."""
        return dict(parse_qsl(self.query.decode("ascii", "replace"))).get(name, default)

    def field(self, name: str, default: str = "") -> str:
        """A field of the form that a page sent."""
        return dict(parse_qsl(self.body.decode("ascii", "replace"))).get(name, default)


class Answer(msgspec.Struct, kw_only=True):
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}


def in_json(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """An answer in JSON, indented as Stripe's are."""
    return Answer(
        status=status,
        body=msgspec.json.format(msgspec.json.encode(data), indent=2),
        headers={"content-type": "application/json", **(headers or {})},
    )


def see_other(address: str) -> Answer:
    """An answer that leads elsewhere."""
    return Answer(status=303, headers={"location": address, "cache-control": "no-store"})


async def read_call(scope: Scope, receive: Receive) -> Call:
    """Read a whole request. Raises `ApiError` when its body is too large or breaks off."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "The request broke off.")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > BODY_BYTES_MAX:
            raise ApiError(413, "The body is too large.")
        more = message.get("more_body", False)
    return Call(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"],
        headers={name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]},
        body=b"".join(chunks),
    )


async def send_answer(answer: Answer, send: Send) -> None:
    """Send an answer."""
    headers = {"content-length": str(len(answer.body)), **answer.headers}
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), text.encode("utf-8")) for name, text in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": answer.body})
