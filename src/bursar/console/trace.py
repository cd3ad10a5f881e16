"""Why a balance is what it is, in sentences: what came in, what went out, and whether it agrees."""

from collections.abc import Mapping
from typing import Any

from bursar.pages.words import amount, counted, signed


def trace_of(told: Mapping[str, Any]) -> list[str]:
    """Return what `bursar.explain` found as sentences, in the order in which they explain."""
    asset = told["asset"]
    lines = [_sum_of(told)]
    moved = sorted(told["by_verb"].items(), key=lambda pair: (-pair[1], pair[0]))
    for verb, value in moved:
        if value == 0:
            lines.append(f"What {verb} brought and what it took are the same.")
        else:
            way = "came in" if value > 0 else "went out"
            lines.append(f"{signed(value)} {asset} {way} by {verb}.")
    if told["sum_of_holds"]:
        held = counted(len(told["open_holds"]), "open hold")
        verb = "sets" if len(told["open_holds"]) == 1 else "set"
        lines.append(
            f"{held} {verb} {amount(told['sum_of_holds'])} aside,"
            f" so {amount(told['available'])} can be spent."
        )
    if told["owed"]:
        lines.append(f"It owes {amount(told['owed'])}: what could not be taken when it was due.")
    return lines


def _sum_of(told: Mapping[str, Any]) -> str:
    if not told["entries"]:
        return "Nothing ever moved: it has no entries."
    came = sum(value for value in told["by_verb"].values() if value > 0)
    went = -sum(value for value in told["by_verb"].values() if value < 0)
    return (
        f"Its {counted(told['entries'], 'entry')} add up to {amount(told['sum_of_entries'])}"
        f" {told['asset']}: {amount(came)} came in and {amount(went)} went out."
    ).replace("1 entry add up", "1 entry adds up")


def disagreements(told: Mapping[str, Any]) -> list[str]:
    """Return what does not agree, a sentence each; nothing when all of it does."""
    if told["agrees"]:
        return []
    found = []
    if told["sum_of_entries"] != told["balance"]:
        found.append(
            f"The entries add up to {amount(told['sum_of_entries'])},"
            f" but the wallet says {amount(told['balance'])}."
        )
    if told["sum_of_holds"] != told["held"]:
        found.append(
            f"The open holds add up to {amount(told['sum_of_holds'])},"
            f" but the wallet says that {amount(told['held'])} is held."
        )
    if told["entries"] != told["seq"]:
        found.append(
            f"There are {counted(told['entries'], 'entry')}, but the wallet has counted"
            f" {amount(told['seq'])}."
        )
    return found or ["An entry does not follow from the one before it."]
