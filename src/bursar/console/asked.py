"""What a page of the console is asked for, by its address; and addresses that ask for pages.

Addresses are from the root of the service, without a slash in front.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from bursar.console.site import AnyRequest
from bursar.errors import Refused
from bursar.http.calls import Ledger
from bursar.http.problem import malformed

TEXT_LENGTH_MAX = 255
NUMBER_MAX = 2**63 - 1
# What one page of a list shows.
PAGE_ROWS = 50


def text_asked(request: AnyRequest, name: str) -> str:
    """Return a text from the address, tidied, or "". Raises a 422 problem for what is no text."""
    text = request.query_params.get(name, "").strip()
    if len(text) > TEXT_LENGTH_MAX or not text.isprintable():
        raise malformed(name, f"What is looked for has at most {TEXT_LENGTH_MAX} characters.")
    return text


def number_asked(request: AnyRequest, name: str) -> int | None:
    """Return a number from the address, or None. Raises a 422 problem for what is no number."""
    text = text_asked(request, name)
    if not text:
        return None
    number = number_in(text)
    if number is None:
        raise malformed(name, "The address has been changed: a number is missing in it.")
    return number


def moment_asked(request: AnyRequest, name: str) -> str | None:
    """Return a moment from the address as it was told, or None. Raises a 422 problem."""
    text = text_asked(request, name)
    if not text:
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise malformed(name, "The address has been changed: it names no moment.") from None
    return text


def id_asked(request: AnyRequest, name: str) -> str | None:
    """Return a uuid from the address, or None. Raises a 422 problem for what is none."""
    text = text_asked(request, name)
    if text and not is_uuid(text):
        raise malformed(name, "The address has been changed: an id is missing in it.")
    return text or None


def is_uuid(text: str) -> bool:
    """Return whether a text is a uuid."""
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def number_in(text: str) -> int | None:
    """Return the whole number that a text is, as far as the ledger counts, or None."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return int(text) if int(text) <= NUMBER_MAX else None


def with_query(path: str, **values: object) -> str:
    """Return an address that asks for these values; what is empty or None is left out."""
    given = {name: value for name, value in values.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def wallet_page(owner_id: str, asset: str) -> str:
    """Return the address of a wallet's page."""
    return with_query("console/wallet", owner_id=owner_id, asset=asset)


def transaction_page(transaction_id: object) -> str:
    """Return the address of a transaction's page."""
    return with_query("console/transaction", id=transaction_id)


async def ask_app(ledger: Ledger, function: str, *arguments: str | int | None) -> tuple[bool, Any]:
    """Return whether the app that `function` belongs to is there, and what it answers."""
    try:
        return True, await ledger.read(function, *arguments)
    except Refused as error:
        if error.code != "APP_DOWN":
            raise
        return False, None


async def ask_or_none(ledger: Ledger, function: str, *arguments: str | int | None) -> Any:
    """Return what a function answers, or None where the app that it belongs to is left out."""
    _, found = await ask_app(ledger, function, *arguments)
    return found
