"""What an audit found, as data; the command line renders it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from bursar.ops.audit.invariant import Invariant


@dataclass(frozen=True, slots=True)
class Finding:
    """One exception to an invariant: what is wrong, with which rows, and what should be there."""

    what: str
    ids: dict[str, Any]
    expected: str
    found: str


@dataclass(slots=True)
class Verdict:
    """What became of one invariant.

    `rows` were checked, `findings` are all exceptions, `told` the first few of them. `seconds` is
    the time of its statements, one after the other.
    """

    invariant: Invariant
    rows: int = 0
    findings: int = 0
    seconds: float = 0.0
    told: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return self.findings == 0


@dataclass(slots=True)
class Report:
    """All verdicts of one audit: of one moment, `taken_at`, and in `seconds` from begin to end.

    `covered` is the last seal there was then: its rows were all looked at, now or by the audit
    whose `checkpoint` this one began behind. Both are None where there is none.
    """

    verdicts: list[Verdict]
    taken_at: str
    seconds: float
    checkpoint: int | None = None
    covered: int | None = None

    @property
    def clean(self) -> bool:
        """Whether every invariant holds."""
        return all(verdict.holds for verdict in self.verdicts)

    def as_data(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "clean": self.clean,
            "taken_at": self.taken_at,
            "seconds": round(self.seconds, 3),
            "checkpoint": self.checkpoint,
            "covered": self.covered,
            "invariants": [
                {
                    "name": verdict.invariant.name,
                    "promise": verdict.invariant.promise,
                    "sentence": verdict.invariant.sentence,
                    "meaning": verdict.invariant.meaning,
                    "since": verdict.invariant.since,
                    "rows": verdict.rows,
                    "findings": verdict.findings,
                    "seconds": round(verdict.seconds, 3),
                    "told": [asdict(finding) for finding in verdict.told],
                }
                for verdict in self.verdicts
            ],
        }
