"""`bursar claims`: recover, override, recalculate, mode. Changes of wallets show a plan first."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import track

from bursar.claims.claim_purchase import Claim
from bursar.cli import claim_views as views
from bursar.cli.answer import FAILED, answering, console, show
from bursar.cli.confirm import ConfirmOption, guarding
from bursar.cli.copy_file import write_copy
from bursar.cli.danger import dangerous
from bursar.cli.deployment import DataOption, JsonOption, joined
from bursar.cli.on_bank import Reason, ask, change_bank
from bursar.cli.typist import actor
from bursar.client import Bank

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Mend claims: recover, override, recalculate; queue or open them.",
)
LIMIT_MAX = 10_000
_NOTHING_DONE = {"granted": 0, "queued": 0}

Apply = Annotated[bool, typer.Option("--apply", help="Do it; without this, only say what is due.")]
BackupTo = Annotated[
    Path, typer.Option("--backup-to", help="Directory for the copy of what will be touched.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="At most so many.")]


class Mode(StrEnum):
    """What happens to a claim when it comes."""

    OPEN = "open"
    QUEUE = "queue"


@app.command("recover")
@dangerous
def recover_command(
    apply: Apply = False,
    backup_to: BackupTo = Path("backups"),
    limit: Limit = 1000,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find purchases that were paid for and never claimed; with --apply, claim them.

    Caps hold: what is beyond one stays claimable and is listed. While claims are queued these are
    queued too. A copy of the users' claims and wallets is written before the first change.
    """
    with answering(as_json), joined(data) as deployment:
        missing = ask(deployment, lambda bank: bank.read("find_missing_claims", limit))
        result = {"missing": missing, "applied": False, **_NOTHING_DONE, "refused": []}
        if apply:
            with guarding(
                deployment.url(), views.recovery_plan(missing), confirm, as_json=as_json
            ) as operation:
                if missing:
                    result |= ask(
                        deployment, lambda bank: _recover(bank, missing, backup_to, as_json)
                    )
                operation.result = views.recovered(result)
        show(as_json, result, *views.recovery(result))


async def _recover(
    bank: Bank, missing: list[dict[str, Any]], backup_to: Path, quiet: bool
) -> dict[str, Any]:
    result: dict[str, Any] = {"applied": True, **_NOTHING_DONE, "refused": []}
    result["backup"] = str(await _back_up(bank, missing, backup_to))
    for one in track(missing, "Claiming", console=console(stderr=True), disable=quiet):
        outcome = await bank.claim_purchase(
            user_id=one["user_id"], sku=one["sku"], tx_id=one["tx_id"], actor=actor()
        )
        if outcome.done:
            result["queued" if outcome.queued else "granted"] += 1
        else:
            result["refused"].append({"tx_id": one["tx_id"], "code": outcome.code})
    return result


@app.command("override")
@dangerous
def override_command(
    user_id: Annotated[str, typer.Argument(help="Who bought it.", show_default=False)],
    sku: Annotated[str, typer.Argument(help="What was bought.", show_default=False)],
    tx_id: Annotated[str, typer.Argument(help="The store's transaction.", show_default=False)],
    reason: Reason,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Grant one purchase beyond its caps and switches; it counts in none of them."""
    with answering(as_json):

        async def claimed(bank: Bank) -> Claim:
            claim = await bank.claim_purchase(
                user_id=user_id, sku=sku, tx_id=tx_id, override_reason=reason, actor=actor()
            )
            claim.or_raise()
            return claim

        claim = change_bank(
            data,
            claimed,
            [f"Grant {user_id} the {sku} of purchase {tx_id}, beyond caps and switches: {reason}."],
            confirm,
            as_json=as_json,
            told=lambda claim: f"Purchase {claim.tx_id} was granted to {claim.user_id}.",
        )
        show(as_json, msgspec.to_builtins(claim), views.claim_table(claim))


@app.command("recalculate")
@dangerous
def recalculate_command(
    user_id: Annotated[
        str | None, typer.Argument(help="One user; all without.", show_default=False)
    ] = None,
    apply: Apply = False,
    reason: Annotated[
        str, typer.Option("--reason", help="Why; kept with each correction.")
    ] = "recalculated from claims",
    backup_to: BackupTo = Path("backups"),
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find wallets that are not what their claims come to; with --apply, correct them.

    Used shields stay used, refunded ones stay refunded. A correction is an entry like any other.
    Without --apply, the exit code is 1 when a wallet differs.
    """
    with answering(as_json), joined(data) as deployment:
        differences = ask(deployment, lambda bank: bank.read("find_wallet_differences", user_id))
        result: dict[str, Any] = {"differences": differences, "applied": False, "corrected": 0}
        if apply:
            with guarding(
                deployment.url(), views.recalculation_plan(differences), confirm, as_json=as_json
            ) as operation:
                if differences:
                    result |= ask(
                        deployment, lambda bank: _correct(bank, differences, reason, backup_to)
                    )
                operation.result = f"{result['corrected']} wallets were corrected."
        show(as_json, result, *views.recalculation(result))
        if differences and not apply:
            raise typer.Exit(FAILED)


async def _correct(
    bank: Bank, differences: list[dict[str, Any]], reason: str, backup_to: Path
) -> dict[str, Any]:
    result: dict[str, Any] = {"applied": True, "corrected": 0}
    result["backup"] = str(await _back_up(bank, differences, backup_to))
    for one in differences:
        outcome = await bank.correct_shields(
            user_id=one["user_id"], reason=reason, actor=actor(), principal="operator"
        )
        outcome.or_raise()
        result["corrected"] += 1
    return result


@app.command("mode")
@dangerous
def mode_command(
    mode: Annotated[Mode, typer.Argument(help="`queue` accepts claims and grants them later.")],
    reason: Reason,
    percent: Annotated[
        int,
        typer.Option("--percent", min=0, max=100, help="Open to so many of the users; the same."),
    ] = 100,
    confirm: ConfirmOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Queue claims and store events, or open them again, to all users or to a part of them."""
    with answering(as_json):
        value = {"mode": mode.value, "percent": percent}
        changed = change_bank(
            data,
            lambda bank: bank.set_store_config("claims_mode", value, actor(), reason),
            [f"Set claims to {mode.value}, for {percent} % of the users: {reason}."],
            confirm,
            as_json=as_json,
            told=views.change_sentence,
        )
        show(as_json, changed, views.change_table(changed))


async def _back_up(bank: Bank, rows: list[dict[str, Any]], directory: Path) -> Path:
    users = sorted({str(row["user_id"]) for row in rows})
    copy = await bank.read("copy_claims", msgspec.json.encode(users).decode())
    return await asyncio.to_thread(write_copy, copy, directory, "claims")
