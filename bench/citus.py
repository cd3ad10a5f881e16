"""`python -m bench.citus`: the ledger on Citus beside the ledger on one PostgreSQL 15.

Everything on this machine: three servers of a Citus share its processors, so this tells what a
call costs, not what many machines carry. Needs a PostgreSQL 15 with the extension citus.
"""

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.machine import cores, fsync_milliseconds, processor_model
from bench.processors import tree_seconds
from bursar.db.embedded import Cluster
from bursar.ops.migrate import apply_all
from tests.citus_nodes import VERSION, CitusNodes

OWNERS = [str(uuid.UUID(int=number)) for number in range(1, 2001)]
BATCH = 100
WARM_UP_SECONDS = 0.7
# What a call is, asked of the ledger on one server and of that on Citus.
_PLAIN = "SELECT bursar.{}(%s::jsonb)"
_CARRY = "SELECT bursar_citus.carry(%s::text, 'credit', %s::jsonb)"
_CITUS = "SELECT bursar_citus.{}(%s::jsonb)"

PLAIN = "plain"

Ask = tuple[int, str, list[str]]
Call = Callable[[random.Random], Ask]


@dataclass
class Cell:
    """One kind of call in one place: `make` chooses a node, a statement and its arguments."""

    title: str
    callers: int
    per_call: int
    make: Call
    urls: list[str]
    pids: list[int]
    rates: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def spends(*owners: str) -> str:
    """A batch that takes 1 from each owner, each under a key of its own."""
    common = {"asset": "credit", "amount": 1, "verb": "spend"}
    return json.dumps([{**common, "owner_id": o, "key": str(uuid.uuid4())} for o in owners])


def transfer(payer: str, payee: str) -> dict[str, Any]:
    """A request that moves 1."""
    wallets = {"owner_id": payer, "to_owner_id": payee, "asset": "credit"}
    return {**wallets, "amount": 1, "key": str(uuid.uuid4())}


def measure(cell: Cell, seconds: float) -> None:
    """Let the callers call for `seconds`, and note the rate, the median and the processor time."""
    took: list[float] = []
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + seconds
    ready = threading.Barrier(cell.callers + 1)

    def caller(number: int) -> None:
        chance = random.Random(f"{time.time()} {number}")
        with ExitStack() as stack:
            sessions = [
                stack.enter_context(psycopg.connect(url, autocommit=True)) for url in cell.urls
            ]
            ready.wait()
            while (started := time.perf_counter()) < end:
                node, query, arguments = cell.make(chance)
                sessions[node].execute(query, arguments, prepare=False)
                if started > begin:
                    took.append(time.perf_counter() - started)
            ready.wait()  # The servers' processes are looked at before they end.

    threads = [threading.Thread(target=caller, args=(n,)) for n in range(cell.callers)]
    for thread in threads:
        thread.start()
    ready.wait()
    time.sleep(max(0.0, begin - time.perf_counter()))
    before = sum(map(tree_seconds, cell.pids))
    time.sleep(max(0.0, end - time.perf_counter()))
    used = sum(map(tree_seconds, cell.pids)) - before
    ready.wait()
    for thread in threads:
        thread.join()
    effects = len(took) * cell.per_call
    cell.rates.append(effects / seconds)
    cell.medians.append(1000 * statistics.median(took))
    cell.processor.append(1000 * used / effects)


class Makers:
    """How calls are made up; `at` holds the owners of each worker."""

    def __init__(self, at: list[list[str]]) -> None:
        self._at = at

    def plain(self, chance: random.Random) -> Ask:
        """One spend, on the one server."""
        return 0, _PLAIN.format("spend"), [spends(chance.choice(OWNERS))]

    def by_coordinator(self, chance: random.Random) -> Ask:
        """One spend, handed on by the coordinator."""
        owner = chance.choice(OWNERS)
        return 0, _CARRY, [owner, spends(owner)]

    def at_home(self, chance: random.Random) -> Ask:
        """One spend, asked of the node that holds the owner's rows."""
        node = chance.randrange(len(self._at))
        owner = chance.choice(self._at[node])
        return node, _CARRY, [owner, spends(owner)]

    def pair_plain(self, chance: random.Random) -> Ask:
        """One transfer, on the one server."""
        pair = transfer(*chance.sample(OWNERS, 2))
        return 0, _PLAIN.format("transfer"), [json.dumps([pair])]

    def pair_near(self, chance: random.Random) -> Ask:
        """One transfer between owners on one node."""
        pair = transfer(*chance.sample(chance.choice(self._at), 2))
        return 0, _CITUS.format("transfer"), [json.dumps(pair)]

    def pair_apart(self, chance: random.Random) -> Ask:
        """One transfer between owners on two nodes."""
        sides = chance.sample(self._at, 2)
        pair = transfer(*(chance.choice(side) for side in sides))
        return 0, _CITUS.format("transfer"), [json.dumps(pair)]

    def many_plain(self, chance: random.Random) -> Ask:
        """Many spends, on the one server."""
        return 0, _PLAIN.format("spend"), [spends(*chance.sample(OWNERS, BATCH))]

    def many_mixed(self, chance: random.Random) -> Ask:
        """Many spends of owners on any node, sent to the coordinator."""
        return 0, _CITUS.format("batch"), [spends(*chance.sample(OWNERS, BATCH))]

    def many_grouped(self, chance: random.Random) -> Ask:
        """Many spends of owners on one node, sent there."""
        node = chance.randrange(len(self._at))
        return node, _CITUS.format("batch"), [spends(*chance.sample(self._at[node], BATCH))]


