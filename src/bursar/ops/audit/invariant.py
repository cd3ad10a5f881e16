"""The invariants as data: what each file says of itself, and the query that looks for exceptions.

A file begins with comments: a line `-- P1: sentence.`, then what a finding means, then lines that
say how it is run. `-- rows: …` is the query that counts what is checked. `-- slices: transaction
ids` says that the file is run for one range of ids ($2 to $3) after the other. `-- needs: …` leaves
it out where that table does not exist. $1 is how many findings are told.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from bursar.errors import BursarError

_PROMISE = re.compile(r"-- (?P<promise>P\d+): (?P<sentence>[^\n]+)\n")
_MEANING = re.compile(r"^-- (A finding .*?)\n--\n", re.MULTILINE | re.DOTALL)
_HOW = re.compile(r"^-- (rows|slices|needs): (.+)$", re.MULTILINE)
_BY_TRANSACTION = "transaction ids"


class UnknownInvariant(BursarError):
    """A name was asked for that no invariant has."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise, or a part of one, and the query whose rows are exceptions to it.

    Its rows are (what, ids as JSON, expected, found, findings in all); at most $1 of them. `rows`
    is the query that counts what it checks.
    """

    name: str
    promise: str
    sentence: str
    meaning: str
    rows: str
    needs: str
    sliced: bool
    query: str

    @classmethod
    def read(cls, name: str, text: str) -> "Invariant":
        """Read the text of a file. Raises `ValueError` that names what its comments lack."""
        promise, meaning = _PROMISE.match(text), _MEANING.search(text)
        how = dict(_HOW.findall(text))
        slices = how.get("slices", _BY_TRANSACTION)
        if promise is None or meaning is None or "rows" not in how or slices != _BY_TRANSACTION:
            raise ValueError(f"{name}.sql does not begin as an invariant does.")
        return cls(
            name=name,
            promise=promise["promise"],
            sentence=promise["sentence"],
            meaning=meaning[1].replace("\n--", ""),
            rows=how["rows"],
            needs=how.get("needs", ""),
            sliced="slices" in how,
            query=text,
        )


def load_invariants(only: Sequence[str] = ()) -> tuple[Invariant, ...]:
    """Return the invariants named in `only`, or all, in the order of their promises.

    Raises `UnknownInvariant` for a name that none has.
    """
    folder = resources.files("bursar.ops.audit") / "invariants"
    found = [
        Invariant.read(file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    found.sort(key=lambda invariant: (int(invariant.promise[1:]), invariant.name))
    names = [invariant.name for invariant in found]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise UnknownInvariant(
            f"There is no invariant {', '.join(unknown)}. There are: {', '.join(names)}."
        )
    return tuple(invariant for invariant in found if not only or invariant.name in only)
