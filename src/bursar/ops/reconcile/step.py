"""One thing that is to be mended, and one that cannot be."""

from dataclasses import dataclass, field
from typing import Any

from bursar.ops.audit.report import Finding
from bursar.ops.reconcile.kinds import REMEDIES


@dataclass(slots=True)
class Step:
    """A remedy and what it is given; the findings that ask for it; what it came to.

    `before` and `after` are the rows that it touches, as JSON; `transactions` are those it posts.
    """

    remedy: str
    arguments: tuple[Any, ...]
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    before: Any = None
    after: Any = None
    transactions: list[int] = field(default_factory=list)
    done: bool = False

    @property
    def where(self) -> str:
        """What it is given, in words."""
        names = REMEDIES[self.remedy].takes
        pairs = zip(names, self.arguments, strict=True)
        return ", ".join(
            f"{name} {value}" for name, value in pairs if value is not None and name != "keep"
        )

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "remedy": self.remedy,
            "where": self.where,
            "findings": [finding.what for _, finding in self.findings],
            "does": REMEDIES[self.remedy].does,
            "before": self.before,
            "after": self.after,
            "transactions": self.transactions,
            "done": self.done,
        }


@dataclass(frozen=True, slots=True)
class Unmended:
    """A finding that compensation cannot mend, why not, and the heading of its procedure."""

    invariant: str
    finding: Finding
    why: str
    heading: str

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "invariant": self.invariant,
            "what": self.finding.what,
            "ids": self.finding.ids,
            "expected": self.finding.expected,
            "found": self.finding.found,
            "why": self.why,
            "heading": self.heading,
        }
