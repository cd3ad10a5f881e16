"""`bursar degraded`: pause every change, and let them go on. It says when nothing is written."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from bursar.cli.answer import FAILED, CommandError, answering, console, show
from bursar.cli.confirm import ConfirmOption
from bursar.cli.danger import dangerous, reads
from bursar.cli.deployment import DataOption, JsonOption
from bursar.cli.on_bank import Reason, change_bank, on_bank
from bursar.cli.typist import actor
from bursar.client import Bank
from bursar.ops.degraded import WAIT_SECONDS, Switched, switch

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Pause every change while reading goes on, and let them go on again.",
)


@app.command("on")
@dangerous
def on_command(
    reason: Reason,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for writers that are inside.")
    ] = WAIT_SECONDS,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse every change with 503; reads, and events of stores and card companies, go on.

    Exit code 0: acknowledged, nothing is written any more; 1: refused from now on, but the writers
    that are named may still finish what they began.
    """
    with answering(as_json):
        said = console(stderr=True)
        with said.status("Waiting for writers …") as status:

            def on_wait(writers: Sequence[dict[str, Any]]) -> None:
                names = ", ".join(str(writer["pid"]) for writer in writers[:5])
                status.update(f"Waiting for {len(writers)} writers: processes {names} …")

            switched = change_bank(
                data,
                lambda bank: switch(
                    bank,
                    on=True,
                    reason=reason,
                    actor=actor(),
                    wait_seconds=wait,
                    on_wait=on_wait,
                ),
                [f"Refuse every change from now on, and wait {wait:g} s for writers: {reason}."],
                confirm,
                as_json=as_json,
                told=_sentence,
            )
        show(as_json, switched.as_data(), *_views(switched))
    if not switched.acknowledged:
        raise typer.Exit(FAILED)


@app.command("off")
@dangerous
def off_command(
    reason: Reason,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let changes go on."""
    with answering(as_json):
        switched = change_bank(
            data,
            lambda bank: switch(bank, on=False, reason=reason, actor=actor()),
            [f"Let changes go on: {reason}."],
            confirm,
            as_json=as_json,
            told=_sentence,
        )
        show(as_json, switched.as_data(), *_views(switched))


@app.command("status")
@reads
def status_command(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say how the gate stands, since when and why, and who is inside."""
    with answering(as_json):
        gate = on_bank(data, _status)
        show(as_json, gate, _gate_table(gate), *_writers(gate["writers"]))


async def _status(bank: Bank) -> dict[str, Any]:
    gate: dict[str, Any] = await bank.read("read_gate")
    if gate is None:
        raise CommandError("The gate has lost its row; run `bursar migrate verify`.", FAILED)
    return gate | {"writers": await bank.read("read_writers")}


def _views(switched: Switched) -> list[Table | str]:
    told = _gate_table(switched.as_data())
    if not switched.degraded or switched.acknowledged:
        return [told, _sentence(switched)]
    return [
        told,
        *_writers(switched.writers),
        f"{_sentence(switched)} End them with SELECT pg_terminate_backend(pid), or ask again.",
    ]


def _sentence(switched: Switched) -> str:
    if not switched.degraded:
        return "Changes go on."
    if switched.acknowledged:
        return f"Nothing is written any more; it took {switched.seconds:g} s."
    return "Changes are refused, but these may still finish what they began."


def _gate_table(gate: dict[str, Any]) -> Table:
    table = Table("changes", "reason", "by", "since")
    table.add_row(
        "paused" if gate["degraded"] else "go on",
        str(gate["reason"]),
        str(gate["changed_by"]),
        str(gate["changed_at"] or ""),
    )
    return table


def _writers(writers: Sequence[dict[str, Any]]) -> list[Table]:
    if not writers:
        return []
    names = ("pid", "role", "application", "state", "seconds", "doing")
    table = Table(*names, title="inside", title_justify="left")
    for writer in writers:
        table.add_row(*(str(writer[name] if writer[name] is not None else "") for name in names))
    return [table]
