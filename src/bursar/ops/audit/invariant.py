"""The invariants as data: what each file says of itself, and the query that looks for exceptions.

A file begins with comments: a line `-- P1: sentence.`, then what a finding means, then lines that
say how it is run. `-- rows: …` is the query that counts what is checked. `-- slices: transaction
ids` says that the file is run for one range of ids ($2 to $3) after the other. `-- needs: …` leaves
it out where that table does not exist. $1 is how many findings are told.

An incremental audit begins behind a checkpoint where a file says so: those that are sliced begin
with a later slice; `-- since: entries` reads later entries only, `-- since: keys` those keys that
were written from a day before it on; and for some a file of the same name in `since/` stands in,
whose $2 is the checkpoint's last id. All others look at everything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources

from bursar.errors import BursarError

_FOLDER = resources.files("bursar.ops.audit")
_PROMISE = re.compile(r"-- (?P<promise>P\d+): (?P<sentence>[^\n]+)\n")
_MEANING = re.compile(r"^-- (A finding .*?)\n--\n", re.MULTILINE | re.DOTALL)
_HOW = re.compile(r"^-- (rows|slices|needs|since): (.+)$", re.MULTILINE)
_BY_TRANSACTION = "transaction ids"
_BEGINNINGS = ("entries", "keys")
# What stands for a table of which only the rows behind a checkpoint are looked at.
_TABLE = re.compile(r"\bFROM bursar\.(entry|transaction|idempotency)\b(?P<alias> AS \w+)?")
_LATER = {
    "entry": "transaction_id > {last_id}",
    "transaction": "id > {last_id}",
    "idempotency": "created_at > '{keys_from}'::timestamptz",
}


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
    begins: str = ""
    since: int | None = None

    def behind(self, last_id: int, keys_from: str) -> "Invariant":
        """Return it as an incremental audit asks it, of what came behind the transaction `last_id`.

        Of keys it asks for those written from the moment `keys_from` on. `since` says from which
        transaction on it looks; it is None where it looks at everything all the same.
        """
        stand_in = _FOLDER / "since" / f"{self.name}.sql"
        if stand_in.is_file():
            later = Invariant.read(self.name, stand_in.read_text("utf-8"))
            return replace(later, since=last_id)
        if not self.sliced and not self.begins:
            return self

        def later_rows(found: re.Match[str]) -> str:
            # Keys are looked at by themselves; what they name may be older.
            if (found[1] == "idempotency") != (self.begins == "keys"):
                return found[0]
            where = _LATER[found[1]].format(last_id=last_id, keys_from=keys_from)
            alias = found["alias"] or f" AS {found[1]}"
            # These are a number and a moment that the database gave.
            return f"FROM (SELECT * FROM bursar.{found[1]} WHERE {where}){alias}"  # noqa: S608

        rows = _TABLE.sub(later_rows, self.rows)
        query = self.query if self.sliced else _TABLE.sub(later_rows, self.query)
        return replace(self, rows=rows, query=query, since=last_id)

    @classmethod
    def read(cls, name: str, text: str) -> "Invariant":
        """Read the text of a file. Raises `ValueError` that names what its comments lack."""
        promise, meaning = _PROMISE.match(text), _MEANING.search(text)
        how = dict(_HOW.findall(text))
        slices, begins = how.get("slices", _BY_TRANSACTION), how.get("since", "")
        known = slices == _BY_TRANSACTION and begins in ("", *_BEGINNINGS)
        if promise is None or meaning is None or "rows" not in how or not known:
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
            begins=begins,
        )


def load_invariants(only: Sequence[str] = ()) -> tuple[Invariant, ...]:
    """Return the invariants named in `only`, or all, in the order of their promises.

    Raises `UnknownInvariant` for a name that none has.
    """
    found = [
        Invariant.read(file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in (_FOLDER / "invariants").iterdir()
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
