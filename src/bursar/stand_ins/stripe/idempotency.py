"""Answers that are remembered by their idempotency key, as Stripe remembers them."""

import copy
import hashlib
from typing import Any

import msgspec

from bursar.stand_ins.stripe.api_error import ApiError

KEYS_MAX = 10_000
KEY_LENGTH_MAX = 255
KEEP_SECONDS = 86_400


class Kept(msgspec.Struct, kw_only=True):
    """The answer to a call; while the call is under way there is none yet."""

    fingerprint: str
    request_id: str
    at: float
    status: int | None = None
    body: dict[str, Any] = {}


class Memory:
    """Keys and answers, for a day."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    def begin(
        self, key: str, path: str, params: dict[str, Any], request_id: str, now: float
    ) -> Kept | None:
        """Return the answer that the key has, or None: then the call is to be carried out.

        Raises `ApiError` when the key belongs to another request, or to one under way.
        """
        if len(key) > KEY_LENGTH_MAX:
            raise ApiError(
                400,
                f"The idempotency key is too long: at most {KEY_LENGTH_MAX} characters.",
                kind="idempotency_error",
            )
        request = msgspec.json.encode([path, params], order="deterministic")
        fingerprint = hashlib.sha256(request).hexdigest()
        known = self.kept.get(key)
        if known is not None and now - known.at < KEEP_SECONDS:
            return self._recall(key, known, fingerprint, path)
        self.kept.pop(key, None)
        self.kept[key] = Kept(fingerprint=fingerprint, request_id=request_id, at=now)
        while len(self.kept) > KEYS_MAX:
            del self.kept[next(iter(self.kept))]
        return None

    def end(self, key: str, status: int, body: dict[str, Any]) -> None:
        """Remember the answer to the call that began with this key."""
        if key in self.kept:
            self.kept[key].status = status
            self.kept[key].body = copy.deepcopy(body)

    def forget(self, key: str) -> None:
        """Let go of a key whose call was not carried out."""
        if key in self.kept and self.kept[key].status is None:
            del self.kept[key]

    def _recall(self, key: str, known: Kept, fingerprint: str, path: str) -> Kept:
        if known.fingerprint != fingerprint:
            raise ApiError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}' if you meant to execute a"
                " different request.",
                kind="idempotency_error",
            )
        if known.status is None:
            raise ApiError(
                409,
                "There is currently another in-progress request using this Stripe idempotency key"
                f" ({path}): '{key}'. Please try again later.",
                kind="idempotency_error",
                code="idempotency_key_in_use",
                headers={"stripe-should-retry": "true"},
            )
        return known
