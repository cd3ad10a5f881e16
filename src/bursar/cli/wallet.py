"""`bursar wallet`: show, explain, statement, grant, adjust, freeze. A change says who and why."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from bursar.cli import wallet_views as views
from bursar.cli.answer import FAILED, answering, show
from bursar.cli.confirm import ConfirmOption
from bursar.cli.danger import dangerous, reads
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.on_bank import Reason, change_bank, on_bank
from bursar.cli.typist import actor
from bursar.client import Bank
from bursar.errors import Refused
from bursar.ledger.parcel import AMOUNT_MAX
from bursar.model import Outcome

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Show, explain and change wallets."
)

Owner = Annotated[str, typer.Argument(help="Id of the wallet's owner.", show_default=False)]
Asset = Annotated[str, typer.Option("--asset", help="Which unit of value.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="Idempotency key: given again, the change is not made again.",
        show_default=False,
    ),
]


class WalletStatus(StrEnum):
    """What a wallet may be."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


@app.command("show")
@reads
def show_command(
    owner_id: Owner, asset: Asset = "credit", data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show what a wallet holds."""
    with answering(as_json):
        found = _found(on_bank(data, lambda bank: bank.read("read_wallet", owner_id, asset)))
        show(as_json, found, views.wallet_table(found))


@app.command("explain")
@reads
def explain_command(
    owner_id: Owner, asset: Asset = "credit", data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Explain why a balance is what it is; exit code 1 when something does not agree."""
    with answering(as_json):
        found = _found(on_bank(data, lambda bank: bank.read("explain", owner_id, asset)))
        show(as_json, found, *views.explanation(found))
        if not found["agrees"]:
            raise typer.Exit(FAILED)


@app.command("statement")
@reads
def statement_command(
    owner_id: Owner,
    asset: Asset = "credit",
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="Entries on a page.")] = 50,
    before: Annotated[
        int | None,
        typer.Option(
            "--before", min=1, help="Only entries before this number.", show_default=False
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a wallet's entries, newest first."""
    with answering(as_json):
        entries = on_bank(
            data, lambda bank: bank.read("read_statement", owner_id, asset, before, limit)
        )
        show(as_json, {"entries": entries}, views.statement_table(entries))


@app.command("grant")
@dangerous
def grant_command(
    owner_id: Owner,
    amount: Annotated[int, typer.Argument(min=1, max=AMOUNT_MAX, help="In minor units.")],
    asset: Asset = "credit",
    reason: Reason = "grant",
    key: Key = None,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an amount into a wallet, which is made if it is missing."""
    with answering(as_json):
        outcome = _change(
            data,
            lambda bank: bank.grant(
                owner_id=owner_id,
                asset=asset,
                amount=amount,
                reason=reason,
                key=key,
                principal="operator",
                actor=actor(),
            ),
            [f"Put {amount:,} {asset} into the wallet of {owner_id}: {reason}."],
            confirm,
            as_json,
        )
        _answer(as_json, outcome)


# Without this a negative amount would be read as an option.
@app.command("adjust", context_settings={"ignore_unknown_options": True})
@dangerous
def adjust_command(
    owner_id: Owner,
    amount: Annotated[
        int,
        typer.Argument(min=-AMOUNT_MAX, max=AMOUNT_MAX, help="In minor units; may be negative."),
    ],
    reason: Reason,
    asset: Asset = "credit",
    debt: Annotated[
        bool, typer.Option("--debt", help="What cannot be taken becomes a debt of the owner.")
    ] = False,
    key: Key = None,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Correct a balance by hand, up or down; the correction is an entry like any other."""
    with answering(as_json):
        if amount == 0:
            raise typer.BadParameter("The amount must not be zero.")
        rest = " What cannot be taken becomes a debt." if debt else ""
        outcome = _change(
            data,
            lambda bank: bank.adjust(
                owner_id=owner_id,
                asset=asset,
                amount=amount,
                reason=reason,
                key=key,
                shortfall="debt" if debt else "refuse",
                principal="operator",
                actor=actor(),
            ),
            [f"Correct the wallet of {owner_id} by {amount:+,} {asset}: {reason}.{rest}"],
            confirm,
            as_json,
        )
        _answer(as_json, outcome)


@app.command("freeze")
@dangerous
def freeze_command(
    owner_id: Owner,
    reason: Reason,
    asset: Asset = "credit",
    status: Annotated[
        WalletStatus, typer.Option("--status", help="`open` ends a freeze.")
    ] = WalletStatus.FROZEN,
    key: Key = None,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze a wallet, so that it pays nothing; or open or close it."""
    with answering(as_json):
        outcome = _change(
            data,
            lambda bank: bank.freeze(
                owner_id=owner_id,
                asset=asset,
                wallet_status=status.value,
                reason=reason,
                key=key,
                principal="operator",
                actor=actor(),
            ),
            [f"Make the wallet of {owner_id} in {asset} {status.value}: {reason}."],
            confirm,
            as_json,
        )
        _answer(as_json, outcome)


def _change(
    data: Path | None,
    work: Callable[[Bank], Awaitable[Outcome]],
    plan: list[str],
    confirm: str,
    as_json: bool,
) -> Outcome:
    """Make a change where it may be made. One that is refused is an error with its own sentence."""

    async def made(bank: Bank) -> Outcome:
        return (await work(bank)).or_raise()

    return change_bank(data, made, plan, confirm, as_json=as_json, told=views.outcome_sentence)


def _answer(as_json: bool, done: Outcome) -> None:
    """Show a change that was made."""
    show(as_json, msgspec.to_builtins(done), views.outcome_table(done))


def _found(wallet: dict[str, Any] | None) -> dict[str, Any]:
    if wallet is None:
        raise Refused("WALLET_NOT_FOUND")
    return wallet
