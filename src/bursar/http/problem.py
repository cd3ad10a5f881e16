"""Answers that say no: RFC 9457 problem bodies, and PostgREST's error bodies for its doors."""

from collections.abc import Iterable
from typing import Any

import msgspec

from bursar.errors import BY_CODE, OutcomeUnknown

PROBLEM_JSON = b"application/problem+json"
RETRY_AFTER_SECONDS = 1

# What the doors themselves say no with; the rules' own refusals are in the registry.
DOOR_CODES: dict[str, str] = {
    "UNAUTHENTICATED": "A valid token is needed",
    "CSRF_REFUSED": "The request is not the session's own",
    "NOT_FOUND": "There is nothing at this address",
    "METHOD_NOT_ALLOWED": "This address does not take that method",
    "BODY_TOO_LARGE": "The body is too large",
    "HEAD_TOO_LARGE": "The request's head is too large",
    "UNSUPPORTED_MEDIA_TYPE": "The body must be JSON",
    "TIMEOUT": "The request took too long",
    "NOT_CONFIGURED": "This has not been set up here",
    "SIGNATURE_INVALID": "The event's signature is not to be trusted",
    "MODE_MISMATCH": "The event is of the other mode, live or test",
    "CARD_UNAVAILABLE": "Cards cannot be charged right now",
    "UNAVAILABLE": "The database cannot be reached",
    "OUTCOME_UNKNOWN": "The outcome is not known yet",
    "FAULT": "Something failed that must not",
}

_encode = msgspec.json.Encoder().encode


class ProblemError(Exception):
    """Ends a request with an answer that says no.

    `code` is one of the registry's, one of `DOOR_CODES`, or, at the doors that speak as PostgREST
    does, one of its own or an SQLSTATE. `sentence` is for the person who reads it. A 429 or 503
    says when to send the same request `again`, where that is right.
    """

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        details: dict[str, Any] | str | None = None,
        *,
        hint: str | None = None,
        headers: Iterable[tuple[bytes, bytes]] = (),
        again: bool = True,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.details = details
        self.hint = hint
        self.headers = list(headers)
        if (
            again
            and status in (429, 503)
            and not any(name == b"retry-after" for name, _ in self.headers)
        ):
            self.headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))


def of_refusal(outcome: dict[str, Any]) -> ProblemError:
    """Return the problem that a refused outcome is answered with."""
    code = str(outcome.get("code", "FAULT"))
    message = str(outcome.get("message") or code)
    refusal = BY_CODE.get(code)
    sentence = message.removeprefix(f"{code}: ")
    headers: list[tuple[bytes, bytes]] = []
    if outcome.get("replayed"):
        headers.append((b"idempotent-replayed", b"true"))
    details = outcome.get("details")
    wait = details.get("retry_after_seconds") if isinstance(details, dict) else None
    if isinstance(wait, int) and wait > 0:
        headers.append((b"retry-after", str(wait).encode()))
    return ProblemError(
        refusal.http_status if refusal else 500,
        code,
        sentence,
        details,
        hint=refusal.hint if refusal else None,
        headers=headers,
    )


def refused(
    code: str, sentence: str | None = None, details: dict[str, Any] | None = None
) -> ProblemError:
    """Return a refusal of the registry that a door gives by itself."""
    refusal = BY_CODE[code]
    return ProblemError(
        refusal.http_status, code, sentence or refusal.sentence, details or {}, hint=refusal.hint
    )


def malformed(field: str, complaint: str) -> ProblemError:
    """Return the 422 problem for a request whose `field` cannot be read."""
    sentence = f"{field}: {complaint}" if field else complaint
    return refused("MALFORMED", sentence, {"field": field, "problem": complaint})


def of_unknown(error: OutcomeUnknown) -> ProblemError:
    """Return the problem for an outcome that could not be learned.

    It names the key to ask again with; without one the same request might be carried out twice.
    """
    if error.key is None:
        return ProblemError(503, "OUTCOME_UNKNOWN", str(error), again=False)
    return ProblemError(503, "OUTCOME_UNKNOWN", str(error), {"key": error.key})


def title_of(code: str) -> str:
    """Return the short, constant title of a code."""
    refusal = BY_CODE.get(code)
    if refusal is not None:
        return refusal.sentence.rstrip(".")
    return DOOR_CODES.get(code, code)


def as_problem(error: ProblemError, request_id: str) -> bytes:
    """Render as RFC 9457."""
    body: dict[str, Any] = {
        "type": f"/docs/errors#{error.code}",
        "title": title_of(error.code),
        "status": error.status,
        "detail": error.sentence,
        "code": error.code,
        "details": error.details or {},
        "request_id": request_id,
    }
    if error.hint:
        body["hint"] = error.hint
    return _encode(body)


def as_postgrest(error: ProblemError) -> bytes:
    """Render as PostgREST does: the code of a refusal is its SQLSTATE and opens the message."""
    refusal = BY_CODE.get(error.code)
    details = error.details
    if isinstance(details, dict):
        details = _encode(details).decode() if details else None
    return _encode(
        {
            "code": refusal.sqlstate if refusal else error.code,
            "message": f"{error.code}: {error.sentence}" if refusal else error.sentence,
            "details": details,
            "hint": error.hint,
        }
    )
