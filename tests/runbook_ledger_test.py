"""The runbook's incidents of the ledger, the schema and backups: made to happen, then followed."""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from bursar.cli import root
from bursar.db.scratch import ScratchDatabase
from bursar.ops.backup import take_backup
from bursar.ops.seal import verify_seals
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger, done
from tests.runbook import incident, sections, steps_of
from tests.store import reward

OWNER = "5b1d9c7e-0000-4000-8000-000000000001"
# Its commands are written for every finding there is; reconcile's tests go through its procedures.
WITHOUT_EXAMPLES = "What compensation cannot mend"
FOLLOWED_IN = ("runbook_shop_test.py", "runbook_ledger_test.py", "runbook_service_test.py")


@pytest.fixture
def ledger(
    database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ledger]:
    """A ledger of its own; copies go into a directory of its own."""
    monkeypatch.chdir(tmp_path)
    yield Ledger(database)
    with psycopg.connect(database.cluster.url(), autocommit=True) as connection:
        for (name,) in connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{database.name}_"]
        ).fetchall():
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def past_the_guards(ledger: Ledger, *statements: str) -> None:
    """Do what somebody with every right could do."""
    ledger.admin.execute("SET session_replication_role = replica")
    for statement in statements:
        assert ledger.admin.execute(statement.encode()).rowcount > 0
    ledger.admin.execute("RESET session_replication_role")


def test_every_incident_is_followed_and_every_command_is_an_example() -> None:
    here = Path(__file__).parent
    tests = "".join((here / name).read_text("utf-8") for name in FOLLOWED_IN)

    for heading, text in sections().items():
        if heading != WITHOUT_EXAMPLES:
            assert f'"{heading}"' in tests
            assert steps_of(text)


def test_corrupted_wallets(ledger: Ledger) -> None:
    done(ledger.one("grant", owner_id=OWNER, asset="credit", amount=100, reason="welcome"))
    past_the_guards(ledger, "UPDATE public.user_credits SET balance = balance + 500")
    page = incident("Corrupted wallets", ledger.database)

    page.follow("degraded on")
    assert page.follow("audit") == 1
    assert page.follow("reconcile") == 1
    assert ledger.wallet(OWNER)[0] == 600
    assert page.follow("reconcile --apply") == 0
    assert page.follow("audit") == 0
    page.follow("degraded off")

    assert page.is_over
    assert ledger.wallet(OWNER)[0] == 100
    done(ledger.one("spend", owner_id=OWNER, asset="credit", amount=100))


def test_an_edit_of_the_past(ledger: Ledger) -> None:
    done(ledger.one("grant", owner_id=OWNER, asset="credit", amount=100, reason="welcome"))
    ledger.rows("SELECT bursar.seal_ledger('test')")
    past_the_guards(
        ledger,
        "UPDATE bursar.entry SET amount = 900, balance_after = 900 WHERE seq IS NOT NULL",
        "UPDATE public.user_credits SET balance = 900",
    )
    page = incident("An edit of the past", ledger.database)

    assert page.follow("audit --verify-seal") == 1
    page.follow("wallet explain")
    page.follow("wallet adjust")

    assert page.is_over
    assert ledger.wallet(OWNER) == (100, 0, 0)
    assert not asyncio.run(verify_seals(ledger.database.url, Settings())).holds


def test_a_wallet_that_owes_is_written_anew_and_pays_as_before(ledger: Ledger) -> None:
    done(ledger.one("grant", owner_id=OWNER, asset="credit", amount=100))
    done(ledger.one("spend", owner_id=OWNER, asset="credit", amount=70))
    debt = {"owner_id": OWNER, "asset": "credit", "amount": -50, "shortfall": "debt"}
    done(ledger.one("adjust", **debt))
    assert ledger.wallet(OWNER) == (0, 0, 20)
    past_the_guards(ledger, "UPDATE public.user_credits SET balance = 999")
    [wrong] = run_audit_of_wallets(ledger)

    [script] = sql_under("A wallet that owes")
    for word, value in (("OWNER", OWNER), ("EXPECTED", "0")):
        assert word in script
        script = script.replace(word, value)
    ledger.admin.execute(script.encode())

    assert "999" in wrong
    assert run_audit_of_wallets(ledger) == []
    assert ledger.wallet(OWNER) == (0, 0, 20)
    done(ledger.one("grant", owner_id=OWNER, asset="credit", amount=25))
    assert ledger.wallet(OWNER) == (5, 0, 0)
    assert run_audit_of_wallets(ledger) == []


