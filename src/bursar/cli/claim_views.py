"""Claims, switches and the queue as tables for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from bursar.claims.claim_purchase import Claim


def recovery(result: Mapping[str, Any]) -> list[Any]:
    """Return what is missing, and what became of it."""
    missing = result["missing"]
    if not missing:
        return ["[green]Every purchase that was paid for has its claim.[/]"]
    table = _table("Paid for and never claimed", "transaction", "user", "product", "bought", "cap")
    for one in missing:
        cap = one["cap"]
        table.add_row(
            escape(one["tx_id"]),
            escape(one["user_id"]),
            escape(one["sku"]),
            _moment(one["purchased_at"]),
            "" if cap is None else f"{cap['cap']}, free {_moment(cap['frees_up_at']) or 'never'}",
        )
    return [table, _verdict(result, recovered(result))]


def recovered(result: Mapping[str, Any]) -> str:
    """Return in a sentence what a recovery came to."""
    queued = f", {result['queued']} queued for later" if result["queued"] else ""
    return f"{result['granted']} of {len(result['missing'])} were granted{queued}."


def recovery_plan(missing: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a recovery is about to do, a line for each purchase."""
    return [
        f"Claim {one['sku']}, purchase {one['tx_id']}, for {one['user_id']}." for one in missing
    ] or ["There is nothing to claim."]


def recalculation_plan(differences: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a recalculation is about to do, a line for each wallet."""
    return [
        f"Correct {one['user_id']} by {one['difference']:+d} to {one['claim_count']} shields."
        for one in differences
    ] or ["There is nothing to correct."]


def recalculation(result: Mapping[str, Any]) -> list[Any]:
    """Return wallets that differ, and what became of them."""
    differences = result["differences"]
    if not differences:
        return ["[green]Every wallet is what its claims come to.[/]"]
    table = _table("Wallets that differ", "user", "has", "claims come to", "correction")
    for one in differences:
        table.add_row(
            escape(one["user_id"]),
            str(one["wallet_count"]),
            str(one["claim_count"]),
            f"{one['difference']:+d}",
        )
    return [table, _verdict(result, f"{result['corrected']} wallets were corrected.")]


def claim_table(claim: Claim) -> Table:
    """Return what a claim came to, a line for each field."""
    wallet = claim.wallet or {}
    return fields(
        {
            "transaction": claim.tx_id,
            "user": claim.user_id,
            "product": claim.sku,
            "claimed at": claim.claimed_at,
            "shields": wallet.get("streakshield_count"),
            "booster until": wallet.get("xp_booster_until"),
            "replayed": claim.replayed,
        }
    )


def change_table(changed: Mapping[str, Any]) -> Table:
    """Return a switch before and after."""
    return fields({"switch": changed["key"], "was": changed["before"], "is": changed["after"]})


def change_sentence(changed: Mapping[str, Any]) -> str:
    """Return what a switch became, in a sentence."""
    return f"{changed['key']} is {json.dumps(changed['after'])}."


def queue_table(work: Sequence[Mapping[str, Any]]) -> Any:
    """Return what waits and what was set aside, oldest first."""
    if not work:
        return "[green]Nothing waits.[/]"
    table = _table(
        "Waiting, oldest first", "kind", "name", "what", "about", "state", "since", "why"
    )
    for one in work:
        table.add_row(
            *(escape(str(one[name] or "")) for name in ("kind", "name", "what", "about", "status")),
            _moment(one["since"]),
            escape(one["message"]),
        )
    return table


def fields(values: Mapping[str, Any]) -> Table:
    """Return a line for each value that is there."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in values.items():
        if value is not None:
            table.add_row(name, escape(_shown(value)))
    return table


def _shown(value: Any) -> str:
    """As it is typed in SQL, where it is JSON."""
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _verdict(result: Mapping[str, Any], done: str) -> str:
    if not result["applied"]:
        return "Nothing was changed. With --apply it is done, after a copy of what it touches."
    refused = "".join(
        f"\n  {escape(one['tx_id'])}: {one['code']}" for one in result.get("refused", ())
    )
    return f"{done} The copy from before is {escape(result['backup'])}.{refused}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _moment(text: str | None) -> str:
    return "" if text is None else text[:19].replace("T", " ")
