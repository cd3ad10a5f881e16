"""The classic function asked by pgbench: as fast as any client can ask it."""

import asyncio
import math
import os
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from pathlib import Path as FilePath

from psycopg.conninfo import conninfo_to_dict

from bench.load import Load
from bench.orders import BUYER_STRIDE, REWARD_STRIDE, Sizes
from bench.paths.path import SelfDriven, Site, Template
from bench.processors import watch
from bursar.db.binaries import find_binary
from bursar.db.fault import ClusterError

# The numbers of a cell's orders begin at a multiple of this; no client comes near it.
_CELL = 1_000_000
_EXTRA_SECONDS = 30
_POLL_SECONDS, _POLLS_MAX = 0.01, 1000
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}

# Variables last as long as the client, so `i` counts its purchases. The orders are those of
# `orders.Orders`, made where they are asked for.
_NUMBER = "\\set i :i + 1\n\\set n :first + :client_id + :i * :clients\n"
_ASK = "SELECT purchase_reward(md5('{reward}-' || :reward)::uuid, md5('{buyer}-' || :buyer)::uuid);"
_SPREAD = (
    _NUMBER + f"\\set buyer :n % {{buyers}} * {BUYER_STRIDE} % {{buyers}}\n"
    f"\\set reward (3 * :buyer + :n / {{buyers}} * {REWARD_STRIDE}) % {{rewards}}\n" + _ASK + "\n"
)
_HOT = _NUMBER + "\\set buyer :cell\n\\set reward :n\n" + _ASK + "\n"


class PgBench(SelfDriven):
    """`pgbench -M prepared` with one statement for each purchase."""

    name, title, kind = "pgbench", "classic, by pgbench", "rival"
    says = "the classic function asked by pgbench -M prepared, which is written in C"
    template: Template | None = "template_classic"

    def missing(self) -> str | None:
        """Return why there is no pgbench, or None."""
        try:
            find_binary("pgbench")
        except ClusterError as error:
            return str(error)
        return None

    async def open(self, site: Site) -> None:
        """Note where everything is; pgbench connects for each cell."""
        self._site = site
        self._cells = {"spread": 0, "hot": 0, "seller": 0}
        self._program = str(site.program("pgbench"))
        # A password in the environment, since everybody reads the list of arguments.
        self._environment = os.environ | {
            _VARIABLES[name]: str(value)
            for name, value in conninfo_to_dict(site.url).items()
            if name in _VARIABLES
        }

    async def close(self) -> None:
        """Do nothing: nothing is left open."""

    async def drive(self, scenario: str, callers: int, seconds: float, warm_up: float) -> Load:
        """Run pgbench, and read what it logged about each purchase."""
        load = Load(seconds=seconds)
        cell = self._cells[scenario]
        self._cells[scenario] += 1
        database = self._site.database_pid
        backends = _children(database)
        with tempfile.TemporaryDirectory(prefix="bursar-pgbench-") as directory:
            folder = FilePath(directory)
            (folder / "buy.sql").write_text(_script(scenario, cell, self._site.sizes), "ascii")
            whole = math.ceil(seconds + warm_up)
            process = await asyncio.create_subprocess_exec(
                self._program,
                *self._options(scenario, cell, callers, whole),
                cwd=directory,
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=PIPE,
                env=self._environment,
            )
            ending = asyncio.ensure_future(process.communicate())
            # Its clock begins when all of its clients are connected.
            for _ in range(_POLLS_MAX):
                if ending.done() or _children(database) >= backends + callers:
                    break
                await asyncio.sleep(_POLL_SECONDS)
            await watch(load, seconds, warm_up, process.pid, database)
            _, said = await asyncio.wait_for(ending, whole + _EXTRA_SECONDS)
            if process.returncode:
                load.fail(1, RuntimeError(said[-200:].decode("utf-8", "replace")))
            _read(folder, load, warm_up)
        load.client_cpu, load.server_cpu = load.client_cpu + load.server_cpu, 0.0
        self.acknowledged += load.done
        return load

    def _options(self, scenario: str, cell: int, callers: int, seconds: int) -> list[str]:
        sizes = self._site.sizes
        # A hot buyer has bought nothing yet; the others, and a star's buyers, go on.
        first = {"spread": cell, "seller": cell // sizes.stars, "hot": 0}[scenario] * _CELL
        variables = {"i": -1, "clients": callers, "cell": cell % sizes.hot_buyers, "first": first}
        return [
            *("-n", "-M", "prepared", "-c", str(callers), "-j", str(min(2, callers))),
            *("-T", str(seconds), "-f", "buy.sql", "-l", "--log-prefix=log"),
            *(f"--define={name}={value}" for name, value in variables.items()),
        ]


def _children(pid: int | None) -> int:
    """Return how many processes a process has begun that still run."""
    if pid is None:
        return 0
    try:
        return len(FilePath(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split())
    except OSError:
        return 0


def _script(scenario: str, cell: int, sizes: Sizes) -> str:
    if scenario == "hot":
        return _HOT.format(reward="reward", buyer="hot")
    reward, rewards = "reward", sizes.rewards
    if scenario == "seller":
        reward, rewards = f"star-{cell % sizes.stars}", sizes.star_rewards
    return _SPREAD.format(reward=reward, buyer="buyer", buyers=sizes.buyers, rewards=rewards)


def _read(folder: FilePath, load: Load, warm_up: float) -> None:
    """Count what ended in the time that counts; the clock starts with the first purchase."""
    purchases = list(_logged(folder))
    if not purchases:
        return
    counted_from = min(ended - took for ended, took in purchases) + warm_up
    counted = [took for ended, took in purchases if 0 <= ended - counted_from <= load.seconds]
    load.done, load.purchases, load.latencies = len(purchases), len(counted), counted


def _logged(folder: FilePath) -> Iterator[tuple[float, float]]:
    """Yield when each purchase ended and how long it took, in seconds."""
    for path in folder.glob("log.*"):
        for line in path.read_text("ascii").splitlines():
            # client, transaction, microseconds taken, script, epoch seconds, microseconds
            fields = line.split()
            if len(fields) >= 6 and fields[2].isdigit():
                yield int(fields[4]) + int(fields[5]) / 1e6, int(fields[2]) / 1e6
