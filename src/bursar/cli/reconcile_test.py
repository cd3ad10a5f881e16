"""`bursar reconcile` shows a plan, keeps a copy, mends, and says what is left with its page."""

import json
import stat
from pathlib import Path

import psycopg
import pytest

from bursar.cli import conftest
from bursar.cli.conftest import run, run_json
from bursar.db.scratch import ScratchDatabase

OWNER = "5b1d9c7e-0000-4000-8000-000000000001"


@pytest.fixture
def damaged(database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> psycopg.Connection:
    """A ledger with one wallet, of which the balance was written past it."""
    ours = conftest.environment
    monkeypatch.setattr(
        conftest,
        "environment",
        lambda **more: ours(**{"BURSAR_DATABASE_URL": database.url, **more}),
    )
    run_json("wallet", "grant", OWNER, "50")
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE public.user_credits SET balance = 90")
    return connection


def balance(connection: psycopg.Connection) -> int:
    return int(connection.execute("SELECT balance FROM public.user_credits").fetchall()[0][0])


def test_the_plan_comes_first_and_a_second_run_finds_nothing(
    damaged: psycopg.Connection, tmp_path: Path
) -> None:
    to = ("--backup-to", str(tmp_path))
    plan = run("reconcile", *to)
    assert (plan.returncode, balance(damaged), list(tmp_path.iterdir())) == (1, 90, [])
    for words in (
        "To be mended",
        "a balance is not the sum",
        '"balance": 90',
        '"balance": 50',
        "Nothing was changed. With --apply it is done",
    ):
        assert words in plan.stdout, words

    done = run_json("reconcile", "--apply", "--reason", "seen at night", *to)
    again = run("reconcile", "--apply", *to)

    assert (done["clean"], done["left"], balance(damaged)) == (True, 0, 50)
    [path] = done["backups"]
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    [copy] = json.loads(Path(path).read_text("utf-8"))
    assert (copy["remedy"], copy["rows"]["balance"]) == ("wallet", 90)
    rows = damaged.execute("SELECT reason, actor FROM bursar.transaction WHERE verb = 'adjust'")
    assert {reason for reason, _ in rows.fetchall()} == {"seen at night"}
    assert (again.returncode, "Nothing is wrong." in again.stdout) == (0, True)


def test_a_balance_may_be_kept(damaged: psycopg.Connection, tmp_path: Path) -> None:
    done = run_json("reconcile", "--apply", "--keep-balances", "--backup-to", str(tmp_path))

    assert (done["clean"], balance(damaged)) == (True, 90)


def test_what_cannot_be_mended_is_listed_with_its_page(
    damaged: psycopg.Connection, tmp_path: Path
) -> None:
    damaged.execute("UPDATE public.user_credits SET balance = 50")
    damaged.execute("DELETE FROM bursar.entry WHERE line = 2")

    done = run("reconcile", "--apply", "--backup-to", str(tmp_path))

    assert done.returncode == 1
    assert "What compensation cannot mend" in done.stdout
    assert "docs/runbook.md, A removed or added entry: 1 findings." in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_reason_that_is_none_is_refused(damaged: psycopg.Connection) -> None:
    assert run("reconcile", "--reason", "").returncode == 2
