"""What was sold: purchases of rewards and leads, claims of the shop, generation jobs."""

from typing import Any

from litestar import Response, get

from bursar.console.asked import (
    PAGE_ROWS,
    ask_app,
    id_asked,
    moment_asked,
    number_asked,
    text_asked,
    with_query,
)
from bursar.console.sale_details import show_claim, show_job, show_purchase
from bursar.console.site import AnyRequest, ledger_of, page

_PURCHASES, _CLAIMS, _JOBS = "console/purchases", "console/claims", "console/jobs"
PURCHASE_STATES = ("pending", "completed", "failed", "refunded", "expired")
CLAIM_STATES = ("granted", "recorded", "refunded")
JOB_STATES = ("queued", "processing", "completed", "failed", "refunded")


@get("/purchases", include_in_schema=False)
async def purchases(request: AnyRequest) -> Response[str]:
    """Serve purchases of rewards or of leads, or one purchase of leads."""
    if text_asked(request, "purchase"):
        return await show_purchase(request, text_asked(request, "purchase"))
    if text_asked(request, "of") == "leads":
        return await _leads(request)
    owner = text_asked(request, "owner")
    before = number_asked(request, "before")
    there, told = await ask_app(
        ledger_of(request), "list_reward_purchases", owner or None, before, PAGE_ROWS
    )
    listed = _list_of(there, told, "purchases", _PURCHASES, owner=owner)
    if told and told["next"] is not None:
        listed["older"] = with_query(_PURCHASES, owner=owner, before=told["next"])
    return page(request, "purchases.html", **listed, is_first=before is None, state="", states=())


async def _leads(request: AnyRequest) -> Response[str]:
    owner, status = text_asked(request, "owner"), text_asked(request, "status")
    at = moment_asked(request, "before_at")
    there, told = await ask_app(
        ledger_of(request),
        "list_lead_purchases",
        owner or None,
        status or None,
        at,
        id_asked(request, "before_id"),
        PAGE_ROWS,
    )
    asked = {"of": "leads", "owner": owner, "status": status}
    listed = _list_of(there, told, "purchases", _PURCHASES, **asked)
    if told and told["next"] is not None:
        following = {"before_at": told["next"]["at"], "before_id": told["next"]["id"]}
        listed["older"] = with_query(_PURCHASES, **asked, **following)
    return page(
        request,
        "lead_purchases.html",
        **listed,
        is_first=at is None,
        state=status,
        states=PURCHASE_STATES,
        of_leads=True,
    )


@get("/claims", include_in_schema=False)
async def claims(request: AnyRequest) -> Response[str]:
    """Serve claims of the shop, or what is known under one transaction of the store."""
    if text_asked(request, "claim"):
        return await show_claim(request, text_asked(request, "claim"))
    owner, status = text_asked(request, "owner"), text_asked(request, "status")
    at = moment_asked(request, "before_at")
    there, told = await ask_app(
        ledger_of(request),
        "list_claims",
        owner or None,
        status or None,
        at,
        text_asked(request, "before_tx_id") or None,
        PAGE_ROWS,
    )
    asked = {"owner": owner, "status": status}
    listed = _list_of(there, told, "claims", _CLAIMS, **asked)
    if told and told["next"] is not None:
        following = {"before_at": told["next"]["at"], "before_tx_id": told["next"]["tx_id"]}
        listed["older"] = with_query(_CLAIMS, **asked, **following)
    return page(
        request, "claims.html", **listed, is_first=at is None, state=status, states=CLAIM_STATES
    )


@get("/jobs", include_in_schema=False)
async def jobs(request: AnyRequest) -> Response[str]:
    """Serve generation jobs, or one of them with its history."""
    if text_asked(request, "job"):
        return await show_job(request, text_asked(request, "job"))
    owner, status = text_asked(request, "owner"), text_asked(request, "status")
    before = _place_asked(request, owner)
    there, told = await ask_app(
        ledger_of(request),
        "list_generation_jobs",
        owner or None,
        status or None,
        before,
        PAGE_ROWS,
    )
    asked = {"owner": owner, "status": status}
    listed = _list_of(there, told, "jobs", _JOBS, **asked)
    if told and told["next"] is not None:
        at, _, job_id = told["next"].partition(" ")
        following = {"before_at": at, "before_id": job_id} if job_id else {"before": at}
        listed["older"] = with_query(_JOBS, **asked, **following)
    return page(
        request, "jobs.html", **listed, is_first=not before, state=status, states=JOB_STATES
    )


def _place_asked(request: AnyRequest, owner: str) -> str | None:
    """Return where a page of jobs begins: a transaction, or of one user's a moment and a job."""
    if not owner:
        number = number_asked(request, "before")
        return None if number is None else str(number)
    at, job_id = moment_asked(request, "before_at"), id_asked(request, "before_id")
    return f"{at} {job_id}" if at and job_id else None


def _list_of(
    there: bool, told: dict[str, Any] | None, name: str, path: str, **asked: str
) -> dict[str, Any]:
    """Return what every list of sales shows; `there` is whether its app is."""
    return {
        "there": there,
        "rows": told[name] if told else [],
        "owner": asked.get("owner", ""),
        "older": "",
        "newest": with_query(path, **asked),
    }
