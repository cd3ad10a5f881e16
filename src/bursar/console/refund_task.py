"""The task that takes a charge or a grant back, or a part of it."""

from typing import Any

from bursar.console.asked import number_in, transaction_page
from bursar.console.task import Field, Means, Order, Task, Values, or_raise
from bursar.errors import Refused
from bursar.http.problem import malformed
from bursar.pages.words import amount


def _number(values: Values) -> int:
    number = number_in(values["transaction_id"])
    if number is None:
        raise malformed("transaction_id", "Transaction must be a number.")
    return number


def _amount(values: Values) -> int | None:
    if not values["amount"]:
        return None
    if int(values["amount"]) < 0:
        raise malformed("amount", "Amount must be more than zero: what goes back is not signed.")
    return int(values["amount"])


async def _plan(means: Means, values: Values) -> list[str]:
    told = await means.ledger.read("plan_refund", _number(values), _amount(values))
    if told is None:
        raise Refused("TRANSACTION_NOT_FOUND")
    if not told["legs"]:
        raise Refused("REFUND_EXCEEDED" if told["refundable"] else "NOT_REFUNDABLE")
    asset = told["asset"]
    lines = [
        f"Transaction {told['transaction_id']} is a {told['verb']} of {amount(told['charged'])}"
        f" {asset} by {told['owner_id']}; {amount(told['refunded'])} of it was refunded before.",
        f"{amount(told['amount'])} is refunded now, and {amount(told['left'] - told['amount'])}"
        " may still be refunded afterwards.",
    ]
    for leg in told["legs"]:
        lines.append(await _side(means, leg, asset))
    lines.append("What was bought with it stays where it is.")
    return lines


async def _side(means: Means, leg: dict[str, Any], asset: str) -> str:
    """Say what a wallet gets or gives, and what it has not got becomes."""
    owner_id, value = leg["owner_id"], leg["amount"]
    if value > 0:
        return f"{owner_id} gets {amount(value)} {asset}."
    found = await means.ledger.read("read_wallet", owner_id, asset)
    if found is None or found["available"] >= -value:
        return f"{owner_id} gives {amount(-value)} {asset}."
    return (
        f"{owner_id} gives {amount(-value)} {asset}, and has {amount(found['available'])}:"
        f" the {amount(-value - found['available'])} that are missing become a debt."
    )


async def _refund(means: Means, values: Values, order: Order) -> str:
    wanted = order.request(transaction_id=_number(values))
    part = _amount(values)
    if part is not None:
        wanted["amount"] = part
    done = or_raise(await means.ledger.call("refund", wanted))
    return f"Refunded {amount(int(str(done['amount'])))}: transaction {done['transaction_id']}."


REFUND = Task(
    "refund",
    "Refund a transaction",
    "A refund is a transaction of its own that names the one it takes back.",
    (
        Field("transaction_id", "Transaction", about="Its number."),
        Field(
            "amount",
            "Amount",
            "amount",
            "In minor units; empty for all that is left.",
            optional=True,
        ),
    ),
    _plan,
    _refund,
    lambda values: transaction_page(values["transaction_id"]),
)
