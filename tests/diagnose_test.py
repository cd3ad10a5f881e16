"""Who is in the way of whom is told with process ids, to an operator who may see nothing else."""

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb
from typer.testing import CliRunner

from bursar.cli import root
from bursar.db.scratch import ScratchDatabase
from bursar.ops.diagnose import diagnose

WAIT_SECONDS = 30.0
SECRET = "hunter2-is-no-password"


@pytest.fixture
def operator_url(database: ScratchDatabase) -> Iterator[str]:
    """The URL of a login that is a member of bursar_operator and nothing else."""
    name = f"op_{database.name}"
    with psycopg.connect(database.url, autocommit=True) as connection:
        who = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'op'").format(who))
        connection.execute(sql.SQL("GRANT bursar_operator TO {}").format(who))
        yield make_conninfo(database.url, user=name, password="op")
        connection.execute(sql.SQL("DROP ROLE {}").format(who))


@pytest.mark.postgres_versions("15", "18")
def test_a_forgotten_transaction_and_who_waits_for_it_are_named(
    database: ScratchDatabase, operator_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = str(uuid.uuid4())
    grant = {"owner_id": owner, "asset": "credit", "amount": 9, "reason": "x"}
    admin = database.connect()
    admin.execute("SELECT bursar.grant(%s)", [Jsonb([grant])])
    forgotten = database.connect(autocommit=False)
    forgotten.execute(
        sql.SQL("UPDATE public.user_credits SET balance = 8 WHERE user_id = {}").format(owner)
    )
    blocked = psycopg.connect(
        database.url, autocommit=True, application_name="shop", options="-c lock_timeout=60s"
    )
    spend = {"owner_id": owner, "asset": "credit", "amount": 1, "reason": SECRET}
    writer = threading.Thread(
        target=blocked.execute,
        args=(
            sql.SQL("SELECT bursar.carry('spend', {}::jsonb)").format(
                sql.Literal(str([spend]).replace("'", '"'))
            ),
        ),
    )
    writer.start()
    try:
        found = _until_somebody_waits(operator_url)
        monkeypatch.setenv("BURSAR_DATABASE_URL", operator_url)
        told = CliRunner().invoke(root.app, ["diagnose"]).stdout
    finally:
        forgotten.rollback()
        writer.join(WAIT_SECONDS)
        blocked_pid = blocked.info.backend_pid
        blocked.close()

    [blocker] = found["activity"]["blockers"]
    assert blocker["pid"] == forgotten.info.backend_pid
    assert blocker["blocks"] == [blocked_pid]
    assert blocker["state"] == "idle in transaction"
    assert blocker["doing"] == "UPDATE public.user_credits SET balance = 8 WHERE user_id = '…'"[:60]
    [waiting] = found["activity"]["waiting"]
    assert waiting["pid"] == blocked_pid
    assert waiting["blocked_by"] == [forgotten.info.backend_pid]
    assert waiting["application"] == "shop"
    assert "user_credits" in waiting["waits_for"]
    oldest = found["activity"]["oldest"][0]
    assert oldest["pid"] == forgotten.info.backend_pid
    assert found["unknown"] == {}
    assert "Who is in the way" in told
    assert f"│ {forgotten.info.backend_pid} │" in told.replace("  ", " ").replace("  ", " ")
    for secret in (SECRET, owner):
        assert secret not in str(found) + told

    after = diagnose(operator_url)
    assert after["activity"]["blockers"] == after["activity"]["waiting"] == []


def _until_somebody_waits(url: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = diagnose(url)
        if found["activity"]["waiting"]:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_it_says_how_the_server_stands_and_what_waits(
    database: ScratchDatabase, operator_url: str
) -> None:
    admin = database.connect()
    admin.execute(
        "SELECT bursar.grant(%s)",
        [Jsonb([{"owner_id": "eve", "asset": "streak_shield", "amount": 9, "reason": "x"}])],
    )
    admin.execute(
        "SELECT bursar.hold(%s)",
        [
            Jsonb(
                [
                    {
                        "owner_id": "eve",
                        "asset": "streak_shield",
                        "amount": 2,
                        "reason": "x",
                        "expires_in_seconds": 60,
                    }
                ]
            )
        ],
    )

    found = diagnose(operator_url)

    server = found["server"]
    assert server["schema"].startswith("00")
    assert 0 < server["connections"]["used"] <= server["connections"]["limit"]
    assert server["wal_bytes"] > 0
    assert server["slow"] == {
        "counted": False,
        "why": "pg_stat_statements is not installed here",
    }
    work = {one["work"]: (one["open"], one["stuck"]) for one in found["work"]}
    assert work["holds"] == (1, 0)
    assert set(work) == {"inbox", "claims", "holds", "generation jobs", "card refunds"}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER ROLE ada\n  PASSWORD 'it''s secret'", "ALTER ROLE ada PASSWORD '…'"),
        ("SELECT 'cut off in the midd", "SELECT '…'"),
        ("DO $x$ BEGIN PERFORM 'secret'; END $x$", "DO $…$"),
        ("SELECT " + "a, " * 40, ("SELECT " + "a, " * 40)[:60]),
    ],
)
def test_a_statement_is_told_in_few_words_without_its_literals(
    database: ScratchDatabase, statement: str, words: str
) -> None:
    told = database.connect().execute("SELECT bursar.few_words(%s)", [statement]).fetchone()

    assert told == (words,)


def test_what_cannot_be_asked_is_said_and_the_rest_is_told(database: ScratchDatabase) -> None:
    database.connect().execute("DROP FUNCTION bursar.read_server(integer)")

    found = diagnose(database.url)

    assert "read_server" in found["unknown"]["server"]
    assert found["activity"] is not None
    assert found["work"] is not None
