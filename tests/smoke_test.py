"""The smoke test: over HTTP against a running server, and as SQL typed into psql."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner, Result

from bursar.cli import root
from bursar.db.scratch import ScratchDatabase
from bursar.ops.production import mark_production
from bursar.ops.smoke import self_test
from tests.deployment import Deployment
from tests.store import digest

SCENARIOS = ["success", "insufficient", "duplicate", "concurrent", "concurrent, one reward"]


def smoke(deployment: Deployment, *more: str) -> Result:
    arguments = ["smoke", "--url", deployment.url, "--token", deployment.token("service_role")]
    return CliRunner().invoke(root.app, [*arguments, *more])


def test_every_scenario_is_kept_and_put_away(
    deployment: Deployment, admin: psycopg.Connection
) -> None:
    done = smoke(deployment)

    assert done.exit_code == 0, done.stdout
    for scenario in SCENARIOS:
        [line] = [one for one in done.stdout.splitlines() if one.startswith(f"│ {scenario} ")]
        assert "kept" in line
    assert "Every promise was kept." in done.stdout
    assert "What stays: 7 rewards, off sale, and" in done.stdout
    left = admin.execute(
        "SELECT (SELECT count(*) FROM public.rewards WHERE is_active), sum(balance),"
        " count(*) FILTER (WHERE bursar_status <> 'closed') FROM public.user_credits"
    ).fetchone()
    assert left == (0, 0, 0)


def test_it_asks_where_the_database_at_hand_is_production(
    deployment: Deployment, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_DATABASE_URL", deployment.database.url)
    mark_production(admin, True)
    before = digest(admin)

    refused = smoke(deployment)
    unchanged = digest(admin) == before
    confirmed = smoke(deployment, "--confirm", deployment.database.name)
    mark_production(admin, False)

    assert (refused.exit_code, unchanged) == (2, True)
    assert "is marked production" in refused.stderr
    assert confirmed.exit_code == 0, confirmed.stderr
    [(command, result)] = admin.execute("SELECT command, result FROM bursar.operation").fetchall()
    assert command.startswith(f"bursar smoke --url {deployment.url} --token …")
    assert result.startswith("Every promise was kept. Stays: 7 rewards")


def test_while_changes_are_paused_there_is_no_verdict(
    deployment: Deployment, admin: psycopg.Connection
) -> None:
    admin.execute("SELECT bursar.set_degraded(true, 'a test', 'test')")
    try:
        done = smoke(deployment)
    finally:
        admin.execute("SELECT bursar.set_degraded(false, 'a test', 'test')")

    assert done.exit_code == 2
    assert "Changes are paused there" in done.stderr


@pytest.fixture
def typist(database: ScratchDatabase) -> Iterator[str]:
    """A login of the host that may become service_role, and is nothing else."""
    name = f"typist_{database.name}"
    with psycopg.connect(database.url, autocommit=True) as connection:
        who = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT PASSWORD 'typed'").format(who))
        connection.execute(sql.SQL("GRANT service_role TO {}").format(who))
        yield name
        connection.execute(sql.SQL("DROP ROLE {}").format(who))


def psql(database: ScratchDatabase, url: str, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [database.cluster.psql_path, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", url],
        input=script,
        env={**os.environ, "PGPASSWORD": "typed", "PGCLIENTENCODING": "UTF8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.postgres_versions("15", "18")
def test_the_self_test_is_typed_by_whoever_may_and_leaves_nothing(
    database: ScratchDatabase, typist: str, tmp_path: Path
) -> None:
    printed = CliRunner().invoke(root.app, ["smoke", "--sql"]).stdout
    assert printed == self_test()
    admin = database.connect()
    before = digest(admin)
    as_typist = make_conninfo(database.url, user=typist, password="typed")
    become = "SET ROLE service_role;\n"

    runs = [
        psql(database, database.url, printed),
        psql(database, database.service_url, printed),
        psql(database, as_typist, become + printed),
    ]

    for run in runs:
        assert run.returncode == 0, run.stderr
        for scenario in ("success", "duplicate", "insufficient", "two windows", "every wallet"):
            assert scenario in run.stderr
    assert digest(admin) == before
    assert psql(database, as_typist, printed).returncode == 3  # without the role

    # A store that takes no money is told of.
    admin.execute(
        "CREATE FUNCTION public.give_it_back() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN NEW.price := NEW.price; PERFORM bursar.adjust(jsonb_build_array("
        " jsonb_build_object('owner_id', NEW.collector_id, 'asset', 'credit', 'amount', 1,"
        " 'reason', 'bug'))); RETURN NEW; END$$;"
        " CREATE TRIGGER give_it_back BEFORE INSERT ON public.collected_rewards"
        " FOR EACH ROW EXECUTE FUNCTION public.give_it_back()"
    )
    broken = psql(database, database.url, printed)
    assert broken.returncode == 3
    assert "self-test, success" in broken.stderr
