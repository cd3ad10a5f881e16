"""What is bought: line items, their currency, and the amounts that are accepted."""

import re

from bursar.stand_ins.stripe.api_error import ApiError, unacceptable
from bursar.stand_ins.stripe.book import Rules, Thing, new_id
from bursar.stand_ins.stripe.form import Params, names

ITEMS_MAX = 100
AMOUNT_MAX = 99_999_999
# The least that is charged, in minor units; what is not named here is charged from 50 on.
_LEAST = {"gbp": 30, "jpy": 50, "dkk": 250, "nok": 300, "sek": 300, "hkd": 400, "mxn": 1000}
_LEAST_ELSEWHERE = 50
_WHOLE = names("bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf")
_THOUSANDTHS = names("bhd iqd jod kwd lyd omr tnd")
_PRICE_DATA = names("currency product_data tax_behavior unit_amount")
_PRODUCT_DATA = names("description images metadata name tax_code unit_label")
_ITEM = names("adjustable_quantity metadata price_data quantity tax_rates")


def read_currency(params: Params) -> str:
    """The currency of the first item, which is that of all of them."""
    for row in params.rows("line_items"):
        currency = row.inner("price_data").text("currency").lower()
        if re.fullmatch("[a-z]{3}", currency) is None:
            raise unacceptable(
                f"Invalid currency: {currency[:10]}.", row.inner("price_data").path("currency")
            )
        return currency
    raise unacceptable("Missing required param: line_items.", "line_items", "parameter_missing")


def read_items(params: Params, currency: str) -> tuple[list[Thing], int]:
    """The items, and what they cost together. Raises `ApiError` as Stripe refuses."""
    items: list[Thing] = []
    for row in params.rows("line_items"):
        row.refuse_unknown(_ITEM)
        price, product = row.inner("price_data"), row.inner("price_data").inner("product_data")
        price.refuse_unknown(_PRICE_DATA)
        product.refuse_unknown(_PRODUCT_DATA)
        if price.text("currency").lower() != currency:
            raise unacceptable(
                "All prices on a Checkout Session must have the same currency.", "line_items"
            )
        name, unit = product.text("name"), price.number("unit_amount")
        quantity = row.number("quantity", least=1)
        items.append(
            {
                "id": new_id("li_1"),
                "object": "item",
                "amount_total": unit * quantity,
                "currency": currency,
                "description": name,
                "quantity": quantity,
            }
        )
    if len(items) > ITEMS_MAX:
        raise unacceptable(f"The array exceeds the limit of {ITEMS_MAX} items.", "line_items")
    return items, sum(item["amount_total"] for item in items)


def require_amount(rules: Rules, amount: int, currency: str) -> None:
    """Raise `ApiError` for a total that Stripe would not charge."""
    least = rules.smallest_amount
    if least is None:
        least = _LEAST.get(currency, _LEAST_ELSEWHERE)
    if amount < least:
        raise ApiError(
            400,
            f"The Checkout Session's total amount due must add up to at least"
            f" {in_words(least, currency)}",
            code="amount_too_small",
        )
    if amount > AMOUNT_MAX:
        raise ApiError(
            400,
            f"The Checkout Session's total amount due must be no more than"
            f" {in_words(AMOUNT_MAX, currency)}",
            code="amount_too_large",
        )


def in_words(amount: int, currency: str) -> str:
    """An amount of minor units as people write it: `12.50 USD`."""
    places = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    return f"{amount / 10**places:,.{places}f} {currency.upper()}"
