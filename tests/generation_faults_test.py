"""The fault matrix: whatever breaks, after the sweeper every credit is in exactly one place.

Provider x worker x client, over real processes: a provider that is told to fail, workers that are
killed with SIGKILL at three places, and clients that go away. All cells are played at once.
"""

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bursar.client import Bank, connect
from bursar.db.scratch import ScratchDatabase
from bursar.errors import Refused
from bursar.settings import Settings
from bursar.stand_ins.provider.process import LocalProvider
from tests.crew import Crew
from tests.ledger_in_sql import Ledger, done
from tests.studio import credits_of, end, events, job, new_artist, new_product

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 500.0
# Longer than crashes of the one provider can hold up the jobs of others.
NEVER_STUCK = {"stuck_seconds": 600, "attempts_max": 20}
WORKERS = 10
LEASE_SECONDS = 5
COMPLETED, REFUNDED = {"completed"}, {"refunded"}


@dataclass(frozen=True, slots=True)
class Provider:
    """How a provider behaves: words of the stand-in, the product's times, and how jobs end."""

    prompt: str
    ends: set[str]
    times: dict[str, int]
    twice: bool = False


PROVIDERS = {
    "ok": Provider("a fox", COMPLETED, NEVER_STUCK),
    "4xx": Provider("a fox [fail 422]", REFUNDED, NEVER_STUCK),
    "5xx": Provider("a fox [fail 503]", REFUNDED, NEVER_STUCK | {"attempts_max": 2}),
    "hang": Provider(
        "a fox [hang]", REFUNDED, {"call_seconds": 1, "stuck_seconds": 3, "attempts_max": 20}
    ),
    "crash": Provider("a fox [crash x1]", COMPLETED, NEVER_STUCK),
    "duplicate": Provider("a fox", COMPLETED, NEVER_STUCK, twice=True),
    # The answer is there a second after the job was given up, before the next heartbeat.
    "late": Provider(
        "a fox [late 3]", REFUNDED, {"call_seconds": 6, "stuck_seconds": 2, "attempts_max": 20}
    ),
}
KILLS = {"alive": None, "killed before": "before", "killed during": "during"}
KILLS |= {"killed after": "after"}
CLIENTS = ("stays", "reloads", "cancels")


@dataclass(slots=True)
class Cell:
    """One job, and what was seen of it."""

    provider: str
    worker: str
    client: str
    user: str
    product: str
    key: str
    job_id: str = ""
    cancelled: bool = False


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[LocalProvider]:
    with LocalProvider(book=tmp_path / "book.jsonl") as made:
        assert made.address
        yield made


async def play(bank: Bank, cell: Cell, dice: random.Random) -> None:
    """Be one client, to the end of the job."""
    behaviour, me = PROVIDERS[cell.provider], {"role": "authenticated", "sub": cell.user}
    request: dict[str, Any] = {
        "user_id": cell.user,
        "product": cell.product,
        "input": {
            "prompt": behaviour.prompt,
            "size": "32x32",
            "kill": KILLS[cell.worker],
            "twice": behaviour.twice,
        },
        "caller": me,
        "key": cell.key,
    }
    submitted = await bank.submit_generation(**request)
    assert submitted.job_id is not None, submitted
    cell.job_id = submitted.job_id
    while (await seen(bank, cell))["status"] == "queued":
        await asyncio.sleep(0.2)
    await asyncio.sleep(dice.uniform(0, 0.5))
    if cell.client == "reloads":
        again = await bank.submit_generation(**request)
        assert (again.job_id, again.replayed) == (cell.job_id, True)
    elif cell.client == "cancels":
        ended = await bank.end_generation(job_id=cell.job_id, result="cancelled", caller=me)
        assert ended.code in (None, "JOB_ENDED")
        cell.cancelled = ended.effect == "refunded"
    while not (await seen(bank, cell))["finished_at"]:
        await asyncio.sleep(0.4)


async def seen(bank: Bank, cell: Cell) -> dict[str, Any]:
    """The job as its user sees it, who asks again while too many others ask."""
    while True:
        try:
            found: dict[str, Any] = await bank.read("read_generation_job", cell.job_id, cell.user)
        except Refused as refused:
            if refused.code != "BUSY":
                raise
            await asyncio.sleep(0.4)
        else:
            return found


