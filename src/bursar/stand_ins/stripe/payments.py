"""Payments: a session is completed, its money arrives at once, later or not at all."""

from bursar.stand_ins.stripe.api_error import ApiError, no_such, unacceptable
from bursar.stand_ins.stripe.book import Book, Sale, Thing, new_id
from bursar.stand_ins.stripe.sessions import expire, require_open, show_session

OUTCOMES = ("paid", "unpaid", "async_succeed", "async_fail")
_CARD = {"brand": "visa", "country": "US", "exp_month": 12, "exp_year": 2034, "last4": "4242"}


def pay(book: Book, sale: Sale, outcome: str) -> None:
    """Do to a session what a buyer or their bank would.

    `paid`: a card, at once. `unpaid`: a delayed method, whose money is on its way from then on.
    `async_succeed` and `async_fail`: that money arrives, or does not; an open session is completed
    unpaid before. Raises `ApiError` where the session's state does not allow it.
    """
    if outcome not in OUTCOMES:
        raise unacceptable(f"The outcome is one of {', '.join(OUTCOMES)}.", "outcome")
    if outcome == "paid":
        require_open(sale, "paid")
        _complete(book, sale, "card")
        _receive(book, sale)
        book.emit("checkout.session.completed", show_session(book, sale), None)
        return
    if outcome == "unpaid" or sale.session["status"] == "open":
        require_open(sale, "paid")
        _complete(book, sale, "customer_balance")
        book.emit("checkout.session.completed", show_session(book, sale), None)
    if outcome != "unpaid":
        _settle(book, sale, well=outcome == "async_succeed")


def find_intent(book: Book, identifier: str, param: str = "intent") -> tuple[Sale, Thing]:
    """The sale of a payment intent, and the intent. Raises `ApiError` when there is none."""
    sale = book.of_part(identifier)
    if sale is None or sale.intent is None or sale.intent["id"] != identifier:
        raise no_such("payment_intent", identifier, param)
    return sale, sale.intent


def keep_time(book: Book) -> None:
    """Bring about what is due by the book's clock: sessions expire, delayed payments settle."""
    now = book.now()
    for sale in list(book.sales.values()):
        if sale.session["status"] == "open" and sale.session["expires_at"] <= now:
            expire(book, sale)
        elif sale.settles_at is not None and sale.settles_at <= now:
            _settle(book, sale, well=sale.settles_well)


def _complete(book: Book, sale: Sale, method: str) -> None:
    session, now = sale.session, int(book.now())
    sale.intent = {
        "id": new_id("pi_3"),
        "object": "payment_intent",
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": None,
        "confirmation_method": "automatic",
        "created": now,
        "currency": session["currency"],
        "customer": None,
        "description": sale.description,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": dict(sale.intent_metadata),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": new_id("pm_1"),
        "payment_method_options": {},
        "payment_method_types": [method],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "processing",
        "transfer_data": None,
        "transfer_group": None,
    }
    session["status"] = "complete"
    session["payment_intent"] = sale.intent["id"]
    session["payment_method_types"] = [method]
    session["customer_details"] = {"email": "buyer@example.com", "name": None, "phone": None}
    book.note(sale, sale.intent)


def _receive(book: Book, sale: Sale) -> None:
    """The money is there: a charge, and a payment intent that succeeded."""
    intent = _intent_of(sale)
    method = intent["payment_method_types"][0]
    sale.charge = {
        "id": new_id("ch_3"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "balance_transaction": new_id("txn_3"),
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "calculated_statement_descriptor": "STAND-IN",
        "captured": True,
        "created": int(book.now()),
        "currency": intent["currency"],
        "customer": None,
        "description": sale.description,
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(sale.intent_metadata),
        "on_behalf_of": None,
        "outcome": {"network_status": "approved_by_network", "type": "authorized"},
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {"type": method, method: _CARD if method == "card" else {}},
        "receipt_email": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }
    intent["status"] = "succeeded"
    intent["amount_received"] = intent["amount"]
    intent["latest_charge"] = sale.charge["id"]
    sale.session["payment_status"] = "paid"
    book.note(sale, sale.charge)


def _settle(book: Book, sale: Sale, *, well: bool) -> None:
    """Delayed money arrives, or it is known that it will not."""
    if sale.intent is None or sale.intent["status"] != "processing":
        raise ApiError(400, "This Checkout Session has no payment on its way.")
    sale.settles_at = None
    if well:
        _receive(book, sale)
        kind = "checkout.session.async_payment_succeeded"
    else:
        sale.intent["status"] = "requires_payment_method"
        sale.intent["last_payment_error"] = {
            "code": "payment_intent_payment_attempt_failed",
            "message": "The payment failed.",
            "type": "card_error",
        }
        kind = "checkout.session.async_payment_failed"
    book.emit(kind, show_session(book, sale), None)


def _intent_of(sale: Sale) -> Thing:
    assert sale.intent is not None, "a session that was completed has a payment intent"
    return sale.intent
