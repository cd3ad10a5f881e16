"""One HTTP request and its answer, as every door sees them."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from bursar.http.principal import ANONYMOUS, Principal
from bursar.http.problem import ProblemError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = b"application/json; charset=utf-8"
# Query parameters of one request, at most: a filter for each column of a wide table.
PARAMETERS_MAX = 64
# Headers that decide who asks or what is carried out once; sent twice, they could mean two things.
_SINGLE_HEADERS = frozenset(
    {b"authorization", b"apikey", b"idempotency-key", b"content-length", b"content-type"}
)


class Answer:
    """Status, body and headers of a response. The content type is JSON unless a header says more.

    `code` is what the metrics count it as: "done", or the code of a refusal. An answer to many
    requests counts each of them in `counted`, as verb, code and whether it was a replay.
    `stream` makes the rest of the body, piece by piece, for as long as the client listens.
    `waited` is how many seconds passed because the caller asked to wait: they are not counted.
    """

    __slots__ = ("body", "code", "counted", "headers", "status", "stream", "waited")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = (),
        code: str = "done",
    ) -> None:
        self.status = status
        self.body = body
        self.headers = list(headers)
        self.code = code
        self.counted: list[tuple[str, str, bool]] = []
        self.stream: AsyncIterator[bytes] | None = None
        self.waited = 0.0


class Exchange:
    """A request on its way through a door.

    `verb` is the name it is counted under. `principal` is set once the token has been verified.
    `key` is the idempotency key under which something is being changed, sent or minted.
    """

    __slots__ = (
        "_headers",
        "body_bytes_max",
        "key",
        "method",
        "path",
        "principal",
        "receive",
        "request_id",
        "scope",
        "values",
        "verb",
    )

    def __init__(self, scope: Scope, receive: Receive, path: str, body_bytes_max: int) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.path = path
        self.values: dict[str, str] = {}
        self.verb = "unknown"
        self.principal: Principal = ANONYMOUS
        self.key: str | None = None
        self.body_bytes_max = body_bytes_max
        self._headers: dict[bytes, bytes] | None = None
        self.request_id = _request_id(self.header(b"x-request-id"))

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The headers by lower-case name; of a repeated one, the last."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        return self._headers

    def header(self, name: bytes) -> str:
        """Return a header's value as text, or "" when it was not sent."""
        value = self.headers.get(name)
        return "" if value is None else value.decode("latin-1").strip()

    def refuse_repeated_headers(self) -> None:
        """Raise when a header that must mean one thing was sent more than once."""
        pairs = self.scope["headers"]
        if len(pairs) == len(self.headers):
            return
        names = [name for name, _ in pairs]
        for name in _SINGLE_HEADERS:
            if names.count(name) > 1:
                raise ProblemError(
                    400, "MALFORMED", f"The header {name.decode()} was sent more than once."
                )

    def parameters(self) -> list[tuple[str, str]]:
        """Return the query's parameters in order, decoded. Raises a problem when they are not
        UTF-8 or too many."""
        query: bytes = self.scope.get("query_string", b"")
        if not query:
            return []
        try:
            return parse_qsl(
                query.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=PARAMETERS_MAX,
            )
        except ValueError:  # UnicodeDecodeError is one.
            raise ProblemError(
                400, "MALFORMED", "The query string cannot be read.", {"field": "query"}
            ) from None

    async def body(self) -> bytes:
        """Read the whole body. Raises a 413 problem as soon as it is known to be too large."""
        length = self.headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length[:20]) > self.body_bytes_max):
            raise self._too_large()
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        body: bytes = message.get("body", b"")
        if message.get("more_body", False):
            chunks, size = [body], len(body)
            while message.get("more_body", False):
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > self.body_bytes_max:
                    raise self._too_large()
                chunks.append(chunk)
            body = b"".join(chunks)
        if len(body) > self.body_bytes_max:
            raise self._too_large()
        return body

    def _too_large(self) -> ProblemError:
        return ProblemError(
            413,
            "BODY_TOO_LARGE",
            f"The body is larger than {self.body_bytes_max} bytes.",
            headers=[(b"connection", b"close")],
        )


class ClientGoneError(Exception):
    """The client hung up before its request was complete; there is nobody to answer."""


def _request_id(given: str) -> str:
    """Return the caller's request id when it is harmless in a log, otherwise a new one."""
    plain = given.replace("-", "").replace("_", "")
    if 8 <= len(given) <= 64 and plain.isalnum() and plain.isascii():
        return given
    return os.urandom(8).hex()
