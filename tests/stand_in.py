"""The local stand-in for Stripe as tests use it, and a webhook that keeps what arrives."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import stripe

from bursar.stand_ins.stripe.process import StandIn as StandIn  # for tests of lower floors
from tests.patience import PATIENCE_SECONDS

SECRET = "whsec_known_to_these_tests_only"
KEY = "sk_test_known_to_these_tests_only"
# Nothing here is waited for in the hope that it does not come: this bounds what must come.
# A refused event is posted again soon, and sessions may be short and cheap.
SOON = ("--retry-ms", "50", "--shortest-session", "1", "--settle-seconds", "0.3")


class Arrival(NamedTuple):
    """One request to the webhook."""

    body: bytes
    signature: str
    at: float

    @property
    def event(self) -> dict[str, Any]:
        """The event that was posted, unverified."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def thing(self) -> dict[str, Any]:
        """The object of the event."""
        found: dict[str, Any] = self.event["data"]["object"]
        return found


class Mailbox:
    """A webhook. It answers 200, or first what is in `answers`, and keeps what arrives."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.answers: list[int] = []
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                signature = self.headers.get("stripe-signature", "")
                mailbox.arrivals.append(Arrival(body, signature, time.monotonic()))
                self.send_response(mailbox.answers.pop(0) if mailbox.answers else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/webhooks/stripe"

    def types(self) -> list[str]:
        """The types of what arrived, in the order of arrival."""
        return [arrival.event["type"] for arrival in list(self.arrivals)]

    def wait_for(self, count: int, kind: str = "") -> list[Arrival]:
        """Return the arrivals, of one type if it is named, once there are so many."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = [one for one in list(self.arrivals) if kind in ("", one.event["type"])]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{count} were expected; there are {self.types()}"
            time.sleep(0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def stand_in(
    webhook: str = "",
    *,
    secret: str = SECRET,
    state: Path | None = None,
    options: Sequence[str] = SOON,
) -> Iterator[StandIn]:
    """A running stand-in that posts to `webhook` and accepts `KEY`."""
    more = (*options, *(("--webhook", webhook) if webhook else ()))
    with StandIn(secret, api_key=KEY, state=state, options=more) as made:
        assert made.address
        yield made


@contextlib.contextmanager
def stock_client(address: str, key: str = KEY, retries: int = 0) -> Iterator[stripe.StripeClient]:
    """The stock library's client, for an address."""
    stripe.enable_telemetry = False
    http = stripe.RequestsClient()
    try:
        yield stripe.StripeClient(
            key, base_addresses={"api": address}, http_client=http, max_network_retries=retries
        )
    finally:
        http.close()  # type: ignore[no-untyped-call]  # Stripe's


def signed(event: Any, secrets: Sequence[str] = (SECRET,), at: int | None = None) -> dict[str, Any]:
    """Return body and headers of an event as the card company posts it, signed by its library."""
    body = json.dumps(event, indent=2, ensure_ascii=False)
    sign = stripe.WebhookSignature.generate_signature_header
    first, *others = (sign(body, secret, at) for secret in secrets)
    marks = [first, *(header.partition(",")[2] for header in others)]
    return {"content": body.encode(), "headers": {"stripe-signature": ",".join(marks)}}


def session_params(amount: int = 1200, **more: Any) -> Any:
    """The parameters of a session, as Bursar's are."""
    return {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": amount,
                    "product_data": {"name": "A lead & more"},
                },
                "quantity": 1,
            }
        ],
        "success_url": "http://127.0.0.1:1/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:1/back",
        "client_reference_id": "payment-1",
        "metadata": {"bursar_payment_id": "payment-1"},
        "payment_intent_data": {"metadata": {"bursar_payment_id": "payment-1"}},
        "expires_at": int(time.time()) + 3600,
        **more,
    }
