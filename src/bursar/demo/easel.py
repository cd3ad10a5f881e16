"""Whether pictures are made by the local stand-in, which can be told to fail.

The stand-in says so itself: it owns its models. Only an address of this machine is asked, so that
nobody else's provider hears of the demonstration's pages.
"""

from urllib.parse import urlsplit

import httpx

from bursar.settings import Settings
from bursar.stand_ins.provider.api import IMAGE_MODEL

TIMEOUT_SECONDS = 10.0
_HERE = ("127.0.0.1", "::1", "localhost")


class Easel:
    """Whoever makes the pictures of a service; `transport` is asked in place of a network."""

    def __init__(
        self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = settings.provider_url.rstrip("/")
        self._key = settings.provider_api_key
        self._transport = transport
        self._known = False

    @property
    def is_set_up(self) -> bool:
        """Whether the service has a provider of its own."""
        return bool(self._url)

    async def is_local(self) -> bool:
        """Whether it is the stand-in. Once known it stays so: it may be crashing just now."""
        if not self._known and urlsplit(self._url).hostname in _HERE:
            self._known = await self._ask()
        return self._known

    async def _ask(self) -> bool:
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            async with httpx.AsyncClient(
                transport=self._transport, trust_env=False, timeout=TIMEOUT_SECONDS
            ) as client:
                models = (await client.get(f"{self._url}/models", headers=headers)).json()
            made = {(each["id"], each["owned_by"]) for each in models["data"]}
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return False
        return (IMAGE_MODEL, "bursar") in made
