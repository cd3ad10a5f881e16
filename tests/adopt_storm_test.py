"""A table is adopted and given back while its app writes it, and whoever does so is killed.

5,000 balances; 100,000 with `BURSAR_LONG=1`.
"""

import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from bursar.adoption import standing
from bursar.db.scratch import ScratchDatabase
from tests.adopting import TABLE, agreement, balances, findings, one, shape
from tests.legacy_app import LegacyApp
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.storms import LONG, VERSIONS

pytestmark = [pytest.mark.slow, pytest.mark.postgres_versions(*VERSIONS)]

ROWS = 100_000 if LONG else 5_000
# With many rows most of them have to be opened first.
KILL_SECONDS = PATIENCE_SECONDS + ROWS / 100
TRAFFIC_SECONDS = 60.0 if LONG else 2.0
SEED = int(os.environ.get("BURSAR_TEST_SEED", "0")) or random.SystemRandom().randint(1, 2**31)
APPLY = """
import sys
from bursar.adoption import Wish, apply_adoption, give_back
wish = Wish(asset="point", table="public.points", owner="member", balance="amount")
if sys.argv[1] == "apply":
    print(apply_adoption(sys.argv[2], wish).sentence)
else:
    print(give_back(sys.argv[2], "point").sentence)
"""
WAITS = """
    SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
        WHERE a.application_name = 'bursar adopt' AND a.datname = current_database()
        AND NOT l.granted AND l.relation = %s::regclass)"""
_log = logging.getLogger("tests")


# What an adopter writes of the owners that come last waits while somebody has the advisory lock 42.
KEEPER = f"""
    CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END';
    CREATE TRIGGER keep BEFORE INSERT ON bursar.transaction FOR EACH ROW
        WHEN (current_setting('application_name') = 'bursar adopt' AND (
            NEW.reason = 'given back' AND NEW.owner_id < 'm000100'
            OR NEW.reason = 'opening balance' AND NEW.owner_id > 'm{ROWS - 100:06}'))
        EXECUTE FUNCTION public.keep()"""


