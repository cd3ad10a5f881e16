"""The drifted production, from requests that fail to a schema that works, and back again.

What the community's code sends is sent here as SQL.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected, examine
from bursar.ops.doctor.expected import by_file
from bursar.ops.doctor.mend import mend
from bursar.ops.doctor.schema import Schema
from bursar.ops.doctor.script import write_undo
from tests.clinic import DRIFT, columns_of, digest, run_script, told

pytestmark = pytest.mark.postgres_versions("15", "18")

# What the code sends for each request, and the error of production's answer 500.
REQUESTS = {
    "delete": ("DELETE FROM public.posts WHERE id = 7", "Reactions are permanent."),
    "react": (
        "INSERT INTO public.post_reactions (post_id, user_id, reaction_type) VALUES (8, 9, 'love')"
        " ON CONFLICT (user_id, post_id, reaction_type) WHERE post_id IS NOT NULL DO NOTHING"
        " RETURNING id",
        'column "id" does not exist',
    ),
    "credit": (
        "INSERT INTO public.credit_txns (user_id, amount, idempotency_key) VALUES (1, 5, 'k-1')"
        " ON CONFLICT (user_id, idempotency_key) DO NOTHING",
        'column "idempotency_key" of relation "credit_txns" does not exist',
    ),
    "score": (
        "INSERT INTO public.scores (user_id, points, duration_sec) VALUES (1, 70, 31)",
        'column "duration_sec" of relation "scores" does not exist',
    ),
    "penalty": (
        "SELECT challenge_penalty_until, boost_penalty_until FROM public.users WHERE id = 1",
        'column "challenge_penalty_until" does not exist',
    ),
    "hide": (
        "UPDATE public.posts SET is_hidden = true, moderation_status = 'rejected' WHERE id = 3",
        'column "is_hidden" of relation "posts" does not exist',
    ),
}


@dataclass(frozen=True, slots=True)
class Production:
    """The drifted database, and what its code expects."""

    database: ScratchDatabase
    expected: Schema
    schemas: list[str]


@pytest.fixture
def production(cluster: Cluster) -> Iterator[Production]:
    expected, schemas = build_expected(cluster.url(), by_file(DRIFT / "community.sql"))
    with scratch_database(cluster) as made:
        for name in ("production.sql", "production_rows.sql"):
            made.connect().execute((DRIFT / name).read_bytes())
        yield Production(made, expected, schemas)


def test_requests_fail_then_the_repair_makes_them_work_and_no_row_is_lost(
    production: Production,
) -> None:
    connection = production.database.connect()
    for sql, error in REQUESTS.values():
        with pytest.raises(psycopg.Error, match=error):
            connection.execute(sql.encode())
    columns = columns_of(production.database)
    before = digest(production.database, columns)

    first = mend(production.database.url, production.expected, production.schemas, ALL)

    assert {r.ending for r in first.results} <= {"done", "guarded", "blocked"}, first.results
    assert [r for r in first.results if r.ending == "blocked"] != []
    assert digest(production.database, columns) == before
    second = mend(production.database.url, production.expected, production.schemas, ASIDE)
    assert [(r.ending, r.error) for r in second.results if r.ending != "done"] == []
    assert told(second.left) == []
    after = digest(production.database, columns)
    sys.stdout.write("".join(f"{table}: {before[table]} -> {after[table]}\n" for table in before))
    assert after == before
    aside: dict[str, int] = dict(
        connection.execute(
            "SELECT quarantined_because, count(*) FROM public.post_reactions_quarantine GROUP BY 1"
        ).fetchall()
    )
    assert aside == {
        "no user_id": 1,
        "no created_at": 3,
        "another row has the same (user_id, post_id, reaction_type)": 5,
    }
    assert (
        mend(production.database.url, production.expected, production.schemas, ASIDE).results == []
    )

    for sql, _ in REQUESTS.values():
        connection.execute(sql.encode())
    kept = connection.execute(
        "SELECT count(*) FROM post_reactions WHERE post_id IS NULL"
    ).fetchone()
    assert kept == (1,), "Deleting a post keeps its reaction."
    for request in ("react", "credit"):
        again = connection.execute(REQUESTS[request][0].encode())
        assert again.rowcount == 0, request
    with pytest.raises(psycopg.Error, match="Reactions are permanent"):
        connection.execute("DELETE FROM public.post_reactions")


def test_the_undo_script_brings_the_old_schema_back(production: Production) -> None:
    database = production.database
    mending = mend(database.url, production.expected, production.schemas, ASIDE)
    columns = columns_of(database)

    run_script(database, write_undo(mending.done))

    old, schemas = build_expected(database.url, by_file(DRIFT / "production.sql"))
    assert told(examine(database.url, old, schemas)) == []
    assert columns_of(database) != columns


ALL = Choices(changes=True)
ASIDE = Choices(changes=True, quarantine=True)
