"""What the ledger tells of a wallet: its state, its statement, and why its balance is so."""

import uuid

import pytest

from tests.ledger_in_sql import Ledger, done

pytestmark = pytest.mark.postgres_versions("15", "18")


@pytest.fixture(scope="module")
def owner(ledger: Ledger) -> str:
    """Somebody with a history: granted 10, paid 4 to a friend, 2 held, 9 taken back."""
    owner = str(uuid.uuid4())
    wallet = {"owner_id": owner, "asset": "credit"}
    done(ledger.one("grant", **wallet, amount=10, reason="welcome", metadata={"campaign": "x"}))
    done(ledger.one("transfer", **wallet, amount=4, to_owner_id=str(uuid.uuid4())))
    done(ledger.one("hold", **wallet, amount=2))
    done(ledger.one("adjust", **wallet, amount=-9, shortfall="debt", actor="operator:bob"))
    return owner


def test_a_wallet_is_read_with_what_is_held_and_owed(ledger: Ledger, owner: str) -> None:
    assert ledger.value("SELECT bursar.read_wallet(%s, 'credit')", owner) == {
        "owner_id": owner,
        "asset": "credit",
        "balance": 2,
        "held": 2,
        "available": 0,
        "owed": 5,
        "status": "open",
        "seq": 3,
    }


def test_who_has_no_wallet_reads_null(ledger: Ledger) -> None:
    for owner, asset in (
        (str(uuid.uuid4()), "credit"),
        ("ada", "credit"),
        ("ada", "gold"),
        (str(uuid.uuid4()), "credit:owed"),
        ("", "credit"),
    ):
        assert ledger.value("SELECT bursar.read_wallet(%s, %s)", owner, asset) is None
        assert ledger.value("SELECT bursar.explain(%s, %s)", owner, asset) is None
        assert ledger.value("SELECT bursar.read_statement(%s, %s)", owner, asset) == []
    assert ledger.value("SELECT bursar.read_hold(-1)") is None
    assert ledger.value("SELECT bursar.read_transaction(-1)") is None


def test_a_statement_is_newest_first_and_says_who_was_on_the_other_side(
    ledger: Ledger, owner: str
) -> None:
    found = ledger.value("SELECT bursar.read_statement(%s, 'credit')", owner)

    assert [
        (line["seq"], line["verb"], line["amount"], line["balance_after"], line["reason"])
        for line in found
    ] == [
        (3, "adjust", -4, 2, "adjust"),
        (2, "transfer", -4, 6, "transfer"),
        (1, "grant", 10, 10, "welcome"),
    ]
    assert found[0]["actor"] == "operator:bob"
    assert found[2]["metadata"] == {"campaign": "x"}
    assert found[2]["counterparties"] == ["system:issuance"]
    assert len(found[1]["counterparties"]) == 1


def test_pages_of_a_statement_meet_without_gap_or_overlap(ledger: Ledger) -> None:
    owner = ledger.funded(1)
    ledger.ask("grant", [{"owner_id": owner, "asset": "credit", "amount": 1}] * 24)
    seen: list[int] = []
    before = None

    while page := ledger.value(
        "SELECT bursar.read_statement(%s, 'credit', %s::bigint, 10)", owner, before
    ):
        assert len(page) <= 10
        seen += [line["seq"] for line in page]
        before = seen[-1]

    assert seen == list(range(25, 0, -1))


def test_an_explanation_adds_up(ledger: Ledger, owner: str) -> None:
    found = ledger.value("SELECT bursar.explain(%s, 'credit', 2)", owner)

    assert found["agrees"] is True
    assert (found["entries"], found["sum_of_entries"], found["sum_of_holds"]) == (3, 2, 2)
    assert found["by_verb"] == {"grant": 10, "transfer": -4, "adjust": -4}
    assert found["by_bucket"] == {"promotional": 10, "used": -4, "adjusted": -4}
    assert [hold["left"] for hold in found["open_holds"]] == [2]
    assert [line["seq"] for line in found["latest"]] == [3, 2]


def test_an_owner_in_capitals_is_the_same_owner(ledger: Ledger, owner: str) -> None:
    for read in ("read_wallet", "read_statement", "explain"):
        query = "SELECT bursar." + read + "(%s, 'credit')"
        row = ledger.admin.execute(query.encode(), [owner.upper()]).fetchone()
        assert row == ledger.admin.execute(query.encode(), [owner]).fetchone()


def test_a_balance_that_was_tampered_with_does_not_agree(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    with ledger.admin.transaction(force_rollback=True):
        ledger.admin.execute("SET LOCAL session_replication_role = replica")
        ledger.admin.execute(
            "UPDATE public.user_credits SET balance = 11 WHERE user_id = %s", [owner]
        )

        assert ledger.value("SELECT bursar.explain(%s, 'credit') -> 'agrees'", owner) is False
    assert ledger.value("SELECT bursar.explain(%s, 'credit') -> 'agrees'", owner) is True


def test_a_transaction_names_its_corrections(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    spent = done(ledger.one("spend", owner_id=owner, asset="credit", amount=4))["transaction_id"]
    back = [
        done(ledger.one("refund", transaction_id=spent, amount=2))["transaction_id"]
        for _ in range(2)
    ]

    found = ledger.value("SELECT bursar.read_transaction(%s)", spent)

    assert found["corrected_by"] == back
    assert [(e["owner_id"], e["amount"]) for e in found["entries"]] == [
        (owner, -4),
        ("system:revenue", 4),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bursar.entry SET amount = 1",
        "DELETE FROM bursar.entry",
        "TRUNCATE bursar.entry",
        "UPDATE bursar.transaction SET reason = ''",
        "DELETE FROM bursar.transaction",
        "TRUNCATE bursar.transaction",
        "UPDATE bursar.external_reference SET owner_id = ''",
        "DELETE FROM bursar.external_reference",
        "TRUNCATE bursar.external_reference",
    ],
)
def test_what_was_written_down_stays_also_for_the_superuser(ledger: Ledger, statement: str) -> None:
    with pytest.raises(Exception, match="append-only"):
        ledger.admin.execute(statement.encode())
