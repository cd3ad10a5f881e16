"""Gives an adopted table back: the column keeps its balances, the ledger keeps its entries."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bursar.adoption.errors import AdoptionError, TiedError
from bursar.adoption.sending import adoption_of, ask, require_installed, step, unhurried
from bursar.ops.migrate.errors import MigrationError
from bursar.ops.migrate.session import Connection, connect

CLOSING_BATCH = 1_000
# How long to wait for transactions that began before the ledger's functions refused the asset.
LEAVE_SECONDS = 30.0
_POLL_SECONDS = 0.05


@dataclass(slots=True)
class GivenBack:
    """What was done: closing entries of this run."""

    asset: str
    store: str
    closed: int = 0
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        return (
            f"{self.store} is its app's again, with the balances it has; {self.closed:,} closing"
            f" entries of {self.asset} were written, in {self.seconds:.1f} s."
        )

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def plan_back(url: str, asset: str) -> list[str]:
    """Say what giving back would do, a line each.

    Raises `AdoptionError` where the asset is not adopted, `TiedError` where open holds or debts
    are in the way.
    """
    with connect(url, "bursar adopt") as connection:
        require_installed(connection)
        adoption = _adoption(connection, asset)
        _refuse_ties(connection, asset)
    store = adoption["store"]
    if adoption["stage"] == "closing":
        return [f"Go on writing closing entries of {asset}: {adoption['rows_done']:,} are there."]
    return [
        f"Refuse {asset} in the ledger's functions, and wait for whoever began before.",
        f"Drop the ledger's triggers, checks and columns from {store}; no balance is touched.",
        f"Write a closing entry for each wallet of {asset}: its entries stay, and end at 0.",
    ]


def give_back(
    url: str, asset: str, *, on_rows: Callable[[int], object] = lambda done: None
) -> GivenBack:
    """Give the table of `asset` back, from wherever it stands; killed, run it again.

    Raises as `plan_back` does, `AdoptionError` where an old transaction does not end, and
    `MigrationError`, `Busy` among them, for what the database says.
    """
    started = time.monotonic()
    with connect(url, "bursar adopt") as connection:
        require_installed(connection)
        adoption = _adoption(connection, asset)
        done = GivenBack(asset, adoption["store"])
        if adoption["stage"] != "closing":
            _refuse_ties(connection, asset)
            connection.execute("SET search_path = ''")
            if adoption["stage"] in ("adopted", "leaving"):
                _leave(connection, asset)
            try:
                step(connection, "bursar.give_back(%s)", [asset])
            except MigrationError:
                step(connection, "bursar.resume_adopted(%s)", [asset])
                _refuse_ties(connection, asset)
                raise
        done.closed = close_entries(connection, asset, on_rows)
    done.seconds = time.monotonic() - started
    return done


def close_entries(
    connection: Connection, asset: str, on_rows: Callable[[int], object] = lambda done: None
) -> int:
    """Write the closing entries that are left, and return how many those were."""
    closed: int = 0
    while True:
        batch = unhurried(connection, "bursar.close_given_back(%s, %s)", [asset, CLOSING_BATCH])
        closed += int(batch["closed"])
        on_rows(closed)
        if batch["end"]:
            return closed


def _leave(connection: Connection, asset: str) -> None:
    """Have the ledger refuse the asset, and wait for the writers that were inside already."""
    step(connection, "bursar.leave_adopted(%s)", [asset])
    writers = _writers(connection)
    deadline = time.monotonic() + LEAVE_SECONDS
    while writers:
        if time.monotonic() > deadline:
            step(connection, "bursar.resume_adopted(%s)", [asset])
            raise AdoptionError(
                f"{len(writers)} transactions that began before have not ended in"
                f" {LEAVE_SECONDS:.0f} s, so nothing was given back: `bursar diagnose` names them."
            )
        time.sleep(_POLL_SECONDS)
        writers &= _writers(connection)


def _writers(connection: Connection) -> set[str]:
    return {writer["id"] for writer in ask(connection, "SELECT bursar.read_writers()")}


def _adoption(connection: Connection, asset: str) -> dict[str, Any]:
    adoption = adoption_of(connection, asset)
    if adoption is None or adoption["stage"] == "given back":
        raise AdoptionError(f"{asset} is no asset of an adopted table.")
    return adoption


def _refuse_ties(connection: Connection, asset: str) -> None:
    """Raise where something of the asset would be lost: what is held, and what is owed."""
    ties = ask(connection, "SELECT bursar.read_ties(%s)", asset)
    told = [
        f"Hold {hold['id']} of {hold['owner_id']} over {hold['left']} ({hold['reason']}) is open:"
        " capture or release it."
        for hold in ties["holds"]
    ] + [
        f"{debt['owner_id']} owes {debt['owed']}: have it repaid by a grant, or set its balance in"
        f" bursar.wallet (asset {asset}:owed) to 0, which is recorded."
        for debt in ties["debts"]
    ]
    if told:
        raise TiedError(
            "\n".join([f"{asset} cannot be given back yet; nothing was changed.", *told])
        )