async def test_whatever_breaks_every_credit_is_in_exactly_one_place(
    database: ScratchDatabase,
    provider: LocalProvider,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger, dice, began = Ledger(database), random.Random(7), time.monotonic()
    products = {name: new_product(ledger, **one.times) for name, one in PROVIDERS.items()}
    cells = [
        Cell(*names, new_artist(ledger), products[names[0]], str(uuid.uuid4()))
        for names in product(PROVIDERS, KILLS, CLIENTS)
    ]
    # Crashes of the provider hurt the calls of others: all of them come last, and together.
    cells.sort(key=lambda cell: cell.provider == "crash")
    crew = Crew(
        database,
        provider,
        tmp_path,
        count=WORKERS,
        worker_jobs="1",
        worker_lease_seconds=str(LEASE_SECONDS),
        worker_interval_ms="150",
    )
    with crew:
        async with (
            connect(database.service_url, settings=Settings()) as bank,
            asyncio.timeout(PATIENCE_SECONDS),
            asyncio.TaskGroup() as clients,
        ):
            for cell in cells:
                clients.create_task(play(bank, cell, dice))
        await asyncio.sleep(3)  # Whoever has not learned of an end yet has time to say its own.
    answer_late(ledger, cells)
    ledger.value("SELECT bursar.tick()")
    took, log = time.monotonic() - began, crew.log()

    table = tabled(ledger, cells)
    with capsys.disabled():
        sys.stdout.write(f"\n{table}\n{len(cells)} cells in {took:.0f} s\n")
    wrong = [(cell, place) for cell in cells if (place := whereabouts(ledger, cell)) == "?"]
    assert wrong == [], log[-4000:]
    for cell in cells:
        expected = REFUNDED if cell.cancelled else PROVIDERS[cell.provider].ends
        assert job(ledger, cell.job_id)["status"] in expected, (cell, events(ledger, cell.job_id))
    assert "Traceback" not in log
    assert "Refunded 1 credit to user" in log
    assert provider.restarts > 0
    ledger.keeps_its_promises()


def answer_late(ledger: Ledger, cells: list[Cell]) -> None:
    """Say of every job that ended that it went well, and then that it failed."""
    for cell in cells:
        ended = job(ledger, cell.job_id)["status"]
        late = [done(end(ledger, cell.job_id, result)) for result in ("completed", "failed")]
        assert [one["effect"] for one in late] == (
            ["duplicate_answer", "late_failure"]
            if ended == "completed"
            else ["late_success", "unchanged"]
        )


def whereabouts(ledger: Ledger, cell: Cell) -> str:
    """Where the cell's one credit is: spent on a picture, or back in the wallet; else "?"."""
    found = job(ledger, cell.job_id)
    ends = [one for one in events(ledger, cell.job_id) if one in ("completed", "refunded")]
    [(amount, captured, back, status)] = ledger.rows(
        "SELECT amount, captured, released + expired, status FROM bursar.hold WHERE id = %s",
        found["hold"],
    )
    picture = ledger.value("SELECT bursar.read_generation_output(%s, %s)", cell.job_id, cell.user)
    facts = (found["status"], ends, (amount, captured, back), status, picture is not None)
    wallet = credits_of(ledger, cell.user)
    if facts == ("completed", ["completed"], (1, 1, 0), "captured", True) and wallet == (0, 0, 0):
        return "picture"
    if (
        facts[:3] == ("refunded", ["refunded"], (1, 0, 1))
        and status in ("released", "expired")
        and (facts[4], wallet) == (False, (1, 0, 0))
    ):
        return "wallet"
    return "?"


def tabled(ledger: Ledger, cells: list[Cell]) -> str:
    """Where each cell's credit is, and why."""
    told: dict[tuple[str, str, str], str] = {}
    for cell in cells:
        found = job(ledger, cell.job_id)
        reason = "" if found["status"] == "completed" else f": {found['reason']}"
        told[cell.provider, cell.worker, cell.client] = f"{whereabouts(ledger, cell)}{reason}"
    lines = [f"{'provider':<10} {'worker':<14} " + " ".join(f"{name:<24}" for name in CLIENTS)]
    for one, worker in product(PROVIDERS, KILLS):
        places = " ".join(f"{told[one, worker, client]:<24}" for client in CLIENTS)
        lines.append(f"{one:<10} {worker:<14} {places}".rstrip())
    return "\n".join(lines)
