"""`bursar audit` says what the audit found, and ends as scripts expect it to."""

import json

import pytest

from bursar.cli import conftest
from bursar.cli.conftest import run, run_json
from bursar.db.scratch import ScratchDatabase
from bursar.ops.audit import load_invariants

OWNER = "5b1d9c7e-0000-4000-8000-000000000001"


@pytest.fixture
def ledger(database: ScratchDatabase, monkeypatch: pytest.MonkeyPatch) -> ScratchDatabase:
    """A ledger with one wallet, on a database that the commands find in the environment."""
    ours = conftest.environment
    monkeypatch.setattr(
        conftest,
        "environment",
        lambda **more: ours(**{"BURSAR_DATABASE_URL": database.url, **more}),
    )
    run_json("wallet", "grant", OWNER, "50")
    return database


def damage(database: ScratchDatabase) -> None:
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE public.user_credits SET balance = balance + 1")


def test_a_sound_ledger_ends_with_0_and_says_how_long_it_took(ledger: ScratchDatabase) -> None:
    done = run("audit")

    assert done.returncode == 0, done.stderr
    assert "Every invariant holds." in done.stdout
    assert " s, as of " in done.stdout
    assert "wallets_match_entries" in done.stdout
    assert done.stderr == ""


def test_findings_end_with_1_and_are_shown_with_what_they_mean(ledger: ScratchDatabase) -> None:
    damage(ledger)

    done = run("audit")

    assert done.returncode == 1
    for words in (
        "a balance is not the sum of its entries",
        f"owner_id {OWNER}",
        "balance 50, seq 1",
        "balance 51, seq 1",
        "A finding means that a balance was written past the kernel",
        f"1 of {len(load_invariants())} invariants do not hold.",
    ):
        assert words in done.stdout, words


def test_json_has_all_that_was_found(ledger: ScratchDatabase) -> None:
    assert run_json("audit")["clean"] is True
    damage(ledger)

    found = run_json("audit", "--only", "wallets_match_entries,entries_are_sound", code=1)

    assert found["clean"] is False
    first, second = found["invariants"]
    assert (first["name"], first["findings"]) == ("wallets_match_entries", 1)
    assert first["told"] == [
        {
            "what": "a balance is not the sum of its entries",
            "ids": {"asset": "credit", "owner_id": OWNER},
            "expected": "balance 50, seq 1",
            "found": "balance 51, seq 1",
        }
    ]
    assert (second["name"], second["findings"], second["told"]) == ("entries_are_sound", 0, [])


def test_what_is_not_told_is_counted(ledger: ScratchDatabase) -> None:
    run_json("wallet", "grant", OWNER.replace("1", "2"), "50")
    damage(ledger)

    done = run("audit", "--limit", "1")

    assert done.returncode == 1
    assert "There are 1 more" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["--only", "nothing_like_it"], {}, "There is no invariant nothing_like_it."),
        ([], {"BURSAR_DATABASE_URL": "postgresql://ada:hush@/x?host=/nowhere"}, "/nowhere"),
        (["--data", "nowhere"], {}, "There is no database in nowhere."),
    ],
)
def test_an_audit_that_cannot_be_carried_out_ends_with_2(
    arguments: list[str], variables: dict[str, str], says: str, ledger: ScratchDatabase
) -> None:
    done = run("audit", *arguments, "--json", **variables)

    assert done.returncode == 2
    answered = json.loads(done.stdout)
    assert says in answered["error"]
    assert answered["exit_code"] == 2
    assert "hush" not in done.stdout + done.stderr


def test_seals_are_made_proved_and_their_head_is_known_again(ledger: ScratchDatabase) -> None:
    unsealed = run("audit", "--verify-seal")
    made = run_json("audit", "--seal")
    said = run("audit", "--seal")
    head = f"{made['number']}:{made['head']}"

    proved = run("audit", "--verify-seal", "--head", head)
    other = run_json("audit", "--verify-seal", "--head", "1:" + "0" * 64, code=1)

    assert (unsealed.returncode, "Nothing is sealed" in unsealed.stdout) == (1, True)
    assert (made["seals"], made["entries"], made["number"]) == (1, 2, 1)
    assert f"Head: {head}" in said.stdout
    assert "Nothing was new." in said.stdout
    assert proved.returncode == 0, proved.stdout
    assert "Every sealed row is what it was. The head that you kept is seal 1's." in proved.stdout
    assert other["told"][0]["what"] == "the chain is not the one that this head is of"


def test_an_edited_entry_is_named_by_its_seal(ledger: ScratchDatabase) -> None:
    run_json("audit", "--seal")
    connection = ledger.connect()
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE bursar.entry SET bucket = 'x' WHERE line = 2")

    done = run("audit", "--verify-seal")

    assert done.returncode == 1
    assert "an entry was edited after it was sealed" in done.stdout
    assert ", line 2" in done.stdout
    assert "Seal 1 is the first that differs." in done.stdout


def test_an_incremental_audit_says_from_where_it_looked(ledger: ScratchDatabase) -> None:
    first = run("audit", "--incremental")
    run_json("audit", "--seal")
    second = run_json("audit", "--incremental")
    third = run("audit", "--incremental")

    assert "There is no checkpoint yet" in first.stdout
    assert "`bursar audit --seal`" in first.stdout
    assert (second["checkpoint"], second["covered"], second["noted"]) == (None, 1, True)
    assert "seal 1" in third.stdout
    assert "always" in third.stdout
    assert third.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seal", "--verify-seal"],
        ["--incremental", "--only", "entries_are_sound"],
        ["--head", "a"],
    ],
)
def test_a_command_line_that_means_two_things_is_refused(
    arguments: list[str], ledger: ScratchDatabase
) -> None:
    assert run("audit", *arguments).returncode == 2
