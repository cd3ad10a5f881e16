import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.cli import conftest
from bursar.cli.conftest import run, run_json
from bursar.db.scratch import ScratchDatabase


@pytest.fixture
def admin(database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection:
    """A connection to a database that the commands find in the environment."""
    ours = conftest.environment
    monkeypatch.setattr(
        conftest, "environment", lambda **more: ours(BURSAR_DATABASE_URL=database.url, **more)
    )
    return database.connect()


def granted(connection: psycopg.Connection) -> str:
    """The status of a grant that is tried now, by a backend."""
    request = {"owner_id": "ada", "asset": "gem", "amount": 1}
    row = connection.execute("SELECT bursar.grant(%s)", [Jsonb([request])]).fetchone()
    assert row is not None
    return str(row[0][0].get("code", row[0][0]["status"]))


def test_changes_pause_and_go_on_and_both_are_kept(admin: psycopg.Connection) -> None:
    admin.execute("SELECT bursar.register_asset('gem')")

    paused = run_json("degraded", "on", "--reason", "the disk is full")

    assert (paused["degraded"], paused["acknowledged"], paused["writers"]) == (True, True, [])
    assert granted(admin) == "DEGRADED"
    status = run_json("degraded", "status")
    assert (status["degraded"], status["reason"]) == (True, "the disk is full")
    assert status["changed_by"].startswith("operator:")
    assert run_json("degraded", "off", "--reason", "there is room")["degraded"] is False
    assert granted(admin) == "done"
    assert admin.execute(
        "SELECT degraded, reason FROM bursar.gate_change ORDER BY id"
    ).fetchall() == [(True, "the disk is full"), (False, "there is room")]


def test_who_may_still_write_is_named(admin: psycopg.Connection, database: ScratchDatabase) -> None:
    admin.execute("SELECT bursar.register_asset('gem')")
    with psycopg.connect(database.url, application_name="forgotten") as forgotten:
        assert granted(forgotten) == "done"

        told = run("degraded", "on", "--reason", "why", "--wait", "0.3")

        assert told.returncode == 1
        assert "forgotten" in told.stdout
        assert str(forgotten.info.backend_pid) in told.stdout
        forgotten.rollback()
    assert run("degraded", "on", "--reason", "why").returncode == 0


def test_without_a_reason_nothing_is_switched(admin: psycopg.Connection) -> None:
    assert run("degraded", "on").returncode == 2
    assert run("degraded", "on", "--reason", " ").returncode == 1
    assert run_json("degraded", "status")["degraded"] is False
