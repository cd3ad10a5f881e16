"""Readers and writers go on while a repair runs, and nobody waits for long.

Two hundred requests per second, and a report that keeps a transaction open for longer than the
repair waits for a lock.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected
from bursar.ops.doctor.expected import by_file
from bursar.ops.doctor.mend import mend
from tests.clinic import DRIFT
from tests.patience import wait_until

pytestmark = pytest.mark.slow

THREADS, PER_SECOND = 4, 200
REPORT_SECONDS = 0.6
_MORE = """
INSERT INTO public.posts (user_id, body)
SELECT 1 + g % 50, 'more ' || g FROM generate_series(1, 20000) AS g;
INSERT INTO public.post_reactions (post_id, user_id, reaction_type)
SELECT 100 + g % 10000, 1 + g % 50, 'kind ' || g FROM generate_series(1, 60000) AS g;
"""
# What works before, during and after.
_REQUESTS = (
    "INSERT INTO public.post_reactions (post_id, user_id, reaction_type)"
    " VALUES (1 + %(n)s %% 50, 1 + %(n)s %% 50, 'new ' || %(n)s)",
    "SELECT reaction_type FROM public.post_reactions WHERE post_id = %(n)s %% 50 LIMIT 5",
    "INSERT INTO public.scores (user_id, points) VALUES (1 + %(n)s %% 50, %(n)s %% 900)",
    "SELECT body FROM public.posts WHERE id = 1 + %(n)s %% 20000",
    "UPDATE public.posts SET body = body || '.' WHERE id = 1 + %(n)s %% 50",
)


@dataclass(slots=True)
class Traffic:
    """Requests at a steady pace, and how long each took."""

    url: str
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        workers: list[Callable[[], None]] = [self._report]
        workers += [partial(self._requests, at) for at in range(THREADS)]
        for worker in workers:
            self._threads.append(threading.Thread(target=self._guarded, args=[worker]))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except psycopg.Error as error:
            self.errors.append(str(error))

    def _requests(self, at: int) -> None:
        pause = THREADS / PER_SECOND
        with psycopg.connect(self.url, autocommit=True) as connection:
            number, due = at, time.monotonic()
            while not self._stop.is_set():
                number += THREADS
                due += pause
                time.sleep(max(0, due - time.monotonic()))
                began = time.monotonic()
                connection.execute(_REQUESTS[number % len(_REQUESTS)].encode(), {"n": number})
                self.seconds.append(time.monotonic() - began)

    def _report(self) -> None:
        with psycopg.connect(self.url) as connection:
            while not self._stop.is_set():
                connection.execute("SELECT count(*) FROM public.post_reactions")
                connection.execute("SELECT count(*) FROM public.posts")
                time.sleep(REPORT_SECONDS)
                connection.commit()
                time.sleep(REPORT_SECONDS)


@pytest.fixture
def production(cluster: Cluster) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster) as made:
        connection = made.connect()
        for name in ("production.sql", "production_rows.sql"):
            connection.execute((DRIFT / name).read_bytes())
        connection.execute(_MORE)
        yield made


def test_traffic_goes_on_while_the_repair_runs(
    production: ScratchDatabase, cluster: Cluster
) -> None:
    expected, schemas = build_expected(cluster.url(), by_file(DRIFT / "community.sql"))
    journal: list[str] = []
    traffic = Traffic(production.url)
    traffic.start()
    time.sleep(1)
    wait_until(lambda: len(traffic.seconds) > THREADS)
    quiet = max(traffic.seconds)
    traffic.seconds.clear()
    began = time.monotonic()
    try:
        mending = mend(
            production.url,
            expected,
            schemas,
            Choices(changes=True, quarantine=True),
            journal=journal.append,
        )
    finally:
        took = time.monotonic() - began
        traffic.stop()

    longest = max(traffic.seconds)
    again = sum('"begins"' in line for line in journal) - sum('"ended"' in line for line in journal)
    sys.stdout.write(
        f"The repair took {took:.1f} s beside {len(traffic.seconds) / took:.0f} requests a second;"
        f" {again} waits for locks were given up and tried again. Longest request:"
        f" {longest * 1000:.0f} ms, before the repair {quiet * 1000:.0f} ms.\n"
    )
    assert traffic.errors == []
    assert [(r.ending, r.error, r.blocked_by) for r in mending.results if r.ending != "done"] == []
    assert mending.left.findings == []
    assert len(traffic.seconds) > 50
