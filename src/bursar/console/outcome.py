"""What the operation came to that has led to a page: `done=` in its address names it."""

import uuid
from typing import Any

import psycopg

from bursar.console.site import AnyRequest, ledger_of
from bursar.errors import BursarError
from bursar.http.problem import ProblemError


async def done_by(request: AnyRequest) -> dict[str, Any] | None:
    """Return the operation that the page's address names; None where it names none that is known.

    The page is shown all the same when the journal cannot be read: it is only a notice.
    """
    name = request.query_params.get("done", "")
    if not is_operation(name):
        return None
    try:
        found: dict[str, Any] | None = await ledger_of(request).read("read_operation", name)
    except (BursarError, ProblemError, psycopg.Error, OSError):
        return None
    return found


def is_operation(name: str) -> bool:
    """Whether a text can be the id of an operation."""
    try:
        return str(uuid.UUID(name)) == name.lower()
    except ValueError:
        return False
