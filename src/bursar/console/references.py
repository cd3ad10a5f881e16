"""What an id means that somebody looks for: a transaction, a purchase, a payment, a job."""

from dataclasses import dataclass
from uuid import UUID

from bursar.console.asked import ask_app, is_uuid, number_in, transaction_page, with_query
from bursar.http.calls import Ledger
from bursar.pages.words import amount


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that an id means: in words, where it is shown, and whose it is."""

    words: str
    path: str
    owner_id: str


async def references_of(ledger: Ledger, text: str) -> list[Reference]:
    """Return everything that a whole id means. An app that is left out knows nothing."""
    found = [
        await _transaction(ledger, text),
        await _purchase(ledger, text),
        await _claim(ledger, text),
        await _job(ledger, text),
    ]
    return [reference for reference in found if reference is not None]


async def _transaction(ledger: Ledger, text: str) -> Reference | None:
    number = number_in(text)
    told = None if number is None else await ledger.read("read_transaction", number)
    if told is None:
        return None
    words = f"Transaction {number}: {told['verb']}, {amount(told['amount'])} {told['asset']}"
    return Reference(words, transaction_page(number), told["owner_id"])


async def _purchase(ledger: Ledger, text: str) -> Reference | None:
    _, told = await ask_app(ledger, "find_lead_purchase", text)
    if told is None:
        return None
    if told["purchase_id"] is None:
        return Reference("A top-up by card", "", told["workspace_id"])
    path = with_query("console/purchases", purchase=told["purchase_id"])
    words = "A payment by card, for leads" if "payment_id" in told else "A purchase of leads"
    return Reference(words, path, told["workspace_id"])


async def _claim(ledger: Ledger, text: str) -> Reference | None:
    _, told = await ask_app(ledger, "read_claim", text)
    if told is None:
        return None
    words = "A claim in the shop" if told["claim"] else "A purchase in the store"
    return Reference(words, with_query("console/claims", claim=text), told["user_id"])


async def _job(ledger: Ledger, text: str) -> Reference | None:
    if not is_uuid(text):
        return None
    job_id = str(UUID(text))
    _, told = await ask_app(ledger, "read_generation_history", job_id)
    if told is None:
        return None
    return Reference("A generation job", with_query("console/jobs", job=job_id), told["user_id"])
