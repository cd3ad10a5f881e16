import asyncio
from typing import Any

import litestar
import pytest

from bursar.http.app import create_app
from bursar.http.conftest import SECRET, Told
from bursar.settings import Settings


@litestar.post("/form", status_code=200)
async def form(request: litestar.Request[Any, Any, Any]) -> str:
    return str(len(await request.body()))


async def asked(pieces: list[bytes]) -> list[Any]:
    """What a page says to a body of which no more comes than these pieces."""
    settings = Settings(jwt_secret=SECRET, log_level="error", request_timeout_ms=200)
    url = "postgresql://127.0.0.1:1/none"
    app = create_app(Told(), settings, database_url=url, route_handlers=[form])
    said: list[Any] = []
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if pieces and not pieces[-1]:
        left[-1]["more_body"] = False

    async def receive() -> Any:
        return left.pop(0) if left else await asyncio.sleep(60)

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/form",
        "raw_path": b"/form",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"text/plain")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
        "extensions": {},
    }
    async with asyncio.timeout(30):
        await app(scope, receive, send)
    await app.close()
    return said


@pytest.mark.parametrize("pieces", [[], [b"token="]])
async def test_a_page_does_not_wait_for_ever_for_a_form(pieces: list[bytes]) -> None:
    start, body = (await asked(pieces))[:2]

    assert start["status"] == 408
    assert b'"code":"TIMEOUT"' in body["body"]


async def test_a_form_may_come_in_pieces() -> None:
    start, body = (await asked([b"to", b"ken=", b""]))[:2]

    assert (start["status"], body["body"]) == (200, b"6")
