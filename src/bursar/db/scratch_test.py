"""A test gets a database of its own, on the version of PostgreSQL that it names."""

import psycopg
import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database


@pytest.mark.postgres_versions("15", "16", "18")
def test_a_marked_test_runs_on_each_version(
    empty_database: ScratchDatabase, postgres_version: str
) -> None:
    row = empty_database.connect().execute("SHOW server_version_num").fetchone()
    assert row is not None
    assert row[0][:2] == postgres_version


def test_a_scratch_database_is_gone_afterwards_whoever_is_connected(cluster: Cluster) -> None:
    with scratch_database(cluster) as scratch:
        stranger = psycopg.connect(scratch.url)
        connection = scratch.connect()
    assert connection.closed
    with pytest.raises(psycopg.OperationalError):
        stranger.execute("SELECT 1")
    stranger.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(scratch.url)


def test_a_connection_takes_the_role_and_the_claims_of_a_token(
    empty_database: ScratchDatabase,
) -> None:
    with empty_database.connect("pg_monitor", sub="ann") as connection:
        assert connection.execute(
            "SELECT current_user, current_setting('request.jwt.claims')::jsonb ->> 'sub'"
        ).fetchone() == ("pg_monitor", "ann")
    assert empty_database.connect(autocommit=False).autocommit is False
