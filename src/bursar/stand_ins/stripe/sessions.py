"""Checkout sessions: made, read, expired, and paid by what a person or a test says."""

from bursar.stand_ins.stripe.api_error import ApiError, no_such, unacceptable
from bursar.stand_ins.stripe.book import Book, Sale, Thing, new_id
from bursar.stand_ins.stripe.form import Params, names
from bursar.stand_ins.stripe.order import read_currency, read_items, require_amount

_KNOWN = names(
    "adaptive_pricing after_expiration allow_promotion_codes automatic_tax"
    " billing_address_collection branding_settings cancel_url client_reference_id"
    " consent_collection currency custom_fields custom_text customer customer_creation"
    " customer_email excluded_payment_method_types expand expires_at invoice_creation line_items"
    " locale metadata mode origin_context payment_intent_data payment_method_collection"
    " payment_method_configuration payment_method_data payment_method_options"
    " payment_method_types phone_number_collection submit_type success_url tax_id_collection"
    " ui_mode wallet_options"
)
_INTENT = names("capture_method description metadata receipt_email statement_descriptor_suffix")
# What an object of today has and this stand-in never fills.
_EMPTY = names(
    "adaptive_pricing after_expiration allow_promotion_codes billing_address_collection"
    " collected_information consent consent_collection currency_conversion customer"
    " customer_account customer_email integration_identifier invoice locale origin_context"
    " payment_link payment_method_configuration_details permissions recovered_from"
    " redirect_on_completion return_url saved_payment_method_options setup_intent"
    " shipping_address_collection shipping_cost submit_type subscription wallet_options"
)


def create_session(book: Book, params: Params) -> Thing:
    """Open a session for one payment, and return it. Raises `ApiError` as Stripe refuses."""
    params.refuse_unknown(_KNOWN)
    mode = params.text("mode")
    if mode != "payment":
        raise unacceptable("This stand-in knows mode=payment only.", "mode")
    if params.text("ui_mode", "hosted") not in ("hosted", "hosted_page"):
        raise unacceptable("This stand-in knows hosted pages only.", "ui_mode")
    success_url = params.address("success_url")
    cancel_url = params.address("cancel_url", "") or None
    reference = params.text("client_reference_id", "", longest=200) or None
    currency = read_currency(params)
    items, amount = read_items(params, currency)
    require_amount(book.rules, amount, currency)
    created = int(book.now())
    expires_at = _read_end(book, params, created)
    intent = params.inner("payment_intent_data")
    intent.refuse_unknown(_INTENT)
    sale = Sale(
        session={
            "id": new_id("cs_test_a1", 56),
            "object": "checkout.session",
            **dict.fromkeys(sorted(_EMPTY)),
            "amount_subtotal": amount,
            "amount_total": amount,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None},
            "cancel_url": cancel_url,
            "client_reference_id": reference,
            "client_secret": None,
            "created": created,
            "currency": currency,
            "custom_fields": [],
            "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit")),
            "customer_creation": "if_required",
            "customer_details": None,
            "discounts": [],
            "expires_at": expires_at,
            "invoice_creation": {"enabled": False},
            "livemode": False,
            "metadata": params.metadata(),
            "mode": mode,
            "payment_intent": None,
            "payment_method_collection": "if_required",
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "payment_status": "unpaid",
            "phone_number_collection": {"enabled": False},
            "shipping_options": [],
            "status": "open",
            "success_url": success_url,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": None,
        },
        items=items,
        intent_metadata=intent.metadata(),
        description=intent.text("description", "", longest=1000) or None,
    )
    book.add(sale)
    return show_session(book, sale)


def show_session(book: Book, sale: Sale) -> Thing:
    """The session as it is answered: with the address of its page while it is open."""
    page = f"{book.address}/pay/{sale.session['id']}"
    return {**sale.session, "url": page if sale.session["status"] == "open" else None}


def find_session(book: Book, identifier: str) -> Sale:
    """The sale of a session. Raises `ApiError` when there is none."""
    sale = book.of_session(identifier)
    if sale is None:
        raise no_such("checkout.session", identifier, "session")
    return sale


def expire_session(book: Book, identifier: str) -> Thing:
    """End an open session, and return it. Raises `ApiError` when it is open no more."""
    sale = find_session(book, identifier)
    require_open(sale, "expired")
    expire(book, sale)
    return show_session(book, sale)


def require_open(sale: Sale, to_be: str) -> None:
    """Raise `ApiError` unless the session is open."""
    status = sale.session["status"]
    if status != "open":
        raise ApiError(
            400,
            f'Only Checkout Sessions with a status in ["open"] can be {to_be}.'
            f" This Checkout Session has a status of `{status}`.",
        )


def expire(book: Book, sale: Sale) -> None:
    """End an open session and say so."""
    sale.session["status"] = "expired"
    book.emit("checkout.session.expired", show_session(book, sale), None)


def _read_end(book: Book, params: Params, created: int) -> int:
    rules = book.rules
    end = params.number("expires_at", created + rules.longest_session_seconds)
    if end - created < rules.shortest_session_seconds:
        minutes = rules.shortest_session_seconds / 60
        message = (
            f"The `expires_at` timestamp must be at least {minutes:g} minutes from Checkout"
            " Session creation."
        )
        raise unacceptable(message, "expires_at")
    if end - created > rules.longest_session_seconds:
        message = (
            "The `expires_at` timestamp must be less than"
            f" {rules.longest_session_seconds / 3600:g} hours from Checkout Session creation."
        )
        raise unacceptable(message, "expires_at")
    return end
