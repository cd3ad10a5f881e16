"""A run that is killed at any statement, up or down, and run again: it ends well.

A few places each way; with `BURSAR_LONG=1` every one of them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops import migrate
from tests.storms import LONG

pytestmark = pytest.mark.slow

COMMUNITY = next(step.number for step in migrate.Source.load().steps if step.room == "community")
DIGEST = "SELECT md5(string_agg(t::text, ',' ORDER BY asset, owner_id)) FROM bursar.balance AS t"
PLACES = 3
# Goes both ways again and again: each time a child is killed before its nth statement, or after
# the last one, and then the way is gone to its end.
PROGRAM = """
import json, os, signal, sys
from bursar.ops import migrate
from bursar.ops.migrate import session

url, before, stride = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
execute = session._execute
ways = {"down": lambda: migrate.down(url, to=before), "up": lambda: migrate.up(url)}

def count(way):
    seen = 0
    def counted(connection, text):
        nonlocal seen
        seen += 1
        execute(connection, text)
    session._execute = counted
    ways[way]()
    session._execute = execute
    return seen

def killed(way, place):
    pid = os.fork()
    if pid == 0:
        seen = 0
        def counted(connection, text):
            nonlocal seen
            if seen == place:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1
            execute(connection, text)
        session._execute = counted
        ways[way]()
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status)

told = []
for way in ("down", "up"):
    statements = count(way)
    other = "up" if way == "down" else "down"
    ways[other]()
    places = [*range(0, statements, max(1, statements // stride)), statements - 1, statements]
    for place in sorted(set(places)):
        signal_seen = killed(way, place)
        standing = [s.standing for s in migrate.status(url).steps]
        ways[way]() if not (way == "down" and "pending" in standing) else None
        after = [s.standing for s in migrate.status(url).steps]
        told.append([way, place, signal_seen, len(set(standing)), after])
        ways[other]()
    ways[way]()
print(json.dumps({"told": told}))
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster, template: str) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster, template) as made:
        with psycopg.connect(made.url) as connection:
            connection.execute(
                'SELECT bursar."grant"(jsonb_agg(jsonb_build_object('
                "'owner_id', md5(n::text)::uuid, 'asset', a, 'amount', n)))"
                " FROM generate_series(1, 50) AS n, unnest(ARRAY['credit', 'community_credit']) a"
            )
        yield made


def test_killed_at_any_statement_and_run_again_it_ends_well(database: ScratchDatabase) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        before = connection.execute(DIGEST).fetchone()

        done = subprocess.run(
            [
                *(sys.executable, "-c", PROGRAM, database.url, str(COMMUNITY - 1)),
                str(10_000 if LONG else PLACES),
            ],
            capture_output=True,
            text=True,
            timeout=1200 if LONG else 540,
            check=False,
        )

        assert done.returncode == 0, done.stderr[-3000:]
        told = json.loads(done.stdout)["told"]
        assert len(told) > 2 * PLACES
        for way, place, signal_seen, _, after in told:
            assert signal_seen == 9, (way, place)
            expected = {"applied"} if way == "up" else {"applied", "pending"}
            assert set(after) == expected, (way, place, after)
        assert connection.execute(DIGEST).fetchone() == before
    assert migrate.verify(database.url).holds
