"""What `migrate verify` found: for people, for programs, and as a record to keep."""

import json
from collections import Counter
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from bursar.cli.migration_views import titled
from bursar.ops.migrate.check import Verification
from bursar.ops.migrate.inventory import Fact


def record_of(verification: Verification, database: str) -> dict[str, Any]:
    """Return the validation record: what was checked, when, where, and with what result."""
    return {
        "database": database,
        "bursar_version": metadata.version("bursar"),
        "verified_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "holds": verification.holds,
        "checks": [
            {"name": check.name, "holds": check.holds, "message": check.message}
            for check in verification.checks
        ],
        "inventory": [
            {
                "kind": fact.kind,
                "name": fact.name,
                "detail": fact.detail,
                "holds": not fact.complaint,
                "message": fact.complaint,
            }
            for fact in verification.inventory
        ],
    }


def write_record(file: Path, record: dict[str, Any], *, as_json: bool) -> None:
    """Write the record to a file: as JSON, or as Markdown for those who keep it with a change."""
    text = json.dumps(record, indent=2) + "\n" if as_json else _markdown(record)
    file.write_text(text, encoding="utf-8")


def verification_tables(verification: Verification, *, brief: bool) -> list[Table | str]:
    """Return everything that was looked at, unless `brief`, then the counts, then what is wrong."""
    shown: list[Table | str] = []
    if verification.inventory and not brief:
        shown.append(_inventory_table(verification.inventory))
    if verification.inventory:
        shown.append(_count_table(verification.inventory))
    shown.append(_finding_table(verification))
    return shown


def _inventory_table(inventory: tuple[Fact, ...]) -> Table:
    table = titled("Looked at", "kind", "name", "is")
    for fact in inventory:
        table.add_row(
            fact.kind, escape(fact.name), escape(fact.detail), style="red" if fact.complaint else ""
        )
    return table


def _count_table(inventory: tuple[Fact, ...]) -> Table:
    table = titled("In the catalogue", "kind", "looked at", "wrong")
    wrong = Counter(fact.kind for fact in inventory if fact.complaint)
    for kind, count in Counter(fact.kind for fact in inventory).items():
        table.add_row(kind, f"{count:,}", str(wrong[kind]), style="red" if wrong[kind] else "")
    return table


def _finding_table(verification: Verification) -> Table:
    findings = [(check.name, check.message) for check in verification.checks if not check.holds]
    holding = len(verification.checks) - len(findings)
    findings += [
        (f"{fact.kind} {fact.name}", fact.complaint)
        for fact in verification.inventory
        if fact.complaint
    ]
    table = titled(f"Verified: {holding} of {len(verification.checks)} hold", "check", "finding")
    if not findings:
        table.add_row("all", "nothing is wrong")
    for name, message in findings:
        table.add_row(escape(name), escape(message), style="red")
    return table


def _markdown(record: dict[str, Any]) -> str:
    lines = [
        "# Validation record",
        "",
        f"- Database: {record['database']}",
        f"- Time: {record['verified_at']}",
        f"- Bursar: {record['bursar_version']}",
        f"- Result: {'everything holds' if record['holds'] else 'something is wrong'}",
        "",
        "## Findings",
        "",
    ]
    found = [one for one in (*record["checks"], *record["inventory"]) if not one["holds"]]
    lines += [f"- {one['name']}: {' '.join(one['message'].split())}" for one in found]
    lines += [] if found else ["None."]
    lines += ["", "## Checks", "", "| check | holds |", "| --- | --- |"]
    lines += [f"| {_cell(one['name'])} | {_yes(one)} |" for one in record["checks"]]
    for kind in dict.fromkeys(one["kind"] for one in record["inventory"]):
        lines += ["", f"## Each {kind}", "", "| name | is | holds |", "| --- | --- | --- |"]
        lines += [
            f"| {_cell(one['name'])} | {_cell(one['detail'])} | {_yes(one)} |"
            for one in record["inventory"]
            if one["kind"] == kind
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _yes(one: dict[str, Any]) -> str:
    return "yes" if one["holds"] else "no"
