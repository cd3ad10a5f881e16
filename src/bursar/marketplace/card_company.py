"""Our side of the card company: the few calls that Bursar makes to Stripe.

Nothing here touches the database, and nothing here is believed about money: what was paid is what
the signed events say (`card_event.py`).
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import stripe

from bursar.marketplace.card_wire import CardWire
from bursar.settings import Settings

# Two tries of the default ten seconds, and the pause between them, fit into one HTTP request.
RETRIES = 1
ITEMS_MAX = 100
NAME_MAX = 250
# What Stripe allows for a session, in seconds, with a minute left for clocks that differ.
SESSION_SECONDS_MIN, SESSION_SECONDS_MAX = 30 * 60 + 60, 24 * 3600 - 60
_LIVE = ("sk_live_", "rk_live_")
_KEY = re.compile(r"\b(?:[sr]k|whsec)_\w+(?:\*+\w*)?")
_T = TypeVar("_T")


class CardCompanyError(Exception):
    """The card company did not do what it was asked.

    `retriable`: the same call, with the same arguments, may go well later, and is then carried out
    at most once, since every call has its idempotency key. `code` is Stripe's, where it gave one.
    """

    def __init__(self, sentence: str, *, retriable: bool, code: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.retriable = retriable
        self.code = code


class CardItem(NamedTuple):
    """One thing that is paid for: what the buyer reads, and its price in minor units of money."""

    name: str
    amount: int


class CardSession(NamedTuple):
    """A checkout session. `url` is where the buyer pays, empty once it is not open any more.

    `payment_id` is ours, as it was given when the session was opened. `expires_at` is in seconds
    since 1970, `amount` in minor units. `payment_intent` is empty until somebody paid.
    """

    id: str
    url: str
    expires_at: int
    status: str
    payment_status: str
    payment_intent: str
    payment_id: str
    amount: int
    currency: str


def mode_of(settings: Settings) -> Literal["live", "test"]:
    """Whether real money moves, which is a matter of the key."""
    return "live" if settings.stripe_api_key.startswith(_LIVE) else "test"


def session_end(settings: Settings, now: float) -> int:
    """When a session that is opened at `now` should end, within what Stripe allows.

    Both in seconds since 1970. Whoever asks again for the same session passes the same end.
    """
    wanted = settings.checkout_minutes * 60
    return int(now) + min(max(wanted, SESSION_SECONDS_MIN), SESSION_SECONDS_MAX)


class CardCompany:
    """Stripe, or whatever speaks as it does at `stripe_api_base`.

    Each try of a call ends within `stripe_timeout_ms`; a lost one is tried once more with the same
    idempotency key. Every method raises `CardCompanyError` and nothing else. Call `close` at the
    end. Raises `ValueError` when there is no key.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.stripe_api_key:
            raise ValueError("There are no cards without BURSAR_STRIPE_API_KEY.")
        # A setting of the whole library: it would write a file and report how long calls took.
        stripe.enable_telemetry = False
        base = settings.stripe_api_base.rstrip("/")
        self._settings = settings
        self._wire = CardWire(base, settings.stripe_timeout_ms / 1000)
        self._client = stripe.StripeClient(
            settings.stripe_api_key,
            base_addresses={"api": base},
            http_client=self._wire,
            max_network_retries=RETRIES,
        )

    async def open_session(
        self,
        payment_id: str,
        amount: int,
        currency: str,
        description: str,
        items: Sequence[CardItem],
        expires_at: int,
        *,
        success_url: str = "",
        cancel_url: str = "",
    ) -> CardSession:
        """Open the one checkout session of a payment, and return it.

        `amount` is what is charged, in minor units; the items are what the buyer reads, and are
        replaced by the description when there are more than a hundred or they add up to something
        else. The addresses are by default those of the settings; `{CHECKOUT_SESSION_ID}` in the
        first is filled in. The same arguments again return the same session, for at least a day.
        """
        to = success_url or self._settings.checkout_success_url
        back = cancel_url or self._settings.checkout_cancel_url
        if not to:
            raise CardCompanyError(
                "Nobody knows where buyers return to. Set BURSAR_CHECKOUT_SUCCESS_URL.",
                retriable=False,
            )
        names = {"bursar_payment_id": payment_id}
        params: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": payment_id,
            "metadata": names,
            "payment_intent_data": {"metadata": names, "description": _shown(description)},
            "line_items": _lines(amount, currency, description, items),
            "expires_at": expires_at,
            "success_url": to,
            **({"cancel_url": back} if back else {}),
        }
        return await self._ask(
            self._client.v1.checkout.sessions.create_async(
                params=params,  # type: ignore[arg-type]  # made of plain dictionaries
                options={"idempotency_key": f"bursar-session-{payment_id}"},
            ),
            _session,
        )

    async def read_session(self, session_id: str) -> CardSession:
        """Return a session as it is now."""
        call = self._client.v1.checkout.sessions.retrieve_async(session_id)
        return await self._ask(call, _session)

    async def expire_session(self, session_id: str) -> CardSession:
        """End an open session, so that nobody can pay it any more, and return it.

        One that was paid or has expired meanwhile is returned as it is: look at its status.
        """
        try:
            call = self._client.v1.checkout.sessions.expire_async(session_id)
            return await self._ask(call, _session)
        except CardCompanyError as error:
            if error.retriable:
                raise
        session = await self.read_session(session_id)
        if session.status == "open":
            raise CardCompanyError(
                f"Stripe did not expire the session {session_id}, which is still open.",
                retriable=True,
            )
        return session

    async def refund(self, refund_id: str, payment_intent: str, amount: int) -> str:
        """Give `amount` minor units of a payment back, and return the id of Stripe's refund.

        `refund_id` is ours: the same one again gives nothing a second time.
        """
        return await self._ask(
            self._client.v1.refunds.create_async(
                params={
                    "payment_intent": payment_intent,
                    "amount": amount,
                    "metadata": {"bursar_refund_id": refund_id},
                },
                options={"idempotency_key": f"bursar-refund-{refund_id}"},
            ),
            _refund,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close_async()

    async def _ask(self, call: Awaitable[Any], read: Callable[[Any], _T]) -> _T:
        try:
            return read(await call)
        except stripe.StripeError as error:
            raise _explained(error) from None
        except (ValueError, TypeError, AttributeError):
            raise CardCompanyError("Stripe's answer cannot be read.", retriable=True) from None


def _lines(
    amount: int, currency: str, description: str, items: Sequence[CardItem]
) -> list[dict[str, Any]]:
    if not 0 < len(items) <= ITEMS_MAX or sum(item.amount for item in items) != amount:
        items = [CardItem(description, amount)]
    return [
        {
            "quantity": 1,
            "price_data": {
                "currency": currency,
                "unit_amount": item.amount,
                "product_data": {"name": _shown(item.name)},
            },
        }
        for item in items
    ]


def _shown(text: str) -> str:
    """A text as Stripe takes it: neither empty nor long."""
    return text.strip()[:NAME_MAX].strip() or "Purchase"


def _session(made: Any) -> CardSession:
    return CardSession(
        id=str(made.id),
        url=made.url or "",
        expires_at=int(made.expires_at),
        status=made.status or "",
        payment_status=made.payment_status or "",
        payment_intent=made.payment_intent or "",
        payment_id=made.client_reference_id or "",
        amount=made.amount_total or 0,
        currency=made.currency or "",
    )


def _refund(made: Any) -> str:
    if made.status in ("failed", "canceled"):
        raise CardCompanyError(
            f"Stripe took the refund {made.id}, but it is {made.status}. Look at it at Stripe.",
            retriable=False,
            code="refund_failed",
        )
    return str(made.id)


def _explained(error: stripe.StripeError) -> CardCompanyError:
    """What went wrong in a sentence that a person can act on, and that holds no key."""
    said = _KEY.sub("(key)", " ".join((error.user_message or "").split()))[:300]
    code = error.code or ""
    named = f" Stripe calls this request {error.request_id}." if error.request_id else ""
    if isinstance(error, stripe.APIConnectionError):
        return CardCompanyError(f"Stripe cannot be reached. {said}", retriable=True)
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        sentence = f"Stripe does not accept the key. Correct BURSAR_STRIPE_API_KEY.{named}"
        return CardCompanyError(sentence, retriable=False, code=code)
    if isinstance(error, stripe.IdempotencyError):
        sentence = f"This was asked of Stripe before with other terms, and those stand.{named}"
        return CardCompanyError(sentence, retriable=False, code=code)
    if isinstance(error, stripe.RateLimitError | stripe.APIError):
        sentence = f"Stripe is busy or out of order. Try again later.{named}"
        return CardCompanyError(sentence, retriable=True, code=code)
    return CardCompanyError(f"Stripe refused: {said}{named}", retriable=False, code=code)
