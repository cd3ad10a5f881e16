"""Events of RevenueCat: who may bring them, and what one must hold to be kept.

RevenueCat sends an Authorization header that was agreed upon in its dashboard and, where signing is
turned on there, `X-RevenueCat-Webhook-Signature: t=<seconds>,v1=<hex>`: the HMAC-SHA256 of the
time, a full stop and the raw body; several `v1` while a secret is replaced
(https://www.revenuecat.com/docs/integrations/webhooks). Each delivery is signed anew, so an old
signature is a delivery that somebody has kept. An older guide of theirs names
`X-RevenueCat-Signature`, the HMAC of the body alone; it is taken where the other is missing.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from bursar.settings import Settings

AUTHORIZATION = b"authorization"
SIGNATURE, OLD_SIGNATURE = b"x-revenuecat-webhook-signature", b"x-revenuecat-signature"
TOLERANCE_SECONDS = 300
SIGNATURE_BYTES_MAX = 4096
DEPTH_MAX = 100
_LENGTH_MAX = {"id": 255, "type": 100}
_ABOUT_A_PURCHASE = {"transaction_id": 200, "app_user_id": 255, "product_id": 200}
# Events of these types are about one purchase, and must say which.
PURCHASE_TYPES = frozenset(
    {
        *("INITIAL_PURCHASE", "NON_RENEWING_PURCHASE", "RENEWAL", "TEMPORARY_ENTITLEMENT_GRANT"),
        *("EXPIRATION", "CANCELLATION", "UNCANCELLATION", "REFUND_REVERSED", "PRODUCT_CHANGE"),
    }
)
_TIME_MS_MAX = 32_503_680_000_000  # the end of the year 2999
_PRINTABLE = re.compile(r"[ -~]+")
# What no database keeps: NUL, and halves of surrogate pairs.
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")

Code = Literal["NOT_CONFIGURED", "UNAUTHENTICATED", "MALFORMED"]


class EventRefused(Exception):
    """What arrived is no event that may be believed, for the reason that the sentence says."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def check_sender(
    headers: Mapping[bytes, bytes], body: bytes, settings: Settings, now: float
) -> None:
    """Return when all that the settings ask for is right: the header, the signature, or both.

    Secrets are compared in a time that does not depend on where they differ. Raises `EventRefused`,
    with `NOT_CONFIGURED` where the settings ask for nothing: then nobody is believed.
    """
    expected, secret = settings.revenuecat_authorization, settings.revenuecat_signature_secret
    if not expected and not secret:
        raise EventRefused(
            "NOT_CONFIGURED",
            "Events of RevenueCat are not taken here: set BURSAR_REVENUECAT_AUTHORIZATION to the"
            " Authorization header that its dashboard was told to send.",
        )
    given = headers.get(AUTHORIZATION, b"").strip()
    if expected and not hmac.compare_digest(given, expected.encode()):
        raise EventRefused("UNAUTHENTICATED", "The Authorization header is not the agreed one.")
    if secret and not _is_signed(headers, body, secret.encode(), now):
        raise EventRefused("UNAUTHENTICATED", "The signature is not ours, or not of this moment.")


def _is_signed(headers: Mapping[bytes, bytes], body: bytes, secret: bytes, now: float) -> bool:
    header = headers.get(SIGNATURE)
    if header is None:
        old = headers.get(OLD_SIGNATURE, b"").strip().lower()
        return hmac.compare_digest(old, _mark(secret, body))
    if len(header) > SIGNATURE_BYTES_MAX:
        return False
    parts = [part.strip() for part in header.split(b",")]
    times = [part[2:] for part in parts if part.startswith(b"t=")]
    if len(times) != 1 or not re.fullmatch(rb"[0-9]{1,12}", times[0]):
        return False
    if abs(now - int(times[0])) > TOLERANCE_SECONDS:
        return False
    mark = _mark(secret, times[0] + b"." + body)
    given = [part[3:].lower() for part in parts if part.startswith(b"v1=")]
    # Every one is compared, so that the time does not tell which of them was right.
    return sum(hmac.compare_digest(one, mark) for one in given) > 0


def _mark(secret: bytes, signed: bytes) -> bytes:
    return hmac.new(secret, signed, hashlib.sha256).hexdigest().encode()


def read_event(body: bytes) -> dict[str, Any]:
    """Return the event in a body that RevenueCat sent. Raises `EventRefused` with `MALFORMED`.

    Unknown types and fields are let through. It has what the inbox needs: an id, a type and a time,
    and if it is about a purchase, whose and of what. Characters that no database keeps, which a
    user may have put into an attribute, are replaced, and numbers too large for any are left out,
    so that they do not cost anybody a purchase.
    """
    try:
        sent = json.loads(body.decode("utf-8", "replace"), parse_constant=_no_constant)
        event = _keepable(sent.get("event") if isinstance(sent, dict) else None)
    except (ValueError, RecursionError):
        raise EventRefused("MALFORMED", "The body is not JSON.") from None
    if not isinstance(event, dict):
        raise EventRefused("MALFORMED", 'The body has no object "event".')
    for name, longest in _LENGTH_MAX.items():
        _check_text(event, name, longest)
    at = event.get("event_timestamp_ms")
    if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at <= _TIME_MS_MAX:
        raise EventRefused("MALFORMED", "The event has no event_timestamp_ms.")
    if event["type"] in PURCHASE_TYPES and event.get("transaction_id") is not None:
        for name, longest in _ABOUT_A_PURCHASE.items():
            _check_text(event, name, longest)
        user_id = event["app_user_id"]
        if user_id != user_id.strip(" ") or user_id.startswith("system:"):
            raise EventRefused("MALFORMED", "The event's app_user_id cannot own anything.")
    return event


def _check_text(event: dict[str, Any], name: str, longest: int) -> None:
    value = event.get(name)
    if not isinstance(value, str) or len(value) > longest or not _PRINTABLE.fullmatch(value):
        raise EventRefused("MALFORMED", f"The event has no {name} that can be kept.")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")


def _keepable(value: Any, depth: int = 0) -> Any:
    if depth > DEPTH_MAX:
        raise ValueError("It is nested too deeply.")
    if isinstance(value, str):
        return _UNKEEPABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {
            _UNKEEPABLE.sub("\ufffd", name): _keepable(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_keepable(inner, depth + 1) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
