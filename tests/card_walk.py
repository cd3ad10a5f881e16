"""A card payment's events in every order, on two databases at once; see `card_walk.sql`."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from bursar.db.embedded import Cluster
from bursar.db.scratch import scratch_database
from tests.ledger_in_sql import Ledger
from tests.market import Event

CONNECTIONS = 2
# Makes a payment in a database where there is nothing yet, the same in each, and its events.
Story = Callable[[Ledger], Sequence[Event]]
States = list[dict[str, Any] | None]
Part = tuple[States, list[str], list[int]]
_SQL = Path(__file__).with_suffix(".sql")


@dataclass(slots=True)
class Walked:
    """What was found: `states` by the set of events, as places in `events`."""

    events: Sequence[Event]
    states: dict[frozenset[int], dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    orders: int = 0
    prefixes: int = 0
    came_again: int = 0

    def told(self) -> str:
        """The figures, for the log; of the states, how many differ in more than the inbox."""
        ends = {str(state | {"inbox": ""}) for state in self.states.values()}
        return (
            f"{self.orders} orders, {self.prefixes} prefixes, {self.came_again} events came again,"
            f" {len(self.states)} sets, {len(ends)} distinct states"
        )

    def add(self, states: States, faults: list[str], counts: list[int]) -> None:
        """Add what one part of the tree has shown; the parts must agree."""
        for place, state in enumerate(states):
            if state is None:
                continue
            events = frozenset(n for n in range(place.bit_length()) if place >> n & 1)
            known = self.states.setdefault(events, state)
            if known != state:
                self.faults.append(f"{sorted(events)} is not what the set was\n{state}\n{known}")
        self.faults.extend(faults)
        self.orders += counts[0]
        self.prefixes += counts[1]
        self.came_again += counts[2]


def walk(cluster: Cluster, template: str, story: Story, everything: bool) -> Walked:
    """Walk all orders of the events of `story`.

    After the first order of each set, all of its events come again, after the others one of them;
    with `everything` all of them always.
    """
    with ExitStack() as stack:
        ledgers = [
            Ledger(stack.enter_context(scratch_database(cluster, template)))
            for _ in range(CONNECTIONS)
        ]
        events = [story(ledger) for ledger in ledgers]
        for ledger in ledgers:
            ledger.admin.execute(_SQL.read_bytes())
        walked = Walked(events[0])
        [(nothing,)] = ledgers[0].rows("SELECT public.card_state()")
        walked.add([nothing], [], [0, 0, 0])
        parts = _parts(len(events[0]))

        def work(number: int) -> list[Part]:
            return [
                _walk_part(ledgers[number].admin, events[number], prefix, everything)
                for prefix in parts
            ]

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for found in pool.map(work, range(CONNECTIONS)):
                for part in found:
                    walked.add(*part)
    return walked


def _parts(count: int) -> Iterator[list[int]]:
    """First each event by itself, then all that follows the beginnings of two; safe to share."""
    firsts = range(1, count + 1)
    return iter(
        [[one] for one in firsts] + [[one, two] for one in firsts for two in firsts if one != two]
    )


def _walk_part(
    connection: psycopg.Connection, events: Sequence[Event], prefix: list[int], everything: bool
) -> Part:
    with connection.transaction(force_rollback=True):
        for one in prefix[:-1]:
            connection.execute("SELECT public.deliver(%s, false)", [Jsonb(events[one - 1])])
        row = connection.execute(
            "SELECT x_states, x_faults, x_counts FROM public.walk(%s::jsonb[], %s::int[], %s, %s,"
            " array_fill(NULL::jsonb, ARRAY[%s::int]))",
            [
                [Jsonb(event) for event in events],
                prefix,
                len(prefix) > 1,
                everything,
                1 << len(events),
            ],
        ).fetchone()
    assert row is not None
    # What was undone still lies in the tables, and every look at them would pass it.
    connection.execute(
        "VACUUM bursar.inbox, bursar.entry, bursar.transaction, bursar.wallet, public.leads,"
        " public.workspace_credits, public.marketplace_purchases, public.card_payments,"
        " public.marketplace_purchase_items, public.card_payouts, public.card_refunds"
    )
    states, faults, counts = row
    return states, faults, counts
