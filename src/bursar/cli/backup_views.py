"""How backups and restores are shown: tables for people, data for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from bursar.ops.backup import Backup, Manifest, Outcome, Restore, Shelved, Swap, Verified


def backup_data(path: Path, manifest: Manifest) -> dict[str, Any]:
    """Return what programs are told of a backup."""
    verification = manifest.verification
    return {
        "file": str(path),
        "kind": manifest.kind,
        "started_at": manifest.started_at,
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "database": manifest.database.name,
        "server_version": manifest.server_version,
        "step": manifest.steps[-1] if manifest.steps else None,
        "tables": len(manifest.contents.tables),
        "rows": manifest.contents.rows,
        "verified": manifest.verified,
        "verified_at": verification.at if verification else None,
    }


def taken(backup: Backup, removed: Sequence[Shelved], where: str) -> list[Table | str]:
    """Return what people are told of a backup that was taken; `where` is typed behind."""
    manifest = backup.manifest
    table = _facts(
        ("file", str(backup.path)),
        ("holds", _holds(manifest)),
        ("as of", manifest.started_at),
        ("bytes", f"{manifest.bytes:,}"),
        ("sha256", manifest.sha256),
        ("schema", manifest.steps[-1] if manifest.steps else "no steps"),
        ("server", f"PostgreSQL {manifest.server_version}"),
    )
    said: list[Table | str] = [table]
    said += [f"Removed {escape(str(one.path))}" for one in removed]
    proof = f"bursar backup verify {backup.path}{where}"
    return [*said, f"Prove that it restores: {escape(proof)}"]


def shelved_data(one: Shelved) -> dict[str, Any]:
    """Return what programs are told of a file in the directory."""
    known = backup_data(one.path, one.manifest) if one.manifest else {"file": str(one.path)}
    return {**known, "bytes": one.bytes, "trouble": one.trouble or None, "counts": one.counts}


def shelf(backups: Sequence[Shelved], directory: Path) -> Table | str:
    """Return the list of backups."""
    if not backups:
        return f"There are no backups in {escape(str(directory))}."
    table = Table("backup", "as of", "database", "schema", "bytes", "verified")
    for one in backups:
        manifest = one.manifest
        table.add_row(
            escape(one.path.name),
            f"{one.started_at:%Y-%m-%d %H:%M:%S}",
            escape(manifest.database.name) if manifest else "",
            manifest.steps[-1] if manifest and manifest.steps else "",
            f"{one.bytes:,}",
            _standing(one),
        )
    return table


def verified_data(verified: Verified) -> dict[str, Any]:
    """Return what programs are told of a verification."""
    known = backup_data(verified.path, verified.manifest)
    return known | asdict(verified.verification) | {"notes": verified.notes}


def verified(outcome: Verified) -> list[str]:
    """Return what people are told of a verification."""
    colour = "green" if outcome.verification.verified else "red"
    first, *rest = (escape(sentence) for sentence in sentences(outcome))
    return [f"[{colour}]{first}[/]", *rest]


def sentences(outcome: Verified) -> list[str]:
    """Return what a verification came to, in sentences."""
    manifest, verification = outcome.manifest, outcome.verification
    if not verification.verified:
        found = [f"- {one}" for one in verification.findings]
        return [f"{outcome.path.name} is not verified.", *found, *outcome.notes]
    said = (
        f"{outcome.path.name} is verified: restored on PostgreSQL {verification.server_version} in "
        f"{verification.seconds:.1f} s, {_holds(manifest)}"
    )
    as_dumped = ", each as it was dumped; the audit is clean." if manifest.kind == "full" else "."
    return [said + as_dumped, *outcome.notes]


def restored_data(plan: Restore, outcome: Outcome) -> dict[str, Any]:
    """Return what programs are told of a restore."""
    return {
        "file": str(plan.archive.path),
        "database": outcome.database,
        "swapped": outcome.swapped,
        "kept": plan.outgoing if outcome.swapped else None,
        "undo": plan.undo if outcome.swapped else None,
        "findings": outcome.findings,
        "notes": outcome.notes,
        "plan": plan.plan,
    }


def restored(plan: Restore, outcome: Outcome) -> list[str]:
    """Return what people are told of a restore."""
    said = [escape(note) for note in outcome.notes]
    name = escape(outcome.database)
    if outcome.findings:
        found = [f"- {escape(one)}" for one in outcome.findings]
        return [*said, f"[bold red]{name} was restored, but is not what it should be.[/]", *found]
    if not outcome.swapped:
        return [*said, f"[bold green]{name} was restored[/] and checked; nothing else changed."]
    said.append(f"[bold green]{name} is restored.[/]")
    if plan.outgoing is not None:
        said += [
            f"What was live is kept as {escape(plan.outgoing)}. The way back: {escape(plan.undo)}",
            f"When it is no longer needed: DROP DATABASE {escape(plan.outgoing)}",
        ]
    return said


def went_back(swap: Swap) -> str:
    """Return what people are told of a way back."""
    kept = f" The other one is kept as {escape(swap.outgoing)}." if swap.outgoing else ""
    return f"[bold green]{escape(swap.live)} is what {escape(swap.incoming)} was.[/]{kept}"


def _holds(manifest: Manifest) -> str:
    if manifest.kind == "schema":
        return f"{manifest.contents.objects.get('tables', 0):,} tables without rows"
    return f"{manifest.contents.rows:,} rows in {len(manifest.contents.tables):,} tables"


def _standing(one: Shelved) -> str:
    if one.trouble:
        return f"[red]{escape(one.trouble)}[/]"
    verification = one.manifest.verification if one.manifest else None
    if verification is None:
        return "not yet"
    when = f"{verification.at[:19].replace('T', ' ')}"
    return f"[green]{when}[/]" if verification.verified else f"[red]failed {when}[/]"


def _facts(*rows: tuple[str, str]) -> Table:
    table = Table(show_header=False, box=None)
    for name, value in rows:
        table.add_row(name, escape(value))
    return table
