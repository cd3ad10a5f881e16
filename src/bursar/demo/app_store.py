"""The pretend app store: tells our own service what it sold, over HTTP, as RevenueCat would.

It knows what was agreed upon for its Authorization header, and signs where that is asked for. It
has no other way in: what it says is believed, kept and carried out as a real store's word is.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from bursar.settings import Settings

WEBHOOK_PATH = "/api/webhooks/revenuecat"
TIMEOUT_SECONDS = 20.0
# RevenueCat tries five times; the pretend store is less patient about the time between.
TRIES_MAX = 5
RETRY_SECONDS = 2.0


class Delivery(msgspec.Struct, frozen=True):
    """What our own service answered to one delivery; status 0 means that nobody answered."""

    status: int
    effect: str = ""
    code: str = ""
    replayed: bool = False


class AppStore:
    """Delivers events to the service; `transport` carries them there in place of a network."""

    def __init__(
        self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._authorization = settings.revenuecat_authorization
        self._secret = settings.revenuecat_signature_secret
        self._transport = transport
        self._late: set[asyncio.Task[None]] = set()

    @property
    def is_set_up(self) -> bool:
        """Whether anything was agreed upon, so that the service can believe it."""
        return bool(self._authorization or self._secret)

    async def tell(self, address: str, event: Mapping[str, Any], times: int = 1) -> list[Delivery]:
        """Deliver an event so many times; if the last one failed, go on trying in the background.

        `address` is that of the service, with the prefix below which it is mounted.
        """
        told = [await self._deliver(address, event) for _ in range(times)]
        if told[-1].status != 200:
            self._keep_at_it(address, event, RETRY_SECONDS, TRIES_MAX - times)
        return told

    def tell_later(self, address: str, event: Mapping[str, Any], seconds: float) -> None:
        """Deliver an event in so many seconds; what was not delivered is lost with the process."""
        self._keep_at_it(address, event, seconds, TRIES_MAX)

    def _keep_at_it(
        self, address: str, event: Mapping[str, Any], seconds: float, tries: int
    ) -> None:
        async def go_on() -> None:
            pause = seconds
            for _ in range(tries):
                await asyncio.sleep(pause)
                if (await self._deliver(address, event)).status == 200:
                    return
                pause = RETRY_SECONDS

        task = asyncio.get_running_loop().create_task(go_on(), name="pretend app store")
        self._late.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._late.discard)

    async def _deliver(self, address: str, event: Mapping[str, Any]) -> Delivery:
        body = json.dumps({"api_version": "1.0", "event": event}).encode()
        try:
            async with httpx.AsyncClient(
                transport=self._transport, trust_env=False, timeout=TIMEOUT_SECONDS
            ) as client:
                answer = await client.post(
                    address + WEBHOOK_PATH, content=body, headers=self._headers(body)
                )
                told = answer.json()
        except (httpx.HTTPError, ValueError):
            return Delivery(0)
        return Delivery(
            answer.status_code,
            str(told.get("effect", "")),
            str(told.get("code", "")),
            "idempotent-replayed" in answer.headers,
        )

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if self._authorization:
            headers["authorization"] = self._authorization
        if self._secret:
            at = str(int(time.time()))
            signed = at.encode() + b"." + body
            mark = hmac.new(self._secret.encode(), signed, hashlib.sha256).hexdigest()
            headers["x-revenuecat-webhook-signature"] = f"t={at},v1={mark}"
        return headers
