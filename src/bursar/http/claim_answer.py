"""How the addresses below `/functions/v1` say yes and no: the words that apps in the field know.

An app keeps its `error` word and its status for as long as it is installed, so both are fixed here
and do not follow the registry. `code` is the registry's, for whoever wants to know it exactly.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from bursar.http.exchange import Answer
from bursar.http.problem import ProblemError

Words = Mapping[str, tuple[int, str]]
# Code of ours, to the status and the word that an app is told.
_WORDS: dict[str, tuple[int, str]] = {
    "MALFORMED": (400, "invalid_request"),
    "UNAUTHENTICATED": (401, "unauthorized"),
    "SKU_DISABLED": (403, "sku_disabled"),
    "UNKNOWN_TRANSACTION": (404, "unknown_transaction"),
    "CAP_EXCEEDED": (409, "cap_exceeded"),
    "TRANSACTION_OWNED_BY_OTHER": (409, "transaction_owned_by_other"),
    "BOOSTER_ACTIVE": (409, "booster_active"),
    "TRANSACTION_REFUNDED": (410, "transaction_refunded"),
    "FAULT": (500, "internal_error"),
    "WALLET_CLOSED": (500, "wallet_update_error"),
    "BALANCE_LIMIT": (500, "wallet_update_error"),
    "DEGRADED": (503, "degraded"),
    "BUSY": (503, "busy"),
    "UNAVAILABLE": (503, "busy"),
    "OUTCOME_UNKNOWN": (503, "busy"),
}
# Where nothing is claimed, a wallet that cannot take part is said to be what it is.
GENERATION_WORDS: Words = {
    code: told for code, told in _WORDS.items() if told[1] != "wallet_update_error"
}
# What a claim that was accepted waits for, in a sentence for the person who made it.
_WAITS_FOR = {
    "opening": "Your purchase is safe. It will be added as soon as claims are open again.",
    "purchase": "Your purchase is safe. It will be added as soon as the store confirms it.",
    "database": "Your purchase is safe. It will be added in a moment.",
}
_encode = msgspec.json.Encoder().encode


class FunctionError(msgspec.Struct, kw_only=True):
    """An answer that says no. `error` is a word that does not change, `message` is for people."""

    success: bool
    error: str
    code: str
    message: str
    details: dict[str, Any]
    status_message: str | None = None


def said_no(problem: ProblemError, status_message: str, words: Words = _WORDS) -> Answer:
    """Return the answer that says no, with what the operators want users to know, if anything."""
    status, word = words.get(problem.code, (problem.status, problem.code.lower()))
    body: dict[str, Any] = {
        "success": False,
        "error": word,
        "code": problem.code,
        "message": problem.sentence,
        "details": problem.details or {},
    }
    if status_message:
        body["status_message"] = status_message
    return Answer(status, _encode(body), problem.headers, code=problem.code)


def said_yes(told: dict[str, Any], *, replayed: bool = False) -> Answer:
    """Return the answer that says that it was done."""
    headers = [(b"idempotent-replayed", b"true")] if replayed else []
    return Answer(200, _encode({"success": True, **told}), headers)


def said_later(waits_for: str, status_message: str) -> Answer:
    """Return the answer that says that it was accepted, and what it waits for."""
    body = {
        "success": True,
        "queued": True,
        "waits_for": waits_for,
        "message": _WAITS_FOR.get(waits_for, _WAITS_FOR["database"]),
    }
    if status_message:
        body["status_message"] = status_message
    return Answer(202, _encode(body))


def word_of(answer: Answer, words: Words = _WORDS) -> str | None:
    """Return the word of an answer that said no, None of one that said yes."""
    if answer.status < 400:
        return None
    return words.get(answer.code, (0, answer.code.lower()))[1]
