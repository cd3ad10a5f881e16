import getpass
import uuid

import pytest

from bursar.cli import conftest
from bursar.cli.conftest import free_port, run, run_json
from bursar.db.scratch import ScratchDatabase


@pytest.fixture
def owner(database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new owner on a database that the commands find in the environment."""
    ours = conftest.environment
    monkeypatch.setattr(
        conftest, "environment", lambda **more: ours(BURSAR_DATABASE_URL=database.url, **more)
    )
    return str(uuid.uuid4())


def test_a_grant_under_one_key_is_made_once_and_names_who_typed_it(owner: str) -> None:
    first = run_json("wallet", "grant", owner, "50", "--reason", "welcome", "--key", "k")
    again = run_json("wallet", "grant", owner, "50", "--reason", "welcome", "--key", "k")

    assert (first["balance"], again["balance"]) == (50, 50)
    assert again["replayed"] is True
    entries = run_json("wallet", "statement", owner)["entries"]
    assert [(one["verb"], one["reason"], one["amount"]) for one in entries] == [
        ("grant", "welcome", 50)
    ]
    assert entries[0]["actor"] == f"operator:{getpass.getuser()}"


def test_a_database_with_another_level_of_its_own_is_changed_all_the_same(
    owner: str, database: ScratchDatabase
) -> None:
    database.connect().execute(
        f"ALTER DATABASE {database.name} SET default_transaction_isolation = 'serializable'"
    )

    granted = run_json("wallet", "grant", owner, "50", "--reason", "welcome")
    paused = run_json("degraded", "on", "--reason", "a drill")
    again = run_json("degraded", "off", "--reason", "it is over")

    assert granted["balance"] == 50
    assert (paused["degraded"], again["degraded"]) == (True, False)


def test_adjust_goes_both_ways_and_needs_a_reason(owner: str) -> None:
    run_json("wallet", "grant", owner, "50")

    down = run_json("wallet", "adjust", owner, "-20", "--reason", "counted twice")
    up = run_json("wallet", "adjust", owner, "5", "--reason", "counted once too little")
    silent = run("wallet", "adjust", owner, "-20")

    assert (down["balance"], up["balance"]) == (30, 35)
    assert silent.returncode == 2
    assert "--reason" in silent.stderr


def test_a_refusal_is_an_error_with_its_code(owner: str) -> None:
    run_json("wallet", "grant", owner, "50")

    refused = run_json("wallet", "adjust", owner, "-60", "--reason", "too much", code=1)
    missing = run_json("wallet", "show", str(uuid.uuid4()), code=1)

    assert refused["code"] == "INSUFFICIENT_FUNDS"
    assert missing["code"] == "WALLET_NOT_FOUND"
    assert run_json("wallet", "show", owner)["balance"] == 50


def test_what_cannot_be_taken_becomes_debt_when_asked(owner: str) -> None:
    run_json("wallet", "grant", owner, "50")

    run_json("wallet", "adjust", owner, "-60", "--reason", "clawed back", "--debt")

    wallet = run_json("wallet", "show", owner)
    assert (wallet["balance"], wallet["owed"]) == (0, 10)


def test_a_freeze_can_be_lifted(owner: str) -> None:
    run_json("wallet", "grant", owner, "50")

    run_json("wallet", "freeze", owner, "--reason", "looked at")
    assert run_json("wallet", "show", owner)["status"] == "frozen"

    run_json("wallet", "freeze", owner, "--reason", "all well", "--status", "open")
    assert run_json("wallet", "show", owner)["status"] == "open"


def test_explain_says_whether_all_agrees(owner: str) -> None:
    run_json("wallet", "grant", owner, "1050")

    found = run_json("wallet", "explain", owner)
    shown = run("wallet", "explain", owner)

    assert found["agrees"] is True
    assert found["by_verb"] == {"grant": 1050}
    assert "1 entries add up to the balance of 1,050." in shown.stdout


@pytest.mark.parametrize("amount", ["0", "-5", "1.5", "NaN", "1e9", "1000000000000001"])
def test_an_amount_that_is_none_is_refused_by_the_door(owner: str, amount: str) -> None:
    assert run("wallet", "grant", owner, "--", amount).returncode == 2


def test_a_database_that_is_not_there_has_an_exit_code_of_its_own() -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"

    done = run("wallet", "show", "somebody", BURSAR_DATABASE_URL=nowhere)

    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
