"""Outcomes of the apps' verbs, each as a type of its own."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from bursar.errors import Fault
from bursar.ledger.calls import Calls
from bursar.model import Outcome

Answer = TypeVar("Answer", bound=Outcome)


async def answer_of(
    calls: Calls, verb: str, request: Mapping[str, Any], kind: type[Answer]
) -> Answer:
    """Carry out one request of `verb` and return its outcome as `kind`.

    Raises `OutcomeUnknown` when the answer was lost, `Fault` when something failed.
    """
    outcome = await calls.call(verb, request)
    try:
        return msgspec.convert(outcome, kind)
    except msgspec.ValidationError as error:
        raise Fault(f"The answer is not an outcome: {error}") from error
