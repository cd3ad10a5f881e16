"""Events of the card company: whether one is genuine, new enough, and meant for us."""

import re
from typing import Any, Literal

import msgspec
import stripe

from bursar.marketplace.card_company import mode_of
from bursar.settings import Settings

SIGNATURE_BYTES_MAX = 4096
# As long, and as late, as the inbox keeps them.
_LENGTH_MAX = {"id": 255, "type": 100}
_TIME_MAX = 32_503_680_000  # the end of the year 2999
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_NAME = re.compile(r"[!-~]+")
_NOUGHT = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Code = Literal["SIGNATURE_INVALID", "MODE_MISMATCH", "MALFORMED"]


class EventRefused(Exception):
    """What arrived is no event that may be believed, for the reason that the sentence says."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def read_event(body: bytes, signature: str, settings: Settings, now: float) -> dict[str, Any]:
    """Return the event in `body`, which the header `Stripe-Signature` vouches for.

    The signature is checked over the bytes as they came, with any of the secrets of the settings;
    its time may be `stripe_tolerance_seconds` from `now` (seconds since 1970), either way. The
    event must be of the mode of our key, and have an id, a type, a time and an object.

    Raises `EventRefused`: `SIGNATURE_INVALID` when anything of that is not so, `MODE_MISMATCH` for
    a test event where real money moves, or the reverse, and `MALFORMED` for what is no event.
    """
    _verify(body, signature, settings, now)
    event = _decode(body)
    live = event.get("livemode")
    if not isinstance(live, bool):
        raise EventRefused("MALFORMED", "The event does not say whether it is live.")
    mode = mode_of(settings)
    if live != (mode == "live"):
        other = "live" if live else "test"
        raise EventRefused(
            "MODE_MISMATCH", f"This is a {other} event, and BURSAR_STRIPE_API_KEY is a {mode} key."
        )
    return event


def _verify(body: bytes, signature: str, settings: Settings, now: float) -> None:
    parts = (part.strip() for part in settings.stripe_webhook_secret.split(","))
    # What is left between two commas would be a secret that everybody knows.
    secrets = [part for part in parts if part]
    if not secrets:
        raise EventRefused(
            "SIGNATURE_INVALID",
            "No signing secret is configured. Set BURSAR_STRIPE_WEBHOOK_SECRET.",
        )
    signed_at = _time_of(signature)
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise EventRefused(
            "SIGNATURE_INVALID", "The body is not what was signed, or not with a secret of ours."
        )
    # The library looks at the past alone, and not at all where the tolerance is nought.
    if abs(now - signed_at) > settings.stripe_tolerance_seconds:
        when = "long ago" if signed_at < now else "in the future"
        raise EventRefused(
            "SIGNATURE_INVALID",
            f"The event was signed {when}: more than {settings.stripe_tolerance_seconds} seconds"
            " from the time of our clock.",
        )


def _time_of(signature: str) -> int:
    """When the header was made. There must be exactly one time in it, so that all read the same."""
    if not signature:
        raise EventRefused("SIGNATURE_INVALID", "The header Stripe-Signature is missing.")
    if len(signature) > SIGNATURE_BYTES_MAX or not signature.isascii():
        raise EventRefused("SIGNATURE_INVALID", "The header Stripe-Signature cannot be read.")
    times = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    if len(times) != 1 or _TIMESTAMP.fullmatch(times[0]) is None:
        raise EventRefused("SIGNATURE_INVALID", "The header Stripe-Signature cannot be read.")
    return int(times[0])


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, tolerance=None)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _decode(body: bytes) -> dict[str, Any]:
    try:
        event: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise EventRefused("MALFORMED", "The body is not JSON.") from None
    if not isinstance(event, dict):
        raise EventRefused("MALFORMED", "The body is no JSON object.")
    if _NOUGHT.search(body):
        raise EventRefused("MALFORMED", "The body holds a character that no database keeps.")
    for name, longest in _LENGTH_MAX.items():
        value = event.get(name)
        if not isinstance(value, str) or len(value) > longest or not _NAME.fullmatch(value):
            raise EventRefused("MALFORMED", f"The event has no {name}.")
    created = event.get("created")
    if not isinstance(created, int) or isinstance(created, bool) or not 0 <= created <= _TIME_MAX:
        raise EventRefused("MALFORMED", "The event does not say when it was created.")
    data = event.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        raise EventRefused("MALFORMED", "The event has no object.")
    return event