def sql_under(heading: str) -> list[str]:
    """The SQL of a procedure, as the page has it."""
    text = sections()[WITHOUT_EXAMPLES].partition(f"### {heading}\n")[2].partition("\n### ")[0]
    return re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run_audit_of_wallets(ledger: Ledger) -> list[str]:
    """What the audit says of wallets that do not match their entries."""
    words = ["audit", "--only", "wallets_match_entries", "--json"]
    told = CliRunner().invoke(root.app, words, env={"BURSAR_DATABASE_URL": ledger.database.url})
    [found] = json.loads(told.stdout)["invariants"]
    return [json.dumps(row) for row in found["told"]]


def test_a_drifted_schema(ledger: Ledger) -> None:
    ledger.admin.execute("ALTER TABLE public.rewards ALTER COLUMN is_active DROP DEFAULT")
    ledger.admin.execute("DROP INDEX public.leads_listed_created_at_idx")
    page = incident("A drifted schema", ledger.database)

    assert page.follow("doctor") == 1
    assert page.follow("repair --apply") == 0

    assert page.is_over
    assert Path("undo.sql").read_text("utf-8")
    assert ledger.value("SELECT to_regclass('public.leads_listed_created_at_idx') IS NOT NULL")


def test_a_bad_migration(ledger: Ledger) -> None:
    done(ledger.one("grant", owner_id=OWNER, asset="credit", amount=100, reason="welcome"))
    before = ledger.rows("SELECT * FROM public.user_credits")
    # A deployment has applied a function of another release, which fails.
    ledger.admin.execute(
        "CREATE OR REPLACE FUNCTION bursar.seal_head() RETURNS jsonb LANGUAGE sql STABLE"
        " SECURITY DEFINER SET search_path = pg_catalog, bursar, pg_temp"
        " AS $$SELECT to_jsonb(1 / 0)$$;"
        " UPDATE bursar_meta.routine SET checksum = 'of another release'"
        " WHERE path = 'seal/seal_ledger.sql'"
    )
    steps = ledger.value("SELECT count(*) FROM bursar_meta.step")
    page = incident("A bad migration", ledger.database)

    assert page.follow("migrate verify") == 5
    page.follow("migrate plan")
    assert page.follow("migrate up") == 0
    ledger.rows("SELECT bursar.seal_head()")
    page.follow("migrate plan --down")
    assert page.follow("migrate down") == 0
    assert ledger.value("SELECT count(*) FROM bursar_meta.step") == steps - 1
    assert ledger.rows("SELECT * FROM public.user_credits") == before
    assert page.follow("migrate up") == 0
    assert page.follow("migrate verify") == 0

    assert page.is_over
    assert ledger.rows("SELECT * FROM public.user_credits") == before


def test_restoring_a_backup(ledger: Ledger) -> None:
    database = ledger.database
    for name, cost in (("Poster", 60), ("Sticker", 5)):
        ledger.admin.execute(
            "UPDATE public.rewards SET name = %s WHERE id = %s",
            [name, reward(ledger.admin, cost, creator_id=str(uuid.uuid4()))],
        )
    taken = take_backup(database.url, Path("backups"))
    ledger.admin.execute("UPDATE public.rewards SET cost = 1")  # where is its WHERE?
    page = incident("Restoring a backup", database)
    [shown] = set(re.findall(r"shop_before_\d+_\d+", sections()["Restoring a backup"]))
    page.stands_for["backup_20261121_211318.dump"] = taken.path.name

    def costs() -> list[tuple[int]]:
        with psycopg.connect(database.url) as connection:
            return connection.execute("SELECT cost FROM public.rewards ORDER BY 1").fetchall()

    page.follow("backup list")
    page.follow("restore")
    with_copy, page.environment = (
        page.environment,
        {"BURSAR_DATABASE_URL": database.cluster.url(database=f"{database.name}_copy")},
    )
    page.follow("db psql")
    page.environment = with_copy
    assert costs() == [(1,), (1,)]
    assert page.follow("restore") == 0
    page.follow("db psql")
    assert costs() == [(5,), (60,)]
    with psycopg.connect(database.cluster.url()) as connection:
        [(kept,)] = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)",
            [f"{database.name}_before_"],
        ).fetchall()
    page.stands_for = {shown: kept, **page.stands_for}
    assert page.follow("restore --back") == 0
    page.follow("db psql")

    assert page.is_over
    assert costs() == [(1,), (1,)]
