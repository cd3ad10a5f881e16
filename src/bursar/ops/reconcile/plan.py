"""From findings to steps: each row is mended once, whatever spoke against it, in a fixed order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bursar.ops.audit.report import Finding, Report
from bursar.ops.reconcile.kinds import (
    EDITED,
    REMEDIES,
    SEAL,
    SUSPICIOUS,
    arguments_of,
    heading_of,
    remedy_of,
)
from bursar.ops.reconcile.step import Step, Unmended
from bursar.ops.seal.report import SealReport

_BY_HAND = "no compensation can mend it"
_ORDER = tuple(REMEDIES)


@dataclass(slots=True)
class Plan:
    """What is to be done, in order, and what cannot be."""

    steps: list[Step] = field(default_factory=list)
    unmended: list[Unmended] = field(default_factory=list)


def suspects(report: Report, seals: SealReport) -> list[int]:
    """Return the transactions of which something was changed, added or removed past the kernel."""
    named = {finding.ids.get("transaction_id") for finding in seals.told}
    for invariant, finding in _findings(report):
        if invariant in SUSPICIOUS:
            named.add(finding.ids.get("transaction_id"))
    return sorted(int(one) for one in named if one is not None)


def make_plan(
    report: Report, seals: SealReport, touched: Iterable[tuple[str, str]], keep: bool
) -> Plan:
    """Decide for each finding what becomes of it.

    `touched` are the wallets of suspect transactions, as (asset, owner): their entries cannot say
    what they should have. With `keep` a balance stays, and its entries catch up.
    """
    plan = Plan()
    suspicious = set(touched)
    steps: dict[tuple[str, tuple[Any, ...]], Step] = {}
    plan.unmended += [_unsealed(finding) for finding in seals.told]
    for invariant, finding in _findings(report):
        name = remedy_of(invariant, finding.what)
        arguments = arguments_of(REMEDIES[name], finding.ids, keep) if name else None
        if name is None or arguments is None:
            heading = heading_of(invariant, finding.what)
            plan.unmended.append(Unmended(invariant, finding, _BY_HAND, heading))
        elif name == "wallet" and arguments[:2] in suspicious:
            why = "entries of it were changed, so they do not say what it should have"
            plan.unmended.append(Unmended(invariant, finding, why, EDITED))
        else:
            step = steps.setdefault((name, arguments), Step(name, arguments))
            step.findings.append((invariant, finding))
    plan.steps = sorted(steps.values(), key=lambda step: _ORDER.index(step.remedy))
    return plan


def refused(step: Step, why: str) -> list[Unmended]:
    """Return the findings of a step that could not be carried out."""
    return [
        Unmended(invariant, finding, why, heading_of(invariant, finding.what))
        for invariant, finding in step.findings
    ]


def _findings(report: Report) -> Iterator[tuple[str, Finding]]:
    for verdict in report.verdicts:
        for finding in verdict.told:
            yield verdict.invariant.name, finding


def _unsealed(finding: Finding) -> Unmended:
    """What the seals found is proof of an edit; where a row is named it stands with its kind."""
    is_row = "transaction_id" in finding.ids
    return Unmended("verify-seal", finding, _BY_HAND, EDITED if is_row else SEAL)
