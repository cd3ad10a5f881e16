"""What operators did: the operations journal by pages, and one operation with its whole plan."""

from datetime import datetime
from typing import Any

from litestar import Response, Router, get

from bursar.console.outcome import is_operation
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.http.problem import ProblemError

PAGE_LENGTH = 50


@get("/", include_in_schema=False)
async def journal(request: AnyRequest) -> Response[str]:
    """Show operations, newest first; the next page begins before the operation `before`."""
    before = request.query_params.get("before", "")
    if before and not is_operation(before):
        raise ProblemError(404, "NOT_FOUND", "The journal has no such page.")
    found = await ledger_of(request).read("read_journal", before or None, PAGE_LENGTH)
    operations = [_with_time(one) for one in found["operations"]]
    more = operations[-1]["id"] if found["more"] else ""
    return page(request, "journal.html", operations=operations, more=more, before=before)


@get("/{operation:str}", include_in_schema=False)
async def operation(request: AnyRequest) -> Response[str]:
    """Show one operation: who, what, when, its whole plan, and what came of it."""
    name = request.path_params["operation"]
    found = await ledger_of(request).read("read_operation", name) if is_operation(name) else None
    if found is None:
        raise ProblemError(404, "NOT_FOUND", "The journal has no such operation.")
    return page(request, "operation.html", operation=_with_time(found))


def journal_routes() -> Router:
    """Return the pages of the journal."""
    return Router("/journal", route_handlers=[journal, operation])


def _with_time(one: dict[str, Any]) -> dict[str, Any]:
    """Return an operation with how long it took, in words; nothing while it is at work."""
    if one["ended_at"] is None:
        return {**one, "lasted": ""}
    began, ended = (datetime.fromisoformat(one[name]) for name in ("started_at", "ended_at"))
    return {**one, "lasted": lasted((ended - began).total_seconds())}


def lasted(seconds: float) -> str:
    """Return a span in words: 34 ms, 2.1 s, 3 min 20 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