def cells_of(nodes: CitusNodes, plain: Cluster) -> list[tuple[str, list[Cell]]]:
    """What is compared, the one server first in each group."""
    places = {owner: nodes.node_of(owner) for owner in OWNERS}
    make = Makers([[o for o in OWNERS if places[o] == node] for node in (1, 2)])
    one, first = [plain.url(database=PLAIN)], [nodes.url()]
    workers = [nodes.url(1), nodes.url(2)]
    plain_pid, pids = [plain.pid or 0], [node.pid or 0 for node in nodes.nodes]
    groups = []
    for callers in (1, 8):
        group = [
            Cell("one PostgreSQL", callers, 1, make.plain, one, plain_pid),
            Cell("Citus, by the coordinator", callers, 1, make.by_coordinator, first, pids),
            Cell("Citus, at the owner's node", callers, 1, make.at_home, workers, pids),
        ]
        groups.append((f"one spend a call, {callers} at once", group))
        group = [
            Cell("one PostgreSQL", callers, 1, make.pair_plain, one, plain_pid),
            Cell("Citus, both on one node", callers, 1, make.pair_near, first, pids),
            Cell("Citus, on two nodes", callers, 1, make.pair_apart, first, pids),
        ]
        groups.append((f"one transfer a call, {callers} at once", group))
    group = [
        Cell("one PostgreSQL", 2, BATCH, make.many_plain, one, plain_pid),
        Cell("Citus, by the coordinator", 2, BATCH, make.many_mixed, first, pids),
        Cell("Citus, grouped by node", 2, BATCH, make.many_grouped, workers, pids),
    ]
    groups.append((f"{BATCH} spends a call, 2 at once", group))
    return groups


def fill(url: str, query: str) -> None:
    """Give every owner enough for the whole run."""
    common = {"asset": "credit", "amount": 10**9, "verb": "grant"}
    with psycopg.connect(url, autocommit=True) as connection:
        for begin in range(0, len(OWNERS), 500):
            requests = [{**common, "owner_id": owner} for owner in OWNERS[begin : begin + 500]]
            connection.execute(query, [json.dumps(requests)])


def show(groups: list[tuple[str, list[Cell]]]) -> None:
    """Print medians of the rounds, and each beside the one server."""
    print(f"{processor_model()}, {cores()} cores, fdatasync {fsync_milliseconds()} ms")
    for title, cells in groups:
        print(f"\n{title:34} {'effects/s':>10} {'p50 ms':>8} {'cpu ms':>8} {'rate':>7} {'cpu':>6}")
        rate = statistics.median(cells[0].rates)
        processor = statistics.median(cells[0].processor)
        for cell in cells:
            own, used = statistics.median(cell.rates), statistics.median(cell.processor)
            print(
                f"  {cell.title:32} {own:10,.0f} {statistics.median(cell.medians):8.2f}"
                f" {used:8.3f} {own / rate:6.2f}x {used / processor:5.1f}x"
            )


def main() -> None:
    """Measure in rounds, every cell in each, and print the table."""
    parser = argparse.ArgumentParser(prog="bench.citus", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each cell in each round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as directory, ExitStack() as stack:
        Path(directory).chmod(0o711)
        nodes = CitusNodes(durable=True)
        stack.callback(nodes.remove)
        plain = Cluster(Path(directory) / "plain", version=VERSION).start()
        stack.callback(plain.remove)
        plain.create_database(PLAIN)
        apply_all(plain.url(database=PLAIN))
        fill(plain.url(database=PLAIN), _PLAIN.format("grant"))
        fill(nodes.url(), _CITUS.format("batch"))
        groups = cells_of(nodes, plain)
        for _ in range(given.rounds):
            for _, cells in groups:
                for cell in cells:
                    measure(cell, given.seconds)
        show(groups)


if __name__ == "__main__":
    main()
