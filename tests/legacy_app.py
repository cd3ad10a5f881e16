"""An app that knows nothing of the ledger and writes its balances, beside callers of the verbs.

Everybody writes down what they were told was done, so that at the end each balance can be said.
"""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bursar.db.scratch import ScratchDatabase
from tests.adopting import carry, one

JOIN_SECONDS = 120.0
# Of the kernel: these are answers, and nothing was done.
ANSWERS = {
    "INSUFFICIENT_FUNDS",
    "BUSY",
    "ASSET_NOT_FOUND",
    "WALLET_NOT_FOUND",
    "SELF_TRANSFER",
}
Connection = psycopg.Connection[Any]


@dataclass(slots=True)
class LegacyApp:
    """The app's writers and the ledger's callers, as threads that go on until they are stopped."""

    database: ScratchDatabase
    members: int
    seed: int
    changes: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    longest_seconds: float = 0.0
    longest: str = ""
    holds: bool = True
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _tally: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Any = field(default_factory=itertools.count)

    def start(self) -> None:
        """Begin: three writers of the app, and two callers of the ledger's verbs."""
        acts: list[Callable[[Connection, random.Random], None]] = [
            self._subtract,
            self._read_modify_write,
            self._several_things,
            self._call_the_ledger,
            self._call_the_ledger,
        ]
        for number, act in enumerate(acts):
            dice = random.Random(self.seed + number)
            self._threads.append(threading.Thread(target=self._go_on, args=(act, dice)))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all of them; nobody may have met a fault."""
        self._stop.set()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
            assert not thread.is_alive(), "It is stuck."
        assert not self.faults, self.faults

    def _go_on(self, act: Callable[[Connection, random.Random], None], dice: random.Random) -> None:
        try:
            with psycopg.connect(self.database.url, autocommit=True) as connection:
                while not self._stop.is_set():
                    began = time.monotonic()
                    try:
                        act(connection, dice)
                    except psycopg.errors.CheckViolation as error:
                        # What the ledger holds for somebody is not the app's to take.
                        if error.diag.constraint_name != "points_bursar_held":
                            raise
                        self._answered("held")
                    lasted = time.monotonic() - began
                    if lasted > self.longest_seconds:
                        self.longest_seconds, self.longest = lasted, act.__name__
                    time.sleep(0.004)
        except Exception as error:  # told by `stop`
            self.faults.append(f"{act.__name__}: {error!r}")

    def _count(self, what: str, **changes: int) -> None:
        with self._tally:
            self.done[what] += 1
            for member, change in changes.items():
                self.changes[member] += change

    def _member(self, dice: random.Random) -> str:
        """One of a few that everybody writes, or any."""
        return f"m{dice.randrange(40 if dice.random() < 0.3 else self.members):06}"

    def _subtract(self, app: Connection, dice: random.Random) -> None:
        member, amount = self._member(dice), dice.randint(1, 9)
        moved = app.execute(
            "UPDATE public.points SET amount = amount - %s WHERE member = %s AND amount >= %s",
            [amount, member, amount],
        )
        if moved.rowcount:
            self._count("subtract", **{member: -amount})

    def _read_modify_write(self, app: Connection, dice: random.Random) -> None:
        member, change = self._member(dice), dice.randint(-9, 12)
        with app.transaction():
            balance = one(
                app, "SELECT amount FROM public.points WHERE member = %s FOR UPDATE", member
            )
            time.sleep(dice.choice((0, 0, 0.003)))
            changed = max(0, balance + change)
            app.execute("UPDATE public.points SET amount = %s WHERE member = %s", [changed, member])
        self._count("read, modify, write", **{member: changed - balance})

    def _several_things(self, app: Connection, dice: random.Random) -> None:
        """Upserts, new members and members who leave; and what is no balance at all."""
        member = self._member(dice)
        new = f"n{next(self._numbers):06}"
        match dice.randrange(4):
            case 0:
                app.execute(
                    "INSERT INTO public.points (member, amount) VALUES (%s, 5) ON CONFLICT (member)"
                    " DO UPDATE SET amount = points.amount + EXCLUDED.amount",
                    [member],
                )
                self._count("upsert", **{member: 5})
            case 1:
                app.execute("INSERT INTO public.points (member, amount) VALUES (%s, 8)", [new])
                self._count("insert", **{new: 8})
            case 2:
                app.execute("INSERT INTO public.points (member, amount) VALUES (%s, 3)", [new])
                app.execute("DELETE FROM public.points WHERE member = %s", [new])
                self._count("insert and delete")
            case _:
                app.execute("UPDATE public.points SET nick = %s WHERE member = %s", [new, member])
                self._count("other column")

    def _call_the_ledger(self, admin: Connection, dice: random.Random) -> None:
        """From the moment the asset is there its verbs work, until it is given back."""
        member, other, amount = self._member(dice), self._member(dice), dice.randint(1, 9)
        match dice.choice(["grant", "spend", "transfer", *(["hold"] if self.holds else [])]):
            case "grant":
                if self._call(admin, "grant", owner_id=member, amount=amount):
                    self._count("grant", **{member: amount})
            case "spend":
                if self._call(admin, "spend", owner_id=member, amount=amount):
                    self._count("spend", **{member: -amount})
            case "transfer":
                moved = {"owner_id": member, "to_owner_id": other, "amount": amount}
                if self._call(admin, "transfer", **moved):
                    self._count("transfer", **{member: -amount, other: amount})
            case _:
                held = self._call(
                    admin, "hold", owner_id=member, amount=amount + 1, expires_in_seconds=3600
                )
                if held:
                    taken = {"hold_id": held["hold_id"], "amount": amount, "final": True}
                    while not self._call(admin, "capture", **taken):
                        time.sleep(0.01)
                    self._count("hold and capture", **{member: -amount})

    def _call(self, admin: Connection, verb: str, **fields: Any) -> dict[str, Any] | None:
        outcome = carry(admin, verb, **fields)
        if outcome["status"] == "done":
            return outcome
        assert outcome["code"] in ANSWERS, outcome
        self._answered(outcome["code"])
        return None

    def _answered(self, what: str) -> None:
        with self._tally:
            self.answers[what] += 1
