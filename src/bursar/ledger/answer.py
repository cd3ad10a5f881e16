"""Outcomes as plain data: those that the engine gives by itself, and their typed form."""

from typing import Any, TypeVar, overload

import msgspec

from bursar.errors import BY_CODE, Fault
from bursar.model import Outcome

Typed = TypeVar("Typed", bound=Outcome)

RETRY_AFTER_SECONDS = 1
# Said before the key is looked up, for reasons that come and go.
_BEFORE_THE_KEY = ("DEGRADED", "APP_DOWN", "BUSY")


def refusal(
    verb: str, code: str, sentence: str | None = None, details: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the outcome of a request to `verb` that is refused with `code`.

    `sentence` replaces the registry's own where more can be said.
    """
    return {
        "status": "refused",
        "verb": verb,
        "code": code,
        "message": f"{code}: {sentence or BY_CODE[code].sentence}",
        "details": details or {},
        "replayed": False,
    }


def busy(verb: str, sentence: str | None = None) -> dict[str, Any]:
    """Return the outcome of a request that nobody had time for; it was not carried out."""
    return refusal(verb, "BUSY", sentence, {"retry_after_seconds": RETRY_AFTER_SECONDS})


def away(verb: str) -> dict[str, Any]:
    """Return the outcome of a request for which the database could not be had within the budget.

    It is a BUSY like any other, and was not carried out; its details say why.
    """
    details = {"retry_after_seconds": RETRY_AFTER_SECONDS, "database": "away"}
    return refusal(verb, "BUSY", "The database cannot take it right now.", details)


def app_down(verb: str) -> dict[str, Any]:
    """Return the outcome of a request to an app whose functions the database has not (any more)."""
    return refusal(verb, "APP_DOWN", None, {"retry_after_seconds": RETRY_AFTER_SECONDS})


def is_away(outcome: dict[str, Any]) -> bool:
    """Say whether a request was not carried out because the database could not be had."""
    return (
        outcome.get("code") == "BUSY" and (outcome.get("details") or {}).get("database") == "away"
    )


def is_busy(outcome: dict[str, Any]) -> bool:
    """Say whether the database let this request go because somebody holds its wallet."""
    return outcome.get("code") == "BUSY"


def speaks_for_one_try(outcome: dict[str, Any]) -> bool:
    """Say whether an outcome tells nothing about an earlier try of the same request.

    Whatever else is said, was said after the key was looked up, or is wrong with the request itself
    and was so in every try.
    """
    return outcome.get("code") in _BEFORE_THE_KEY


@overload
def typed(outcome: dict[str, Any]) -> Outcome: ...
@overload
def typed(outcome: dict[str, Any], kind: type[Typed]) -> Typed: ...
def typed(outcome: dict[str, Any], kind: type[Outcome] = Outcome) -> Outcome:
    """Return an outcome as its verb's own kind; raise `Fault` when it is not one."""
    try:
        return msgspec.convert(outcome, kind)
    except msgspec.ValidationError as error:
        raise Fault(f"The answer is not an outcome: {error}") from error


def refusal_details(text: Any) -> dict[str, Any]:
    """Return the details that a raised refusal carries as JSON text, or nothing if it has none."""
    try:
        details = msgspec.json.decode(text or "{}")
    except (msgspec.MsgspecError, TypeError):
        return {}
    return details if isinstance(details, dict) else {}
