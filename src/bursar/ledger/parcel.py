"""Requests on their way to the database, checked and encoded once, and the answer they wait for.

What is wrong with a request on its face is refused here, without a round trip; the database checks
everything again.
"""

import asyncio
import math
import os
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bursar.errors import BursarError
from bursar.ledger.answer import refusal

AMOUNT_MAX = 10**15
KEY_LENGTH_MAX = 255
# One request; a cart of 500 items is about 20,000 bytes.
REQUEST_BYTES_MAX = 1_048_576

_VERB = re.compile(r"[a-z][a-z_]{0,62}")
_PRINTABLE_ASCII = re.compile(rf"[\x20-\x7e]{{1,{KEY_LENGTH_MAX}}}")
# PostgreSQL's jsonb has no NUL; one such request would fail the whole batch it travels in.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PAYER_FIELDS = (
    "owner_id",
    "collector_id",
    "user_id",
    "buyer_workspace_id",
    "workspace_id",
    "purchase_id",
    "hold_id",
    "transaction_id",
)
_PLAIN = frozenset((str, int, bool, type(None)))
_encode = msgspec.json.Encoder().encode

Answer = dict[str, Any] | BursarError


class Body:
    """One checked request: its bytes, its key and the wallet that decides its place in line.

    `unseen` once the connection was lost in a try whose end nobody saw: it may have been committed.
    """

    __slots__ = ("bytes", "key", "payer", "unseen")

    def __init__(self, encoded: bytes, key: str, payer: str) -> None:
        self.bytes = encoded
        self.key = key
        self.payer = payer
        self.unseen = False


class Parcel:
    """Requests of one verb that travel together and are answered together.

    A single call is a parcel of one. `pending` are the positions that have no final answer yet.
    """

    __slots__ = (
        "answer",
        "answers",
        "bodies",
        "patience",
        "pending",
        "quarantine",
        "quarantined",
        "unsent_until",
        "verb",
    )

    def __init__(
        self,
        verb: str,
        bodies: list[Body],
        answer: asyncio.Future[list[Answer]],
        unsent_until: float,
    ) -> None:
        self.verb = verb
        self.bodies = bodies
        self.answer = answer
        self.answers: list[Answer] = [{}] * len(bodies)
        self.pending = list(range(len(bodies)))
        self.unsent_until = unsent_until
        # While its payer is busy: which payer, how many requests count there, and what ends it.
        self.quarantine = ""
        self.quarantined = 0
        self.patience: asyncio.TimerHandle | None = None

    @property
    def payer(self) -> str:
        """The wallet that decides the lane."""
        return self.bodies[0].payer

    def settle(self) -> None:
        """Hand the answers over, unless the caller went away meanwhile."""
        if not self.answer.done():
            self.answer.set_result(self.answers)


def mint_key() -> str:
    """Return a new idempotency key for a request that came without one."""
    return "minted-" + os.urandom(16).hex()


def check(verb: str, request: Mapping[str, Any]) -> Body | dict[str, Any]:
    """Return the request ready to travel, or the outcome that refuses it as `MALFORMED`."""
    if not _VERB.fullmatch(verb):
        raise ValueError("A verb is a lower-case name.")
    amount = request.get("amount")
    if amount is not None:
        # `type` and not `isinstance`: a boolean is an int to Python, and not an amount to us.
        least = -AMOUNT_MAX if verb == "adjust" or request.get("verb") == "adjust" else 1
        if type(amount) is not int or not least <= amount <= AMOUNT_MAX or amount == 0:
            return _malformed(verb, "amount", "must be a whole number from 1 to 10^15")
    key = request.get("key")
    if key is None:
        key = mint_key()
        request = {**request, "key": key}
    elif type(key) is not str or not _PRINTABLE_ASCII.fullmatch(key):
        return _malformed(verb, "key", f"must be 1 to {KEY_LENGTH_MAX} printable ASCII characters")
    try:
        encoded = _encode(request)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return _malformed(verb, "request", "must be representable as JSON")
    if len(encoded) > REQUEST_BYTES_MAX:
        return _malformed(verb, "request", f"must not exceed {REQUEST_BYTES_MAX} bytes")
    # For a number that JSON has not, msgspec writes null, which the database takes for "not given".
    if b"null" in encoded and (place := _endless_number(request)):
        return _malformed(verb, place, "must be a finite number")
    if b"\\u0000" in encoded and _NUL.search(encoded):
        return _malformed(verb, "request", "must not contain NUL characters")
    return Body(encoded, key, _payer_of(request))


def _endless_number(request: Mapping[str, Any]) -> str:
    """Where a number stands that is infinite or none at all, as `metadata.rates[2]`; or ""."""
    # Each with the way to it, which is written out only when it is wanted.
    left: list[tuple[tuple[Any, ...], Any]] = [((), request)]
    while left:
        way, inside = left.pop()
        for name, value in inside.items() if isinstance(inside, dict) else enumerate(inside):
            kind = type(value)
            if kind in _PLAIN:
                continue
            plain = value if kind is dict else msgspec.to_builtins(value)
            if isinstance(plain, (dict, list, tuple)):
                left.append(((way, name), plain))
            elif isinstance(plain, float) and not math.isfinite(plain):
                return _written((way, name))
    return ""


def _written(way: tuple[Any, ...]) -> str:
    steps: list[str] = []
    while way:
        way, name = way
        steps.append(f"[{name}]" if isinstance(name, int) else f".{name}")
    return "".join(reversed(steps)).removeprefix(".")


def _payer_of(request: Mapping[str, Any]) -> str:
    for field in _PAYER_FIELDS:
        value = request.get(field)
        if value is not None:
            return str(value)
    return ""


def _malformed(verb: str, field: str, complaint: str) -> dict[str, Any]:
    return refusal(verb, "MALFORMED", f"{field} {complaint}.", {"field": field})
