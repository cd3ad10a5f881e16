"""Refunds: money goes back, in parts too, and never more of it than there is."""

from bursar.stand_ins.stripe.api_error import ApiError, no_such, unacceptable
from bursar.stand_ins.stripe.book import Book, Sale, Thing, new_id
from bursar.stand_ins.stripe.form import Params, names
from bursar.stand_ins.stripe.order import in_words
from bursar.stand_ins.stripe.payments import find_intent

_KNOWN = names(
    "amount charge currency expand instructions_email metadata origin payment_intent reason"
    " refund_application_fee reverse_transfer"
)
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
# A dispute that still holds the money, or lost it for good, leaves nothing to refund.
_DISPUTED = ("needs_response", "under_review", "lost")


def create_refund(book: Book, params: Params) -> Thing:
    """Give money back, all that is left by default, and return the refund.

    Raises `ApiError` as Stripe refuses: what was refunded whole, more than is left, what is
    disputed, and what was never paid.
    """
    params.refuse_unknown(_KNOWN)
    reason = params.text("reason", "") or None
    if reason is not None and reason not in _REASONS:
        raise unacceptable(f"Invalid reason: must be one of {', '.join(_REASONS)}", "reason")
    amount = params.number("amount", 0, least=1)
    metadata = params.metadata()
    sale, charge = _find_charge(book, params)
    if any(dispute["status"] in _DISPUTED for dispute in sale.disputes):
        raise ApiError(
            400,
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
            executed=True,
        )
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise ApiError(
            400,
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
            executed=True,
        )
    if amount > left:
        raise ApiError(
            400,
            f"Refund amount ({in_words(amount, charge['currency'])}) is greater than unrefunded"
            f" amount on charge ({in_words(left, charge['currency'])})",
            param="amount",
            executed=True,
        )
    return _give_back(book, sale, charge, amount or left, reason, metadata)


def find_refund(book: Book, identifier: str) -> Thing:
    """The refund with this id. Raises `ApiError` when there is none."""
    sale = book.of_part(identifier)
    for refund in sale.refunds if sale is not None else ():
        if refund["id"] == identifier:
            return refund
    raise no_such("refund", identifier, "refund")


def _find_charge(book: Book, params: Params) -> tuple[Sale, Thing]:
    if params.has("charge") and not params.has("payment_intent"):
        identifier = params.text("charge")
        sale = book.of_part(identifier)
        if sale is None or sale.charge is None or sale.charge["id"] != identifier:
            raise no_such("charge", identifier, "charge")
    else:
        sale, intent = find_intent(book, params.text("payment_intent"), "payment_intent")
        if sale.charge is None:
            raise ApiError(
                400,
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
    return sale, sale.charge


def _give_back(
    book: Book,
    sale: Sale,
    charge: Thing,
    amount: int,
    reason: str | None,
    metadata: dict[str, str],
) -> Thing:
    refund = {
        "id": new_id("re_3"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn_3"),
        "charge": charge["id"],
        "created": int(book.now()),
        "currency": charge["currency"],
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    sale.refunds.append(refund)
    book.note(sale, refund)
    changed = {name: value for name, value in before.items() if charge[name] != value}
    book.emit("charge.refunded", dict(charge), changed)
    return refund
