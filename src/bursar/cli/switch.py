"""`bursar switch`: products on and off, and what users are told. Every change says who and why."""

from enum import StrEnum
from typing import Annotated

import typer

from bursar.cli import claim_views as views
from bursar.cli.answer import answering, show
from bursar.cli.confirm import ConfirmOption
from bursar.cli.danger import dangerous, reads
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.on_bank import Reason, change_bank, on_bank
from bursar.cli.typist import actor

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Switch products on and off; say something to users.",
)
MESSAGE_MAX = 500
EVERY = "all"


class State(StrEnum):
    """What a switch may be."""

    ON = "on"
    OFF = "off"


@app.command("sku")
@dangerous
def sku_command(
    sku: Annotated[str, typer.Argument(help="One product, or `all`.", show_default=False)],
    state: Annotated[State, typer.Argument(help="From the next claim on.", show_default=False)],
    reason: Reason,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch one product on or off, or all of them; purchases stay claimable meanwhile."""
    with answering(as_json):
        changed = change_bank(
            data,
            lambda bank: bank.switch_sku(
                None if sku == EVERY else sku, state is State.ON, actor(), reason
            ),
            [f"Switch {sku} {state.value}: {reason}."],
            confirm,
            as_json=as_json,
            told=views.change_sentence,
        )
        show(as_json, changed, views.change_table(changed))


@app.command("message")
@dangerous
def message_command(
    text: Annotated[str, typer.Argument(help="What users read; empty takes it away.")],
    reason: Reason,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell users something: in refusals, on the page, at GET /status."""
    with answering(as_json):
        if len(text) > MESSAGE_MAX:
            raise typer.BadParameter(f"The message must not exceed {MESSAGE_MAX} characters.")
        changed = change_bank(
            data,
            lambda bank: bank.set_store_config("status_message", {"text": text}, actor(), reason),
            [f"Tell users {text!r}: {reason}." if text else f"Take the message away: {reason}."],
            confirm,
            as_json=as_json,
            told=views.change_sentence,
        )
        show(as_json, changed, views.change_table(changed))


@app.command("show")
@reads
def show_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show how the shop stands: what is on, whether claims are open, what waits."""
    with answering(as_json):
        status = on_bank(data, lambda bank: bank.read("read_shop_status"))
        show(as_json, status, views.fields(status))
