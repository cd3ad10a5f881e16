"""The card company of `bursar up` where no key of Stripe's is set: a local stand-in."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from bursar.cli.answer import FAILED, CommandError
from bursar.cli.deployment import Deployment
from bursar.settings import Settings
from bursar.stand_ins.stripe.process import StandIn

# What the stand-in keeps in the data directory: two secrets, and its sessions and events.
KEY_FILE, SECRET_FILE = "stripe-api-key", "stripe-webhook-secret"
STATE_FILE = "stripe-stand-in.json"
WEBHOOK_PATH = "/api/webhooks/stripe"


class LocalCardCompany:
    """The stand-in of a deployment: it starts when it is made, and ends with the context.

    Its key and signing secret are made once and kept in the data directory, mode 0600; a
    `BURSAR_STRIPE_WEBHOOK_SECRET` that is set is used instead, the first of several. Should it die
    before the service does, the service goes on without cards.
    """

    def __init__(self, deployment: Deployment, say: Callable[[str], None]) -> None:
        self._say = say
        self._key = deployment.keep_secret(KEY_FILE, f"sk_test_{secrets.token_hex(24)}")
        named = [part.strip() for part in deployment.settings.stripe_webhook_secret.split(",")]
        self._secrets = ",".join(filter(None, named)) or deployment.keep_secret(
            SECRET_FILE, f"whsec_{secrets.token_hex(32)}"
        )
        self._process = StandIn(
            self._secrets.partition(",")[0],
            api_key=self._key,
            state=deployment.data.resolve() / STATE_FILE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.stop()

    @property
    def address(self) -> str:
        """Where it answers; waits until it does. Raises `CommandError` when it does not start."""
        try:
            return self._process.address
        except RuntimeError as error:
            raise CommandError(str(error), FAILED) from None

    def add_to(self, settings: Settings) -> Settings:
        """Return the settings of a service whose card company this is."""
        return replace(
            settings,
            stripe_api_base=self.address,
            stripe_api_key=self._key,
            stripe_webhook_secret=self._secrets,
        )

    def serve(self, address: str) -> None:
        """Send events to the service at `address` from now on."""
        try:
            self._process.send_events_to(address + WEBHOOK_PATH)
        except httpx.HTTPError:
            self._say("The local card company does not answer: nothing can be paid by card.")
