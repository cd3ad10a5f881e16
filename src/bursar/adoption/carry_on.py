"""Adopts a table, from wherever it stands: each step is a transaction that says it is done.

Killed at any moment, the same command goes on where the last transaction ended.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bursar.adoption.errors import NotReadyError, UndecidedError
from bursar.adoption.give_back import close_entries
from bursar.adoption.look import Wish, findings, roles, undecided
from bursar.adoption.sending import (
    adoption_of,
    ask,
    require_installed,
    step,
    unhurried,
)
from bursar.ops.migrate.session import Connection, connect

# So many rows are locked at once while they are opened, for some tens of milliseconds.
BATCH = 250
# How long to come back for rows that other transactions hold.
PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


@dataclass(slots=True)
class Adopted:
    """What was done: rows opened by this run, and how long its longest batch held its rows."""

    asset: str
    store: str = ""
    opened: int = 0
    longest_batch_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        return (
            f"{self.store} is the store of {self.asset}: {self.opened:,} rows were opened in"
            f" {self.seconds:.1f} s; no row was held for longer than"
            f" {self.longest_batch_seconds * 1000:.0f} ms."
        )

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def apply_adoption(
    url: str,
    wish: Wish,
    *,
    on_rows: Callable[[int], object] = lambda done: None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Adopted:
    """Adopt what `wish` names, or go on with it; `on_rows` is told how many rows are open.

    No update of the app is lost meanwhile, and nobody waits for longer than a batch or a lock's
    300 ms. Raises `NotReadyError` before anything is changed; `UndecidedError` where rows came up
    that nobody has decided about; `MigrationError`, `Busy` among them, for what the database says.
    """
    started = time.monotonic()
    done = Adopted(wish.asset)
    with connect(url, "bursar adopt") as connection:
        require_installed(connection)
        stage = _begun(connection, wish)
        connection.execute("SET search_path = ''")
        if stage == "opening":
            _open_rows(connection, wish, done, on_rows, patience_seconds)
            step(connection, "bursar.guard_adopted(%s)", [wish.asset])
        unhurried(connection, "bursar.validate_adopted(%s)", [wish.asset])
        step(connection, "bursar.enter_adopted(%s)", [wish.asset])
        adoption = adoption_of(connection, wish.asset)
        done.store = adoption["store"] if adoption else ""
    done.seconds = time.monotonic() - started
    return done


def _begun(connection: Connection, wish: Wish) -> str:
    """Begin, or see that it was begun; return the stage from which to go on."""
    adoption = adoption_of(connection, wish.asset)
    if adoption is not None and adoption["stage"] == "closing":
        close_entries(connection, wish.asset)
    found = findings(connection, wish)
    if found.in_the_way:
        raise NotReadyError(found.in_the_way)
    if found.under_way and found.adoption is not None:
        unhurried(
            connection,
            "bursar.decide_adoption(%s, %s, %s)",
            [wish.asset, wish.negative, wish.missing],
        )
        return str(found.adoption["stage"])
    step(
        connection,
        "bursar.begin_adoption(%s, %s::regclass, %s, %s, %s, %s, %s::text[])",
        [
            *(wish.asset, found.store, wish.owner, wish.balance),
            *(wish.negative or "stop", wish.missing or "stop"),
            roles(connection, wish.writers),
        ],
    )
    return "opening"


def _open_rows(
    connection: Connection,
    wish: Wish,
    done: Adopted,
    on_rows: Callable[[int], object],
    patience_seconds: float,
) -> None:
    """Open every row: once through the table by its key, then what was passed over."""
    adoption = adoption_of(connection, wish.asset)
    before = adoption["rows_done"] if adoption else 0
    left = False
    deadline = time.monotonic() + patience_seconds
    while True:
        began = time.monotonic()
        batch = unhurried(
            connection, "bursar.open_found_wallets(%s, %s, %s)", [wish.asset, BATCH, left]
        )
        lasted = time.monotonic() - began
        done.opened += batch["opened"]
        done.longest_batch_seconds = max(done.longest_batch_seconds, lasted)
        on_rows(before + done.opened)
        if not left:
            left = batch["end"]
        elif batch["opened"]:
            deadline = time.monotonic() + patience_seconds
        else:
            unopened = ask(connection, "SELECT bursar.read_unopened(%s)", wish.asset)
            if not unopened:
                return
            _wait_or_give_up(unopened, deadline)


def _wait_or_give_up(unopened: dict[str, Any], deadline: float) -> None:
    """Wait a moment for rows that somebody holds; raise where waiting would not help."""
    if set(unopened) == {"held"} and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        return
    # What was decided has been opened, so whatever is left is undecided or held.
    told = undecided(unopened, Wish(asset=""))
    raise UndecidedError(
        "\n".join(
            [
                "Every other row is open and stays so; raw writes are recorded. Run it again, with"
                " a decision, to go on.",
                *told,
            ]
        )
    )
