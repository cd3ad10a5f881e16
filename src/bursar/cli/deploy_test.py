"""The guided way, stage by stage: what it says, where it stops, and that its way back works."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from bursar.cli import root
from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops import migrate
from bursar.ops.production import mark_production
from tests.deployment import SECRET, Deployment
from tests.store import balance, grant_all, person

COMMUNITY = next(step.number for step in migrate.Source.load().steps if step.room == "community")
BEFORE = COMMUNITY - 1


def run(*words: str) -> Result:
    return CliRunner().invoke(root.app, list(words))


def standings(database: ScratchDatabase) -> set[str]:
    return {step.standing for step in migrate.status(database.url).steps}


@pytest.fixture
def shop(
    cluster: Cluster, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ScratchDatabase]:
    """A production database one release behind, which the commands find in the environment."""
    with scratch_database(cluster, template) as database:
        migrate.down(database.url, to=BEFORE)
        with psycopg.connect(database.url, autocommit=True) as connection:
            mark_production(connection, True)
        monkeypatch.setenv("BURSAR_DATABASE_URL", database.url)
        monkeypatch.setenv("BURSAR_JWT_SECRET", SECRET)
        monkeypatch.setenv("PROD_CONFIRM", "YES")
        monkeypatch.chdir(tmp_path)
        yield database


def test_production_is_migrated_only_with_a_verified_backup(shop: ScratchDatabase) -> None:
    refused = run("migrate", "up")
    skipped = run("deploy", "--skip-backup", "--no-smoke")

    for done in (refused, skipped):
        assert done.exit_code == 2
        assert "no verified backup" in done.stderr
        assert "bursar backup verify FILE" in done.stderr
    assert "pending" in standings(shop)

    taken = json.loads(run("backup", "--json").stdout)["file"]
    assert run("migrate", "up").exit_code == 2  # It is not verified yet.
    assert run("backup", "verify", taken).exit_code == 0
    done = run("migrate", "up")

    assert done.exit_code == 0, done.stderr
    assert standings(shop) == {"applied"}


def test_every_stage_is_told_and_the_service_tried(shop: ScratchDatabase, tmp_path: Path) -> None:
    server = Deployment(shop, tmp_path).start()
    try:
        done = run("deploy", "--url", server.url)
    finally:
        server.stop()

    assert done.exit_code == 0, done.stderr
    assert re.findall(r"^(\d/\d \w+) …", done.stderr, re.M) == [
        "1/4 backup",
        "2/4 up",
        "3/4 verify",
        "4/4 smoke",
    ]
    assert "every promise kept" in done.stderr
    assert done.stdout.startswith("Deployed in ")
    assert standings(shop) == {"applied"}
    [row] = journal(shop)
    assert row["status"] == "done"
    assert [line.partition(":")[0] for line in row["plan"]] == ["backup", "up", "verify", "smoke"]


def test_it_stops_at_what_does_not_hold_and_the_way_back_leads_back(shop: ScratchDatabase) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        owner = person(connection, 5)
        # Somebody began what they did not end: everything can be applied, and verify finds it.
        connection.execute(
            "ALTER TABLE public.rewards ADD CONSTRAINT cheap CHECK (cost < 10) NOT VALID"
        )

    done = run("deploy", "--no-smoke", "--json")

    assert done.exit_code == 1
    told: dict[str, Any] = json.loads(done.stdout)
    assert [stage["name"] for stage in told["done"]] == ["backup", "up"]
    assert told["failed"] == "verify"
    assert "cheap: is not validated" in told["complaint"]
    down, restore = told["way_back"]
    assert down == f"bursar migrate down --to {BEFORE} --confirm {shop.name}"
    assert restore.startswith("bursar restore backups/backup_")
    assert [row["status"] for row in journal(shop)] == ["failed"]
    with psycopg.connect(shop.url, autocommit=True) as connection:
        grant_all(connection, [owner], 7)

    back = run(*shlex.split(down)[1:], "--yes")
    assert back.exit_code == 0, back.stderr
    assert "pending" in standings(shop)
    with psycopg.connect(shop.url, autocommit=True) as connection:
        assert balance(connection, owner) == 12


def test_a_plan_that_cannot_be_carried_out_is_told_before_anything_is_done(
    shop: ScratchDatabase, tmp_path: Path
) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("UPDATE bursar_meta.step SET checksum = 'another' WHERE number = 2")

    done = run("deploy", "--no-smoke")

    assert done.exit_code == 3
    assert "was edited" in done.stderr
    assert not (tmp_path / "backups").exists()


def journal(database: ScratchDatabase) -> list[dict[str, Any]]:
    with psycopg.connect(database.url) as connection:
        rows = connection.execute(
            "SELECT status, plan FROM bursar.operation WHERE command LIKE 'bursar deploy%'"
        ).fetchall()
    return [{"status": status, "plan": plan} for status, plan in rows]
