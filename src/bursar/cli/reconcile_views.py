"""A reconciliation as tables for people: what is mended and how, and what is left to a person."""

import json
from collections import Counter
from typing import Any

from rich.markup import escape
from rich.table import Table

from bursar.ops.reconcile import Reconciliation
from bursar.ops.reconcile.kinds import REMEDIES
from bursar.ops.reconcile.step import Step, Unmended

PAGE = "docs/runbook.md"


def reconciliation(result: Reconciliation) -> list[Any]:
    """Return the plan, or what became of it, what cannot be mended, and where things stand."""
    if result.clean and not result.steps:
        return ["[green]Nothing is wrong.[/]"]
    shown: list[Any] = []
    if result.steps:
        shown.append(_steps("Mended" if result.applied else "To be mended", result.steps))
    if result.unmended:
        shown += [_unmended(result.unmended), *_headings(result.unmended)]
    return [*shown, _verdict(result)]


def plan_lines(result: Reconciliation) -> list[str]:
    """Return the plan as the journal keeps it, a line each."""
    if not result.steps:
        return ["Mend nothing: there is nothing that compensation could mend."]
    return [f"{REMEDIES[step.remedy].does}: {step.where}" for step in result.steps]


def _steps(title: str, steps: list[Step]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("what is wrong", "where", "what is done", "before", "after"):
        table.add_column(name, overflow="fold")
    for step in steps:
        before, after = _difference(step.before, step.after)
        wrong = "; ".join(sorted({finding.what for _, finding in step.findings}))
        done = REMEDIES[step.remedy].does
        if step.transactions:
            done += f" ({len(step.transactions)} transactions)"
        table.add_row(*map(escape, (wrong, step.where, done, before, after)))
    return table


def _unmended(unmended: list[Unmended]) -> Table:
    table = Table(title="What compensation cannot mend", title_justify="left")
    for name in ("invariant", "what", "where", "expected", "found", "why"):
        table.add_column(name, overflow="fold")
    for one in unmended:
        where = ", ".join(f"{name} {value}" for name, value in one.finding.ids.items())
        finding = one.finding
        cells = (one.invariant, finding.what, where, finding.expected, finding.found, one.why)
        table.add_row(*map(escape, cells))
    return table


def _headings(unmended: list[Unmended]) -> list[str]:
    """Name the procedures, those first that most findings stand under."""
    counted = Counter(one.heading for one in unmended)
    return [f"{PAGE}, {heading}: {times:,} findings." for heading, times in counted.most_common()]


def _verdict(result: Reconciliation) -> str:
    if not result.applied:
        said = "Nothing was changed."
        if result.steps:
            said += " With --apply it is done, after a copy of what it touches."
        return said
    kept = f" The copies from before are {escape(', '.join(result.backups))}."
    done = f"{len(result.steps):,} steps were carried out."
    if result.clean:
        return f"[bold green]Nothing is wrong any more.[/] {done}{kept if result.backups else ''}"
    left = f"[bold red]{result.left:,} findings are left.[/]"
    return f"{left} {done}{kept if result.backups else ''}"


def _difference(before: Any, after: Any) -> tuple[str, str]:
    """Return the members in which two rows differ, as JSON; all of a row that was not there."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return _text(before), _text(after)
    names = [name for name in after if before.get(name) != after[name]]
    nested = [n for n in names if isinstance(before.get(n), dict) and isinstance(after[n], dict)]
    if nested:
        pairs = [_difference(before[name], after[name]) for name in nested]
        return "; ".join(old for old, _ in pairs), "; ".join(new for _, new in pairs)
    return (
        _text({name: before.get(name) for name in names}),
        _text({name: after[name] for name in names}),
    )


def _text(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, default=str)
