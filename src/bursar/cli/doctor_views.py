"""What the doctor found and what a repair did, as tables and sentences for people."""

import json
from collections import Counter
from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from bursar.ops.doctor.apply import Result
from bursar.ops.doctor.examine import Examination
from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.mend import Mending
from bursar.ops.doctor.repair import Plan

_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}
_RISKS = {"adds": "mended by repair", "changes": "mended when you say yes"}
_ENDINGS = {
    "done": "[green]done[/]",
    "guarded": "[yellow]guards from now on; rows are in the way of its proof[/]",
    "blocked": "[yellow]rows are in the way[/]",
    "asked": "needs a yes (--yes)",
    "failed": "[red]failed[/]",
}
_CELL = 160


def findings_table(examination: Examination, limit: int) -> Table:
    """Return the findings, the worst first."""
    mended = {step.finding.id: _RISKS[step.risk] for step in examination.plan.steps}
    covered = {step.finding.object for step in examination.plan.steps}
    table = Table()
    for name in ("severity", "finding", "expected", "found", "repair"):
        table.add_column(name, overflow="fold")
    for finding in examination.findings[:limit]:
        by_another = "mended with the above" if finding.object in covered else "only reported"
        table.add_row(
            f"[{_COLOURS[finding.severity]}]{finding.severity}[/]",
            escape(finding.sentence),
            escape(_short(finding.expected)),
            escape(_short(finding.found)),
            mended.get(finding.id, by_another),
        )
    return table


def verdict(examination: Examination, limit: int) -> str:
    """Return what the findings come to."""
    found = examination.findings
    where = ", ".join(examination.schemas)
    if not found:
        return f"[bold green]The live schema is what the code expects[/] ({escape(where)})."
    counts: Counter[str] = Counter(finding.severity for finding in found)
    told = ", ".join(_counted(counts[word], word) for word in _COLOURS if counts[word])
    more = f" {len(found) - limit:,} more are told with --limit." if len(found) > limit else ""
    if examination.healthy:
        return f"[bold green]The code finds what it expects[/] ({escape(where)}); {told}.{more}"
    return f"[bold red]The live schema differs[/] ({escape(where)}): {told}.{more}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def plan_view(plan: Plan) -> Group:
    """Return what would be done, step by step, and what would not."""
    table = Table(title="What repair --apply does, in this order", title_justify="left")
    for name in ("step", "for", "SQL"):
        table.add_column(name, overflow="fold")
    for step in plan.steps:
        sql = ";\n".join(statement.sql for statement in step.statements)
        risk = "adds" if step.risk == "adds" else "replaces; asks"
        table.add_row(risk, escape(step.finding.sentence), escape(_short(sql)))
    said: list[Table | str] = [table] if plan.steps else ["There is nothing to repair."]
    said += [f"Left alone: {escape(r.finding.sentence)} {escape(r.why)}" for r in plan.refusals]
    return Group(*said)


def plan_lines(plan: Plan) -> list[str]:
    """Return what would be done, a line for each step."""
    return [
        f"{'Add' if step.risk == 'adds' else 'Replace, when asked'}: {step.finding.sentence}"
        for step in plan.steps
    ] or ["There is nothing to repair."]


def step_line(result: Result, limit: int) -> str:
    """Return one line for each step as it ends, and the rows that stood in its way."""
    lines = [
        f"{_ENDINGS[result.ending]}: {escape(result.step.finding.object)}"
        f" ({escape(result.step.finding.code)}) {escape(result.error)}".rstrip()
        + (f"; {_counted(result.aside, 'row')} set aside" if result.aside else "")
    ]
    lines += [f"  {escape(sentence)}" for sentence in result.blocked_by]
    lines += [f"    {escape(_short(json.dumps(row)))}" for row in result.rows[:limit]]
    if len(result.rows) > limit:
        lines.append(f"    More of them are listed with --limit {len(result.rows)}.")
    return "\n".join(lines)


def mended_sentence(mending: Mending) -> str:
    """Return what the repair came to."""
    counts: Counter[str] = Counter(result.ending for result in mending.results)
    if not counts:
        return "There was nothing to repair; nothing was changed."
    words = {
        "done": "done",
        "guarded": "guarding from now on",
        "blocked": "blocked by rows",
        "asked": "waiting for a yes",
        "failed": "failed",
    }
    told = ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])
    return f"{_counted(len(mending.results), 'step')}: {told}."


def left_alone(findings: Sequence[Finding]) -> list[str]:
    """Return what is left, a line each, notes left out."""
    return [
        f"[{_COLOURS[finding.severity]}]{finding.severity}[/]: {escape(finding.sentence)}"
        for finding in findings
        if finding.severity != "note"
    ]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
