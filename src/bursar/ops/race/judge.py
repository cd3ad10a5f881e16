"""What a race found: one finding for each scenario, and the verdict over all of them."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

_BROKEN_SHOWN_MAX = 20


@dataclass(slots=True)
class Finding:
    """What one scenario came to.

    `answers` counts the answers by their code, "done" for a success. `broken` says in a sentence
    each promise that did not hold, the first 20 of `broken_count`. `unanswered` counts requests
    that got no answer within every try: nothing can be said about those. `seconds` is how long all
    rounds took.
    """

    scenario: str
    promise: str
    rounds: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    broken_count: int = 0
    unanswered: int = 0
    retries: int = 0
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)

    def expect(self, holds: bool, sentence: str) -> None:
        """Record `sentence` as a broken promise unless it holds."""
        if not holds:
            self.broken_count += 1
            if len(self.broken) < _BROKEN_SHOWN_MAX:
                self.broken.append(sentence)

    @property
    def decided(self) -> bool:
        """Whether the scenario was run, and every request of it answered."""
        return self.rounds > 0 and self.unanswered == 0

    def percentile(self, share: float) -> float:
        """The time of one request, in milliseconds, that `share` of all stay below."""
        if not self.milliseconds:
            return 0.0
        ordered = sorted(self.milliseconds)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    def as_data(self) -> dict[str, Any]:
        """Return the finding as plain data, with percentiles in place of every single time."""
        data = asdict(self)
        del data["milliseconds"]
        data["answers"] = dict(self.answers)
        data["seconds"] = round(self.seconds, 3)
        times = {f"p{round(share * 100)}_ms": self.percentile(share) for share in (0.5, 0.95, 0.99)}
        return {**data, **times, "decided": self.decided}


@dataclass(slots=True)
class Verdict:
    """The findings, and what became of what was made for them.

    `left_behind` says in a sentence each what could not be cleaned up; `stays` says what is there
    by design, because nothing of a ledger is ever removed.
    """

    findings: list[Finding]
    left_behind: list[str]
    stays: str = ""
    seconds: float = 0.0

    @property
    def result(self) -> str:
        """Return "broken", "undecided", or "kept" when every promise was put to the test."""
        if any(finding.broken_count for finding in self.findings):
            return "broken"
        return "kept" if all(finding.decided for finding in self.findings) else "undecided"

    def as_data(self) -> dict[str, Any]:
        """Return the verdict as plain data."""
        return {
            "verdict": self.result,
            "seconds": round(self.seconds, 2),
            "findings": [finding.as_data() for finding in self.findings],
            "left_behind": self.left_behind,
            "stays": self.stays,
        }
