"""What was proved and when: audits, seals, the schema, the migrations."""

from typing import Any

from litestar import Response, get

from bursar.console.safety import mark_of
from bursar.console.schema_state import read_status, wrong_with
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.ops.migrate.standing import Status

SEALS_SHOWN = 10


@get("/checks", include_in_schema=False)
async def checks(request: AnyRequest) -> Response[str]:
    """Show what the checks found last, what is at work, and what was found before."""
    ledger = ledger_of(request)
    kept = await ledger.read("read_checks")
    status = await read_status(ledger)
    return page(
        request,
        "checks.html",
        audit=_check(kept, "audit"),
        doctor=_check(kept, "doctor"),
        mark=mark_of(kept),
        seals=await ledger.read("read_seals", SEALS_SHOWN),
        migrations=status,
        steps_wrong=wrong_with(status),
        routines=_not_current(status),
    )


def _check(kept: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return a kind's checks; where none was ever kept, the page says so."""
    empty: dict[str, Any] = {"newest": None, "ended": None, "report": None, "history": []}
    return {**empty, **kept.get(kind, {})}


def _not_current(status: Status) -> list[Any]:
    return [one for one in status.routines if one.standing not in ("current", "left out")]