class Adopter:
    """The process that adopts or gives back, run anew each time it was killed."""

    def __init__(self, database: ScratchDatabase) -> None:
        self._url = database.url
        self._process: subprocess.Popen[str] | None = None
        self.kills: list[str] = []

    def start(self, what: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", APPLY, what, self._url],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kill_when(self, what: str, holds: Callable[[], bool]) -> None:
        """Kill -9 as soon as something holds; it must not have ended before."""
        assert self._process is not None
        deadline = time.monotonic() + KILL_SECONDS
        while not holds():
            assert self._process.poll() is None, self._process.communicate()[0]
            assert time.monotonic() < deadline, f"{what} has not come about."
            time.sleep(0.002)
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self.kills.append(what)

    def finish(self) -> str:
        assert self._process is not None
        said = self._process.communicate(timeout=1800)[0]
        assert self._process.returncode == 0, said
        return said.strip()


class Watch:
    """What is looked at from outside while all of it goes on."""

    def __init__(self, database: ScratchDatabase) -> None:
        self.database = database
        self.admin = database.connect()

    def waits_for(self, relation: str) -> Callable[[], bool]:
        return lambda: bool(one(self.admin, WAITS, relation))

    def rows_done(self, stage: str, least: int) -> Callable[[], bool]:
        query = "SELECT EXISTS (SELECT FROM bursar.adoption WHERE stage = %s AND rows_done >= %s)"
        return lambda: bool(one(self.admin, query, stage, least))

    def stage(self) -> str | None:
        found = self.admin.execute("SELECT stage FROM bursar.adoption").fetchone()
        return None if found is None else str(found[0])

    @contextmanager
    def reading(self, relation: str) -> Iterator[None]:
        """A transaction that has read something and stays open: whoever wants it alone waits."""
        with psycopg.connect(self.database.url) as reader:
            reader.execute(f"SELECT FROM {relation} LIMIT 1".encode())
            yield
            reader.rollback()

    @contextmanager
    def keeping_the_last(self) -> Iterator[None]:
        """Have neither the opening nor the closing entries come to their end."""
        with psycopg.connect(self.database.url) as keeper:
            keeper.execute("SELECT pg_advisory_lock(42)")
            yield


def test_no_update_is_lost_while_a_table_is_adopted_and_given_back(
    database: ScratchDatabase,
) -> None:
    watch, adopter = Watch(database), Adopter(database)
    admin = watch.admin
    admin.execute(TABLE.encode())
    admin.execute(
        "INSERT INTO public.points (member, amount) SELECT 'm' || lpad((n - 1)::text, 6, '0'),"
        " n %% 100 FROM generate_series(1, %s) AS n",
        [ROWS],
    )
    admin.execute("ANALYZE public.points")
    admin.execute(KEEPER.encode())
    before, opening = shape(admin), balances(admin)
    app = LegacyApp(database, ROWS, SEED)
    app.start()
    try:
        _adopt(watch, adopter)
        assert watch.stage() == "adopted"
        _let_them_go_on(watch, app)
        _give_back(watch, adopter, app)
        wait_until(lambda: app.answers["ASSET_NOT_FOUND"] > 0)
    finally:
        app.stop()

    _log.warning(
        "seed %s, PostgreSQL %s, %s rows: %s done, %s answered; killed at: %s; the longest request"
        " took %.0f ms (%s)",
        *(SEED, admin.info.server_version // 10000, ROWS, dict(app.done), dict(app.answers)),
        *("; ".join(adopter.kills), app.longest_seconds * 1000, app.longest),
    )
    expected = {
        member: opening.get(member, 0) + app.changes[member]
        for member in opening.keys() | app.changes.keys()
    }
    assert balances(admin) == expected
    assert shape(admin) == before
    for kind in ("subtract", "read, modify, write", "grant", "spend", "transfer"):
        assert app.done[kind] > 0, kind
    assert app.done["hold and capture"] > 0
    assert findings(database) == []


def _adopt(watch: Watch, adopter: Adopter) -> None:
    """Adopt, killed at each step that can be told apart, and run again."""
    with watch.reading("public.points"):
        adopter.start("apply")
        adopter.kill_when("begin waits for the table", watch.waits_for("public.points"))
    assert watch.stage() is None
    with watch.keeping_the_last():
        for share in (4, 2):
            adopter.start("apply")
            adopter.kill_when("rows are opened", watch.rows_done("opening", ROWS // share))
            assert agreement(watch.database)["unopened"] > 0
    # Rows are opened beside a reader; the checks that come after them are not to be had.
    with watch.reading("public.points"):
        adopter.start("apply")
        adopter.kill_when("checks wait for the table", watch.waits_for("public.points"))
    assert watch.stage() == "opening"
    with watch.reading("bursar.balance"):
        adopter.start("apply")
        adopter.kill_when("functions wait for the view", watch.waits_for("bursar.balance"))
    assert watch.stage() == "guarding"
    adopter.start("apply")
    _log.warning(adopter.finish())


def _let_them_go_on(watch: Watch, app: LegacyApp) -> None:
    """Compare both views again and again while everybody writes."""
    until = time.monotonic() + TRAFFIC_SECONDS
    checks = 0
    while time.monotonic() < until or app.done["hold and capture"] == 0 or checks < 3:
        assert agreement(watch.database)["unopened"] == 0
        checks += 1
        assert time.monotonic() < until + PATIENCE_SECONDS
    assert findings(watch.database) == []
    _log.warning("column and entries agreed at %s checks", checks)


def _give_back(watch: Watch, adopter: Adopter, app: LegacyApp) -> None:
    """Give back, killed before and after the table is its app's again."""
    app.holds = False
    wait_until(lambda: not one(watch.admin, "SELECT bursar.read_ties('point')")["holds"])
    busy = app.answers["BUSY"]
    with watch.reading("public.points"):
        adopter.start("back")
        adopter.kill_when("the table is waited for", watch.waits_for("public.points"))
    assert watch.stage() == "leaving"
    wait_until(lambda: app.answers["BUSY"] > busy)
    with watch.keeping_the_last():
        adopter.start("back")
        adopter.kill_when("entries are closed", watch.rows_done("closing", 1))
    adopter.start("back")
    _log.warning(adopter.finish())
    [found] = standing(watch.database.url)
    assert (found["stage"], found["agreement"]["entries"]) == ("given back", 0)
