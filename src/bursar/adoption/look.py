"""Looks at a table before it is adopted: what is in the way, what it would change, what is to do.

Nothing is changed by looking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bursar.adoption.errors import NotReadyError
from bursar.adoption.sending import adoption_of, ask, require_installed
from bursar.ops.migrate.session import Connection, connect

Negative = Literal["stop", "debt", "zero"]
Missing = Literal["stop", "zero"]

_IN_WORDS = {
    "negative": "rows are negative",
    "missing": "rows have no balance (NULL)",
    "not_a_number": "rows are NaN, which is no balance",
    "too_large": "rows hold more than 10^18",
    "owner": "rows have owners that are no printable ASCII of at most 255 bytes, or begin or end"
    " with a space, or with system:",
    "held": "rows are locked by other transactions",
}
_CHOICES = {
    "negative": "--negative debt makes each a debt of its owner and the balance 0; --negative zero"
    " writes it off, with entries that say so; or mend the rows.",
    "missing": "--missing zero opens them with 0; or mend the rows.",
}
_MEND = "Mend the rows first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants adopted: an asset, and the table and columns with its balances.

    `negative` and `missing` decide what becomes of rows below zero and of NULLs; None and "stop"
    both leave them to be decided. `writers` are roles whose raw writes are to be recorded. Table
    and columns may be left out where the asset is being adopted already.
    """

    asset: str
    table: str = ""
    owner: str = ""
    balance: str = ""
    negative: Negative | None = None
    missing: Missing | None = None
    writers: Sequence[str] = ()


@dataclass(slots=True)
class Findings:
    """What was found out. `adoption` is how far it has come, where it was begun."""

    wish: Wish
    store: str = ""
    obstacles: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    rows: int = 0
    total: int = 0
    troubles: dict[str, Any] = field(default_factory=dict)
    adoption: dict[str, Any] | None = None

    @property
    def under_way(self) -> bool:
        """Whether it was begun and is not at its end."""
        return self.adoption is not None and self.adoption["stage"] in ("opening", "guarding")

    @property
    def in_the_way(self) -> list[str]:
        """What has to be mended or decided first, a sentence each."""
        return [*self.obstacles, *undecided(self.troubles, self.wish)]

    @property
    def plan(self) -> list[str]:
        """What would be done, a line each."""
        wish = self.wish
        if self.under_way and self.adoption is not None:
            done = self.adoption["rows_done"]
            return [f"Go on adopting {self.store} as {wish.asset}: {done:,} rows are opened."]
        column = f"{self.store}.{wish.balance}"
        return [
            f"Adopt {column} as the balances of asset {wish.asset}, whose owners are in"
            f" {wish.owner}: {self.rows:,} rows, {self.total:,} in all.",
            f"Add bursar_held, bursar_seq and bursar_status to {self.store}; no row is rewritten.",
            "Record every raw write of a balance as an entry, from then on.",
            f"Open {self.rows:,} wallets in batches, with an entry of the balance each has.",
            *(
                f"{self.troubles[kind]['count']:,} {_IN_WORDS[kind]}: {chosen}."
                for kind, chosen in (("negative", wish.negative), ("missing", wish.missing))
                if kind in self.troubles and chosen
            ),
            "Put the checks and the trigger enforce_non_negative_balance on; prove the checks.",
            f"Make the ledger's functions for {wish.asset}.",
            *self.remarks,
        ]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "asset": self.wish.asset,
            "store": self.store,
            "ready": not self.in_the_way,
            "in_the_way": self.in_the_way,
            "plan": self.plan,
            "rows": self.rows,
            "total": self.total,
            "troubles": self.troubles,
            "stage": self.adoption["stage"] if self.adoption else None,
        }


def look(url: str, wish: Wish) -> Findings:
    """Find out whether and how a table can be adopted; every row is read once, none is changed.

    Raises `NotReadyError` where there is no such table or role, `MigrationError` for what the
    database says.
    """
    with connect(url, "bursar adopt") as connection:
        require_installed(connection)
        return findings(connection, wish)


def findings(connection: Connection, wish: Wish) -> Findings:
    """Do the same on a connection that is there."""
    found = Findings(wish, adoption=adoption_of(connection, wish.asset))
    if found.adoption is not None and found.adoption["stage"] in ("opening", "guarding"):
        found.store = found.adoption["store"]
        return found
    if found.adoption is not None and found.adoption["stage"] in ("adopted", "leaving"):
        raise NotReadyError([f"{wish.asset} is adopted already: {found.adoption['store']}."])
    if not (wish.table and wish.owner and wish.balance):
        raise NotReadyError(["Which one? Say --table, --owner and --balance."])
    found.store = _named(connection, wish.table)
    found.obstacles = ask(
        connection,
        "SELECT bursar.read_obstacles(%s, %s::regclass, %s, %s)",
        *(wish.asset, found.store, wish.owner, wish.balance),
    )
    found.obstacles += _unknown_roles(connection, wish.writers)
    if not found.obstacles:
        columns = (found.store, wish.owner, wish.balance)
        rows = ask(connection, "SELECT bursar.read_found_rows(%s::regclass, %s, %s)", *columns)
        found.rows, found.total = int(rows["rows"]), int(rows["sum"])
        found.troubles = rows["troubles"]
        found.remarks = ask(
            connection,
            "SELECT bursar.read_remarks(%s::regclass, %s, %s, %s::text[])",
            *(*columns, roles(connection, wish.writers)),
        )
    return found


def undecided(troubles: dict[str, Any], wish: Wish) -> list[str]:
    """Say which rows no wallet can be opened with, with examples, and the choices there are."""
    decided = {
        kind
        for kind, choice in (("negative", wish.negative), ("missing", wish.missing))
        if choice not in (None, "stop")
    }
    told = []
    for kind, rows in sorted(troubles.items()):
        if kind in decided:
            continue
        examples = ", ".join(f"{row['owner']}: {row['balance']}" for row in rows["examples"])
        told.append(
            f"{rows['count']:,} {_IN_WORDS[kind]} ({examples}). {_CHOICES.get(kind, _MEND)}"
        )
    return told


def roles(connection: Connection, names: Sequence[str]) -> list[str]:
    """Return roles as SQL writes their names, quoted where that is needed."""
    return [ask(connection, "SELECT quote_ident(%s)", name) for name in names]


def _named(connection: Connection, table: str) -> str:
    """Return the table's full name; one without a schema is looked for in `public`."""
    connection.execute("SET search_path = ''")
    full = table if "." in table else f"public.{table}"
    found = ask(connection, "SELECT to_regclass(%s)::text", full)
    if found is None:
        raise NotReadyError([f"There is no table {table}."])
    return str(found)


def _unknown_roles(connection: Connection, names: Sequence[str]) -> list[str]:
    known = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s)"
    return [f"There is no role {name}." for name in names if not ask(connection, known, name)]
