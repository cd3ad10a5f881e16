"""Disputes: a bank takes a payment back, gives it again, and decides in the end."""

from bursar.stand_ins.stripe.api_error import ApiError, unacceptable
from bursar.stand_ins.stripe.book import Book, Sale, Thing, new_id
from bursar.stand_ins.stripe.payments import find_intent

_RESPONSE_SECONDS = 9 * 86_400
_FEE = 1500
_OPEN = ("needs_response", "under_review", "warning_needs_response")


def dispute(
    book: Book,
    intent_id: str,
    amount: int | None = None,
    reason: str = "fraudulent",
    *,
    withdraw: bool = True,
) -> Thing:
    """Dispute a payment, by default all that was not refunded, and return the dispute.

    The funds go with it; without `withdraw` it is an inquiry that takes nothing yet. Raises
    `ApiError` when nothing was paid, when more is disputed than was, or while another is open.
    """
    sale, _ = find_intent(book, intent_id)
    charge = sale.charge
    if charge is None:
        raise ApiError(400, "This payment has no successful charge.")
    if any(known["status"] in _OPEN for known in sale.disputes):
        raise ApiError(400, f"Charge {charge['id']} is disputed already.")
    left = charge["amount"] - charge["amount_refunded"]
    disputed = left if amount is None else amount
    if not 0 < disputed <= charge["amount"]:
        raise unacceptable(f"Between 1 and {charge['amount']} can be disputed.", "amount")
    made = {
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": disputed,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": int(book.now()),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": int(book.now()) + _RESPONSE_SECONDS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": not withdraw,
        "livemode": False,
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": intent_id,
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response" if withdraw else "warning_needs_response",
    }
    charge["disputed"] = True
    sale.disputes.append(made)
    book.emit("charge.dispute.created", dict(made), None)
    if withdraw:
        _move(book, made, -1)
        book.emit("charge.dispute.funds_withdrawn", dict(made), None)
    return made


def reinstate(book: Book, intent_id: str) -> Thing:
    """Give the funds of the latest dispute back, and return the dispute."""
    made = _latest(book, intent_id)
    if not _is_withdrawn(made):
        raise ApiError(400, "The funds of this dispute are not withdrawn.")
    _move(book, made, 1)
    book.emit("charge.dispute.funds_reinstated", dict(made), None)
    return made


def close(book: Book, intent_id: str, status: str) -> Thing:
    """Decide the latest dispute: `won` also gives back what is still withdrawn, `lost` does not."""
    if status not in ("won", "lost"):
        raise unacceptable("A dispute is closed as won or lost.", "status")
    made = _latest(book, intent_id)
    if made["status"] not in _OPEN:
        raise ApiError(400, f"This dispute is closed already: {made['status']}.")
    made["status"] = status
    made["is_charge_refundable"] = status == "won"
    book.emit("charge.dispute.closed", dict(made), None)
    if status == "won" and _is_withdrawn(made):
        reinstate(book, intent_id)
    return made


def _latest(book: Book, intent_id: str) -> Thing:
    sale: Sale = find_intent(book, intent_id)[0]
    if not sale.disputes:
        raise ApiError(400, "This payment is not disputed.")
    return sale.disputes[-1]


def _is_withdrawn(made: Thing) -> bool:
    moves: list[int] = [move["amount"] for move in made["balance_transactions"]]
    return sum(moves) < 0


def _move(book: Book, made: Thing, sign: int) -> None:
    """Note that the dispute's funds went (-1) or came back (1)."""
    category = "dispute" if sign < 0 else "dispute_reversal"
    amount, fee = sign * made["amount"], _FEE if sign < 0 else -_FEE
    made["balance_transactions"] = [
        *made["balance_transactions"],
        {
            "id": new_id("txn_1"),
            "object": "balance_transaction",
            "amount": amount,
            "created": int(book.now()),
            "currency": made["currency"],
            "fee": fee,
            "net": amount - fee,
            "reporting_category": category,
            "source": made["id"],
            "status": "available",
            "type": "adjustment",
        },
    ]
