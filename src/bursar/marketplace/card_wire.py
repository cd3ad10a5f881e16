"""How requests reach the card company: the stripe library's own extension point, over httpx.

The library's `HTTPXClient` hands its text to httpx in a way that httpx has deprecated, follows the
proxies of the environment even to this very machine, and bounds neither the whole of a try nor the
size of an answer. This does.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx
import stripe

ANSWER_BYTES_MAX = 4_194_304
CONNECTIONS_MAX = 16


class CardWire(stripe.HTTPClient):
    """Sends requests to the card company, each try within `seconds`, whatever keeps it waiting.

    An answer of more than four megabytes is taken for none. Redirections are not followed.
    """

    name = "httpx"

    def __init__(self, base: str, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._client = httpx.AsyncClient(
            timeout=seconds,
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
            trust_env=not _is_near(base),
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Return body, status and headers. Raises `stripe.APIConnectionError`, worth a retry."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream(method, url, headers=headers, content=post_data) as answer,
            ):
                chunks, size = [], 0
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > ANSWER_BYTES_MAX:
                        _fail("The answer was too large.", again=False)
                    chunks.append(chunk)
        except TimeoutError:
            _fail(f"There was no answer within {self._seconds:g} seconds.", again=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _fail(f"The connection failed ({type(error).__name__}).", again=True)
        return b"".join(chunks), answer.status_code, answer.headers

    def sleep_async(self, secs: float) -> Any:
        """Wait between two tries."""
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _fail(sentence: str, *, again: bool) -> NoReturn:
    # Stripe's library has no types there.
    error = stripe.APIConnectionError(sentence, should_retry=again)  # type: ignore[no-untyped-call]
    raise error from None  # what httpx says names addresses


def _is_near(base: str) -> bool:
    """Whether the address is this very machine."""
    host = urlsplit(base).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
