"""The journal as operators read it, and the sweep, which is in it like everything they do."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from typer.testing import CliRunner, Result

from bursar.cli import root
from bursar.db.embedded import Cluster
from bursar.db.scratch import scratch_database


@pytest.fixture(scope="module")
def admin(cluster: Cluster, template: str) -> Iterator[psycopg.Connection]:
    """A connection to a database that the commands of this file find in the environment."""
    with scratch_database(cluster, template) as database, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BURSAR_DATABASE_URL", database.url)
        yield database.connect()


def run(*words: str) -> Result:
    return CliRunner().invoke(root.app, list(words))


def answer(*words: str) -> Any:
    return json.loads(run(*words, "--json").stdout)


@pytest.mark.usefixtures("admin")
def test_the_journal_is_empty_at_first() -> None:
    assert run("journal").stdout == "The journal is empty.\n"


def test_what_was_swept_is_said_and_kept(admin: psycopg.Connection) -> None:
    admin.execute("SELECT bursar.register_asset('gem')")
    for verb, more in (("grant", {}), ("hold", {"expires_in_seconds": 1})):
        request = {"owner_id": "ann", "asset": "gem", "amount": 5, **more}
        admin.execute(f"SELECT bursar.{verb}(%s)".encode(), [Jsonb([request])])
    admin.execute(
        "CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz LANGUAGE sql VOLATILE"
        " RETURN clock_timestamp() + interval '1 hour'"
    )

    swept = answer("sweep")

    assert swept["expire_holds"] == 1
    [kept] = answer("journal", "--limit", "1")["operations"]
    assert (kept["command"], kept["status"]) == ("bursar sweep --json", "done")
    assert "expire_holds: 1" in kept["result"]
    assert kept["plan"] == ["Run every sweeper, for 500 of its kind at most."]


def test_what_failed_and_what_was_killed_are_told_apart(admin: psycopg.Connection) -> None:
    refused = run("wallet", "adjust", "nobody", "-5", "--asset", "gem", "--reason", "a [bold] try")
    admin.execute(
        "SELECT bursar.begin_operation(%s, 'bursar restore x.dump', 'operator:eve', '{p}')",
        [uuid.uuid4()],
    )

    assert refused.exit_code == 1
    rows = run("journal", "--limit", "2").stdout.splitlines()
    [killed] = [row for row in rows if "restore x.dump" in row]
    [failed] = [row for row in rows if "wallet adjust" in row]
    assert "not ended" in killed
    assert "operator:eve" in killed
    assert "failed" in failed
    assert "a [bold] try" in failed
