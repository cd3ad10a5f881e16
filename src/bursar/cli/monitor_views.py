"""How `bursar monitor` shows what it found to people."""

from rich.table import Table

from bursar.ops.monitor.judge import FIRING, OK, PENDING, UNTOLD, Judged
from bursar.ops.monitor.look import Report

_COLOURS = {OK: "green", PENDING: "yellow", FIRING: "bold red", UNTOLD: "dim"}


def page(report: Report) -> list[Table | str]:
    """Return the rules, the figures beside them, and a sentence."""
    return [_rules(report), _figures(report), sentence(report)]


def sentence(report: Report) -> str:
    """Say it in one sentence."""
    at = f"as of {report.until[:16].replace('T', ' ')}"
    if report.firing:
        names = ", ".join(one.rule.name for one in report.firing)
        return f"[bold red]{len(report.firing)} alerts fire[/], {at}: {names}."
    if not report.is_told:
        return (
            f"It cannot be told how the service does, {at}: there is no data, or too little. "
            "That is no alarm; is a service running on this database?"
        )
    missed = [one.rule.name for one in report.judged if one.on_target is False]
    if missed:
        return f"[green]No alert fires[/], {at}; beside their target: {', '.join(missed)}."
    return f"[green]No alert fires[/], {at}."


def _rules(report: Report) -> Table:
    table = Table()
    for name in ("rule", "value", "alarm", "target", "of", "state", ""):
        right = name in ("value", "alarm", "target", "of")
        table.add_column(name, justify="right" if right else "left")
    for one in report.judged:
        table.add_row(
            one.rule.name,
            _value(one),
            f"{'>' if one.rule.above else '<'} {one.rule.limit:g} {one.rule.unit}",
            f"{one.rule.aim:g} {one.rule.unit}",
            f"{one.count:,.0f}",
            f"[{_COLOURS[one.state]}]{one.state}[/]",
            one.says,
        )
    return table


def _value(one: Judged) -> str:
    if one.value is None:
        return "–"
    shown = f"{one.value:.2f} {one.rule.unit}"
    return shown if one.on_target else f"[yellow]{shown}[/]"


def _figures(report: Report) -> Table:
    table = Table("figure", "now")
    table.columns[1].justify = "right"
    for name, value in report.figures.items():
        table.add_row(name.replace("_", " "), "–" if value is None else f"{value:,.0f}")
    return table
