"""Each kind of drift is found, what can be mended is mended, and no row is ever lost.

Each is injected by itself, and all of them together.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected, examine
from bursar.ops.doctor.expected import by_file
from bursar.ops.doctor.schema import Schema
from tests.clinic import ALL, ALL_AND_ASIDE, DRIFT, columns_of, repair, rows_of, told
from tests.drift_kinds import Kind
from tests.drift_kinds_of_code import KINDS

pytestmark = [pytest.mark.slow, pytest.mark.postgres_versions("15", "18")]


@dataclass(frozen=True, slots=True)
class Library:
    """The expected schema, and the name of a database that has it, with rows."""

    expected: Schema
    schemas: list[str]
    template: str


@pytest.fixture(scope="module")
def library(cluster: Cluster) -> Iterator[Library]:
    expected, schemas = build_expected(cluster.url(), by_file(DRIFT / "expected.sql"))
    with scratch_database(cluster) as made:
        connection = made.connect()
        for name in ("expected.sql", "rows.sql"):
            connection.execute((DRIFT / name).read_bytes())
        made.close()
        yield Library(expected, schemas, made.name)


@pytest.fixture
def drifted(cluster: Cluster, library: Library) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster, library.template) as made:
        yield made


def test_an_undrifted_library_is_healthy(drifted: ScratchDatabase, library: Library) -> None:
    assert told(examine(drifted.url, library.expected, library.schemas)) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_drift_is_found_and_mended_and_nothing_is_lost(
    kind: Kind, drifted: ScratchDatabase, library: Library
) -> None:
    drifted.connect().execute(kind.sql.encode())
    columns, before = columns_of(drifted), rows_of(drifted)

    found = examine(drifted.url, library.expected, library.schemas)
    assert sorted(f.code for f in found.findings) == sorted(kind.finds), told(found)
    if kind.ending == "reported":
        assert found.plan.steps == []
        return

    if kind.quarantine:
        first = repair(drifted, found)
        assert {result.ending for result in first} <= {"blocked", "guarded"}
        assert rows_of(drifted, columns) == before
        found = examine(drifted.url, library.expected, library.schemas)
    results = repair(drifted, found, ALL_AND_ASIDE if kind.quarantine else ALL)

    assert [(r.ending, r.error) for r in results if r.ending != "done"] == []
    assert rows_of(drifted, columns) == before
    left = examine(drifted.url, library.expected, library.schemas)
    allowed = {"constraint_name", "column_extra"} & set(kind.finds)
    assert {f.code for f in left.findings} <= allowed, told(left)
    assert left.plan.steps == []


def test_all_kinds_at_once(drifted: ScratchDatabase, library: Library) -> None:
    injected = inject_all(drifted)
    columns, before = columns_of(drifted), rows_of(drifted)

    found = examine(drifted.url, library.expected, library.schemas)
    codes = Counter(f.code for f in found.findings)
    missed = [kind.name for kind in injected if not set(kind.finds) <= set(codes)]
    assert missed == []
    for _ in range(4):
        repair(drifted, examine(drifted.url, library.expected, library.schemas), ALL_AND_ASIDE)

    assert rows_of(drifted, columns) == before
    left = examine(drifted.url, library.expected, library.schemas)
    reported = {code for kind in KINDS if kind.ending == "reported" for code in kind.finds}
    assert {f.code for f in left.findings} <= reported | {"constraint_name"}, told(left)
    assert left.plan.steps == []


def test_what_would_replace_something_waits_for_a_yes(
    drifted: ScratchDatabase, library: Library
) -> None:
    drifted.connect().execute("ALTER FUNCTION lib.whoami() VOLATILE")
    found = examine(drifted.url, library.expected, library.schemas)

    [result] = repair(drifted, found, Choices())

    assert result.ending == "asked"
    assert told(examine(drifted.url, library.expected, library.schemas)) == told(found)


def inject_all(database: ScratchDatabase) -> list[Kind]:
    """Inject every kind that the others before it have left a place for."""
    connection = database.connect()
    injected = []
    for kind in KINDS:
        try:
            connection.execute(kind.sql.encode(), prepare=False)
        except psycopg.Error:
            continue
        injected.append(kind)
    assert len(injected) > 55, len(injected)
    return injected
