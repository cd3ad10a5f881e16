"""No false finding on a schema that is what it should be: ours, Django's, a ledger's.

Made by other roles, and compared with what pg_dump writes of it. More schemas, whose packages are
not installed for tests, are compared by `python -m bench.doctor.clean_schemas`.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench.doctor.clean_schemas import CONTRIB, MIGRATE
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.doctor.apply import Choices
from bursar.ops.doctor.examine import build_expected, examine
from bursar.ops.doctor.expected import by_file, by_migrations
from bursar.ops.doctor.mend import mend
from bursar.ops.doctor.script import write_repair
from bursar.ops.migrate import apply_all
from tests.clinic import DRIFT, run_script, told

pytestmark = [pytest.mark.slow, pytest.mark.postgres_versions("15", "16", "18")]

OWNER = "drift_other_owner"


def dump(database: ScratchDatabase, directory: Path) -> Path:
    """What pg_dump writes of a schema."""
    file = directory / "dump.sql"
    program = database.cluster.binary("pg_dump")
    subprocess.run([program, "--schema-only", "-f", file, database.url], check=True)
    return file


def test_our_schema_is_clean_and_so_is_its_dump(database: ScratchDatabase, tmp_path: Path) -> None:
    for build in (by_migrations(), by_file(dump(database, tmp_path))):
        expected, schemas = build_expected(database.url, build)

        assert told(examine(database.url, expected, schemas)) == []


@pytest.fixture
def of_another(empty_database: ScratchDatabase, template: str) -> Iterator[str]:
    """An empty database of a role that is no superuser, as that role."""
    connection = empty_database.connect()
    connection.execute(
        f"DO $$ BEGIN CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'other';"
        " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    for role in ("anon", "authenticated", "service_role", "bursar_service"):
        connection.execute(f"GRANT {role} TO {OWNER} WITH ADMIN OPTION".encode())
    connection.execute(f'ALTER DATABASE "{empty_database.name}" OWNER TO {OWNER}'.encode())
    connection.execute(f"ALTER SCHEMA public OWNER TO {OWNER}")
    yield psycopg.conninfo.make_conninfo(empty_database.url, user=OWNER, password="other")
    connection.execute(f'ALTER DATABASE "{empty_database.name}" OWNER TO CURRENT_USER'.encode())
    connection.execute(f"DROP OWNED BY {OWNER} CASCADE; DROP ROLE {OWNER}")


def test_who_migrated_makes_no_difference(of_another: str, empty_database: ScratchDatabase) -> None:
    apply_all(of_another)
    expected, schemas = build_expected(empty_database.url, by_migrations())

    assert told(examine(empty_database.url, expected, schemas)) == []


@pytest.mark.parametrize("apps", ["", "mptt,hordak"], ids=["django", "hordak"])
def test_djangos_schemas_are_clean(
    apps: str, empty_database: ScratchDatabase, tmp_path: Path
) -> None:
    names = [*(f"django.contrib.{name}" for name in CONTRIB), *filter(None, apps.split(","))]
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MIGRATE, empty_database.url, ",".join(names)],
        check=True,
    )

    expected, schemas = build_expected(empty_database.url, by_file(dump(empty_database, tmp_path)))

    assert len(expected.things) > 100
    assert told(examine(empty_database.url, expected, schemas)) == []


def test_a_schema_is_made_from_nothing(cluster: Cluster) -> None:
    """A missing table comes with its keys, indexes, triggers, policies, grants and sequences."""
    expected, schemas = build_expected(cluster.url(), by_file(DRIFT / "expected.sql"))
    with scratch_database(cluster) as first, scratch_database(cluster) as second:
        mending = mend(first.url, expected, schemas, Choices())
        assert [(r.ending, r.error) for r in mending.results if r.ending != "done"] == []
        assert told(mending.left) == []

        script = write_repair(examine(second.url, expected, schemas).plan)
        for _ in range(2):
            run_script(second, script)
        assert told(examine(second.url, expected, schemas)) == []
