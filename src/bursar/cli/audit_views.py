"""An audit, a chain of seals and what was found against either, as tables for people."""

from collections.abc import Sequence

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from bursar.ops.audit import Finding, Report, Verdict
from bursar.ops.seal import Sealed, SealReport


def audited(report: Report, incremental: bool, noted: bool) -> list[Table | Group | str]:
    """Return every invariant, what was found, and the sentence that a reader looks for first."""
    table = Table()
    columns = ("promise", "invariant", "must hold", *(["since"] if incremental else []))
    for name in columns:
        table.add_column(name)
    for name in ("rows", "findings", "seconds"):
        table.add_column(name, justify="right")
    for verdict in report.verdicts:
        since = verdict.invariant.since
        table.add_row(
            verdict.invariant.promise,
            verdict.invariant.name,
            verdict.invariant.sentence,
            *(["always" if since is None else f"seal {report.checkpoint}"] if incremental else []),
            f"{verdict.rows:,}",
            f"[green]{verdict.findings}[/]" if verdict.holds else f"[red]{verdict.findings:,}[/]",
            f"{verdict.seconds:.2f}",
        )
    broken = [verdict for verdict in report.verdicts if not verdict.holds]
    said = [_extent(report, noted)] if incremental else []
    return [table, *map(_findings, broken), *said, _sentence(report)]


def sealed(made: Sealed) -> list[str]:
    """Return what was sealed, and the head to keep somewhere else."""
    if made.head is None:
        return ["There is nothing to seal."]
    what = "Nothing was new."
    if made.seals:
        what = (
            f"[bold green]{made.entries:,} entries of {made.transactions:,} transactions were "
            f"sealed[/] in {made.seals:,} seals, {made.seconds:.1f} s."
        )
    return [
        what,
        f"Head: {made.number}:{made.head}",
        "Keep it where nobody who can write this database can: "
        "`bursar audit --verify-seal --head` finds by it a chain that was made anew.",
    ]


def proved(report: SealReport) -> list[Table | str]:
    """Return what is not as it was sealed, and how much was compared."""
    if not report.seals and not report.findings:
        return ["Nothing is sealed, so nothing is proved. `bursar audit --seal` seals."]
    took = (
        f"{report.rows:,} rows of {report.seals:,} seals were compared in {report.seconds:.1f} s, "
        f"as of {report.taken_at[:19]}; {report.unsealed:,} transactions are not sealed yet."
    )
    head = f"Head: {report.number}:{report.head}"
    if report.holds:
        kept = f" The head that you kept is seal {report.anchored}'s." if report.anchored else ""
        return [f"[bold green]Every sealed row is what it was.[/]{kept} {took}", head]
    where = "The chain" if report.broken is None else f"Seal {report.broken}"
    more = report.findings - len(report.told)
    return [
        findings_table("What is not as it was sealed", report.told),
        *([f"There are {more:,} more; --limit tells more of them."] if more else []),
        f"[bold red]{where} is the first that differs.[/] {took}",
        "docs/runbook.md says what to do about each: What compensation cannot mend.",
        head,
    ]


def findings_table(title: str, told: Sequence[Finding]) -> Table:
    """Return findings, a line each."""
    table = Table(title=title, title_justify="left")
    for name in ("what", "where", "expected", "found"):
        table.add_column(name, overflow="fold")
    for finding in told:
        where = ", ".join(f"{name} {value}" for name, value in finding.ids.items())
        table.add_row(*map(escape, (finding.what, where, finding.expected, finding.found)))
    return table


def _findings(verdict: Verdict) -> Group:
    table = findings_table(verdict.invariant.name, verdict.told)
    more = verdict.findings - len(verdict.told)
    said: list[Table | str] = [table, escape(verdict.invariant.meaning)]
    if more:
        said.append(f"There are {more:,} more; --limit tells more of them.")
    return Group(*said)


def _extent(report: Report, noted: bool) -> str:
    """Say from where on was looked, and where the next one will begin."""
    if report.checkpoint is None:
        begin = "There is no checkpoint yet, so everything was looked at."
    else:
        begin = (
            f"What is marked so was looked at behind seal {report.checkpoint}; what lies before it "
            "is proved by `bursar audit --verify-seal`."
        )
    if noted:
        return f"{begin} The next one begins behind seal {report.covered}."
    if report.covered is None:
        return f"{begin} Nothing is sealed, so the next one does as well: `bursar audit --seal`."
    return begin


def _sentence(report: Report) -> str:
    rows = sum(verdict.rows for verdict in report.verdicts)
    took = f"{rows:,} rows were checked in {report.seconds:.1f} s, as of {report.taken_at[:19]}."
    broken = sum(not verdict.holds for verdict in report.verdicts)
    if broken:
        return f"[bold red]{broken} of {len(report.verdicts)} invariants do not hold.[/] {took}"
    return f"[bold green]Every invariant holds.[/] {took}"
