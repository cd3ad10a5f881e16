"""What the verification of the seals found, as data; the command line renders it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from bursar.ops.audit.report import Finding


@dataclass(slots=True)
class SealReport:
    """The chain, and what is not as it was sealed.

    `rows` of transactions and entries were compared in so many `seals`; `unsealed` transactions
    came after the last. `broken` is the first seal that differs, and None where none does.
    `findings` are all that were counted, `told` the first of them. `number` and `head` are of the
    last seal; `anchored` says which seal has the head that was asked for, and is 0 where none has.
    """

    seals: int = 0
    rows: int = 0
    unsealed: int = 0
    broken: int | None = None
    findings: int = 0
    told: list[Finding] = field(default_factory=list)
    number: int | None = None
    head: str | None = None
    anchored: int | None = None
    taken_at: str = ""
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether something is sealed, and nothing speaks against it."""
        return self.seals > 0 and not self.findings

    def as_data(self) -> dict[str, Any]:
        """Return everything for JSON."""
        data = {name: getattr(self, name) for name in self.__slots__}
        data["told"] = [asdict(finding) for finding in self.told]
        return {"holds": self.holds, **data, "seconds": round(self.seconds, 3)}
