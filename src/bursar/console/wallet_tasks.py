"""Tasks on wallets: correct a balance, freeze a wallet or open it again."""

from typing import Any

from bursar.console.asked import wallet_page
from bursar.console.task import Field, Means, Order, Task, Values, or_raise
from bursar.errors import Refused
from bursar.pages.words import amount, signed

_WALLET = (
    Field("owner_id", "Owner", about="Id of the wallet's owner."),
    Field("asset", "Asset", about="Which unit of value."),
)
_STATES = (
    ("frozen", "frozen: it pays nothing"),
    ("open", "open: it pays again"),
    ("closed", "closed: it neither pays nor receives"),
)


async def _wallet(means: Means, values: Values) -> dict[str, Any]:
    found: dict[str, Any] | None = await means.ledger.read(
        "read_wallet", values["owner_id"], values["asset"]
    )
    if found is None:
        raise Refused("WALLET_NOT_FOUND")
    return found


def _page_of(values: Values) -> str:
    return wallet_page(values["owner_id"], values["asset"])


async def _plan_adjust(means: Means, values: Values) -> list[str]:
    wallet = await _wallet(means, values)
    by = int(values["amount"])
    lines = [
        f"The wallet of {values['owner_id']} has {amount(wallet['balance'])} {values['asset']}.",
        f"It is corrected by {signed(by)}: one transaction, whose other side is the adjustments.",
    ]
    available = wallet["available"]
    if by < 0 and -by > available:
        lines.append(
            f"It has only {amount(available)} to take; the rest becomes a debt of the owner."
            if values["shortfall"] == "debt"
            else f"It has only {amount(available)} to take, so this will be refused."
        )
    else:
        lines.append(f"It has {amount(wallet['balance'] + by)} afterwards.")
    return lines


async def _adjust(means: Means, values: Values, order: Order) -> str:
    done = or_raise(
        await means.ledger.call(
            "adjust",
            order.request(
                owner_id=values["owner_id"],
                asset=values["asset"],
                amount=int(values["amount"]),
                shortfall=values["shortfall"],
            ),
        )
    )
    return f"Corrected by {signed(int(values['amount']))}: transaction {done['transaction_id']}."


async def _plan_freeze(means: Means, values: Values) -> list[str]:
    wallet = await _wallet(means, values)
    return [
        f"The wallet of {values['owner_id']} in {values['asset']} is {wallet['status']} and has"
        f" {amount(wallet['balance'])}.",
        f"It will be {dict(_STATES)[values['wallet_status']]}. Its balance stays as it is.",
    ]


async def _freeze(means: Means, values: Values, order: Order) -> str:
    or_raise(
        await means.ledger.call(
            "freeze",
            order.request(
                owner_id=values["owner_id"],
                asset=values["asset"],
                wallet_status=values["wallet_status"],
            ),
        )
    )
    return f"The wallet is {values['wallet_status']}."


ADJUST = Task(
    "adjust",
    "Correct a balance",
    "A correction is an entry like any other: it shows in the statement, with your reason.",
    (
        *_WALLET,
        Field("amount", "Amount", "amount", "In minor units; negative to take."),
        Field(
            "shortfall",
            "What cannot be taken",
            "choice",
            choices=(("refuse", "is refused"), ("debt", "becomes a debt of the owner")),
        ),
    ),
    _plan_adjust,
    _adjust,
    _page_of,
)
FREEZE = Task(
    "freeze",
    "Freeze or open a wallet",
    "A frozen wallet pays nothing; what it has and what it receives stays its own.",
    (*_WALLET, Field("wallet_status", "It will be", "choice", choices=_STATES)),
    _plan_freeze,
    _freeze,
    _page_of,
)
