"""One sale with its history: a purchase of leads, a claim of the shop, a generation job."""

import json

from litestar import Response

from bursar.console.asked import ask_app
from bursar.console.site import AnyRequest, ledger_of, page
from bursar.http.problem import ProblemError
from bursar.pages.words import amount, counted


async def show_purchase(request: AnyRequest, purchase_id: str) -> Response[str]:
    """Serve a purchase of leads: its items, its payment, and what is owed back."""
    ledger = ledger_of(request)
    _, found = await ask_app(ledger, "read_lead_purchase", purchase_id)
    if found is None:
        raise ProblemError(404, "PURCHASE_NOT_FOUND", "There is no purchase of this id.")
    payment = await ledger.read("read_lead_payment", purchase_id)
    return page(request, "purchase.html", purchase=found, card=payment)


async def show_claim(request: AnyRequest, tx_id: str) -> Response[str]:
    """Serve what is known under one transaction of the store."""
    _, found = await ask_app(ledger_of(request), "read_claim", tx_id)
    if found is None:
        raise ProblemError(404, "NOT_FOUND", "Nothing is known of this transaction of the store.")
    return page(request, "claim.html", known=found)


async def show_job(request: AnyRequest, job_id: str) -> Response[str]:
    """Serve a job: what it was asked for, what it costs, and what happened to it."""
    _, found = await ask_app(ledger_of(request), "read_generation_history", job_id)
    if found is None:
        raise ProblemError(404, "JOB_NOT_FOUND", "There is no job of this id.")
    asked_for = json.dumps(found["input"], indent=2, ensure_ascii=False)
    return page(request, "job.html", job=found, asked_for=asked_for, cost=_cost(found))


def _cost(job: dict[str, object]) -> str:
    """Say what became of the job's price."""
    hold = job["hold"]
    if not isinstance(hold, dict):
        return f"{counted(int(str(job['price'])), 'credit')}, deducted before it was submitted"
    parts = [
        f"{amount(value)} {words}"
        for value, words in (
            (hold["left"], "held"),
            (hold["captured"], "captured"),
            (hold["released"], "given back"),
            (hold["expired"], "expired"),
        )
        if value
    ]
    return f"{counted(hold['amount'], 'credit')} set aside: {', '.join(parts)}"
