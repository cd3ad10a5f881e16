"""An incremental audit begins behind a checkpoint, and misses nothing that came after it."""

import asyncio
from collections.abc import Iterator

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.audit import Report, run_audit
from bursar.ops.audit.checkpoint import record_checkpoint
from bursar.ops.audit.invariant import load_invariants
from bursar.ops.seal import verify_seals
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger, done

LATER = {
    "assets_sum_to_zero",
    "entries_are_sound",
    "entries_sum_to_zero",
    "keys_name_their_card_payment",
    "keys_name_their_transaction",
    "keys_share_no_transaction",
    "transactions_match_entries",
    "wallets_match_entries",
}
BOB = "owner_id = 'bob' AND asset = 'gem'"
LAST = f"(SELECT max(transaction_id) FROM bursar.entry WHERE {BOB})"


@pytest.fixture(scope="module")
def audited(cluster: Cluster, busy: str) -> Iterator[str]:
    """The name of a busy ledger that was sealed and audited; bob has had three entries since."""
    with scratch_database(cluster, busy) as made:
        ledger = Ledger(made)
        first = audit(made)
        ledger.rows("SELECT bursar.seal_ledger('test')")
        second = audit(made)
        assert (first.covered, second.covered, note(made, first), note(made, second)) == (
            None,
            1,
            False,
            True,
        )
        for _ in range(3):
            done(ledger.one("grant", owner_id="bob", asset="gem", amount=5))
        made.close()
        yield made.name


@pytest.fixture
def database(cluster: Cluster, audited: str) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster, audited) as made:
        yield made


def audit(database: ScratchDatabase) -> Report:
    return asyncio.run(run_audit(database.url, Settings(), incremental=True))


def note(database: ScratchDatabase, report: Report) -> bool:
    return asyncio.run(record_checkpoint(database.url, Settings(), report, "operator:test"))


def damage(database: ScratchDatabase, *statements: str) -> None:
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    for statement in statements:
        assert connection.execute(statement.encode()).rowcount != 0, "Nothing was damaged."


def broken(report: Report) -> dict[str, list[str]]:
    return {
        verdict.invariant.name: [finding.what for finding in verdict.told]
        for verdict in report.verdicts
        if not verdict.holds
    }


@pytest.mark.postgres_versions("15", "18")
def test_it_looks_behind_the_checkpoint_where_that_is_enough(database: ScratchDatabase) -> None:
    report = audit(database)

    assert broken(report) == {}
    assert (report.checkpoint, report.covered) == (1, 1)
    later = {v.invariant.name: v.rows for v in report.verdicts if v.invariant.since is not None}
    assert set(later) == LATER
    assert later["entries_sum_to_zero"] == later["assets_sum_to_zero"] == 6
    assert later["transactions_match_entries"] == 3


def test_without_a_checkpoint_it_looks_at_everything(busy_database: ScratchDatabase) -> None:
    report = audit(busy_database)

    assert report.clean
    assert (report.checkpoint, report.covered) == (None, None)
    assert all(verdict.invariant.since is None for verdict in report.verdicts)


def test_a_checkpoint_moves_with_each_audit_that_found_nothing(database: ScratchDatabase) -> None:
    Ledger(database).rows("SELECT bursar.seal_ledger('test')")

    assert note(database, audit(database))
    report = audit(database)

    assert (report.checkpoint, report.covered) == (2, 2)
    assert note(database, report) is False
    assert {v.rows for v in report.verdicts if v.invariant.name == "entries_sum_to_zero"} == {0}


def test_an_audit_with_findings_leaves_no_checkpoint(database: ScratchDatabase) -> None:
    Ledger(database).rows("SELECT bursar.seal_ledger('test')")
    damage(database, "UPDATE bursar.wallet SET balance = balance + 1 WHERE owner_id = 'ada'")

    report = audit(database)

    assert not report.clean
    assert not note(database, report)


def test_a_login_that_may_not_leaves_no_checkpoint(database: ScratchDatabase) -> None:
    Ledger(database).rows("SELECT bursar.seal_ledger('test')")
    report = audit(database)

    noted = asyncio.run(record_checkpoint(database.service_url, Settings(), report, "me"))

    assert (report.clean, noted) == (True, False)


def test_a_checkpoint_of_another_seal_counts_for_nothing(database: ScratchDatabase) -> None:
    damage(database, "UPDATE bursar.seal SET digest = sha256('x')")

    assert audit(database).checkpoint is None


OLD = "(SELECT min(user_id::text) FROM public.user_credits WHERE balance > 0)"


@pytest.mark.parametrize(
    ("statements", "what"),
    [
        (
            [f"UPDATE bursar.wallet SET balance = balance + 1 WHERE {BOB}"],
            "a balance is not the sum of its entries",
        ),
        (
            [
                "UPDATE public.user_credits SET balance = balance + 1"
                f" WHERE user_id::text = {OLD}"  # that nothing has happened to since
            ],
            "a balance is not the sum of its entries",
        ),
        (
            [f"UPDATE bursar.wallet SET bursar_seq = bursar_seq + 1 WHERE {BOB}"],
            "a sequence is not the number of entries",
        ),
        (
            [
                "UPDATE bursar.wallet AS w SET balance = e.balance_after, bursar_seq = e.seq"
                f" FROM bursar.entry AS e WHERE w.{BOB.replace(' AND ', ' AND w.')}"
                " AND e.owner_id = 'bob' AND e.asset = 'gem' AND e.seq = 2"
            ],
            "a balance is not the sum of its entries",  # set back to what it was once
        ),
        (
            [f"DELETE FROM public.user_credits WHERE user_id::text = {OLD}"],
            "the wallets of an asset do not hold what its entries come to",
        ),
        (
            [f"DELETE FROM bursar.entry WHERE transaction_id = {LAST} - 1"],
            "the entries of a wallet do not follow one another",
        ),
        (
            [
                "UPDATE bursar.entry SET amount = amount + 1, balance_after = balance_after + 1"
                f" WHERE {BOB} AND transaction_id = {LAST} - 2"
            ],
            "the entries of a wallet do not follow one another",
        ),
        (
            [f"UPDATE bursar.entry SET seq = seq + 5 WHERE {BOB} AND transaction_id = {LAST}"],
            "the entries of a wallet do not follow one another",
        ),
    ],
)
def test_damage_behind_the_checkpoint_is_found(
    statements: list[str], what: str, database: ScratchDatabase
) -> None:
    damage(database, *statements)

    assert what in broken(audit(database))["wallets_match_entries"]


def test_an_older_id_may_come_later_in_its_wallet(database: ScratchDatabase) -> None:
    """Ids are drawn before wallets are locked. What then follows a new entry is looked at too."""
    ledger = Ledger(database)
    [(older,)] = ledger.rows("SELECT nextval('bursar.transaction_id_seq')")
    newer, late = (
        done(ledger.one("grant", owner_id="bob", asset="gem", amount=5))["transaction_id"]
        for _ in range(2)
    )
    damage(
        database,
        f"UPDATE bursar.transaction SET id = {older} WHERE id = {late}",
        f"UPDATE bursar.entry SET transaction_id = {older} WHERE transaction_id = {late}",
    )
    ledger.rows("SELECT bursar.write_seal(to_id + 1, %s, 'test') FROM bursar.seal", older)
    report = audit(database)
    assert (broken(report).keys() - {"keys_name_their_transaction"}, report.covered) == (set(), 2)
    ledger.admin.execute("SELECT bursar.record_checkpoint(2, now(), 'test')")

    assert "wallets_match_entries" not in broken(audit(database))
    damage(
        database,
        "UPDATE bursar.entry SET amount = amount + 1, balance_after = balance_after + 1"
        f" WHERE {BOB} AND transaction_id = {newer}",
    )

    found = broken(audit(database))["wallets_match_entries"]
    assert "the entries of a wallet do not follow one another" in found


def test_what_was_sealed_is_the_seals_business(database: ScratchDatabase) -> None:
    damage(
        database,
        "UPDATE bursar.entry SET amount = amount + 1 WHERE transaction_id ="
        " (SELECT min(transaction_id) FROM bursar.entry) AND line = 1",
    )

    assert "entries_sum_to_zero" not in broken(audit(database))
    assert not asyncio.run(verify_seals(database.url, Settings())).holds


def test_keys_from_a_day_before_the_checkpoint_on_are_looked_at(
    database: ScratchDatabase,
) -> None:
    spent = "outcome ->> 'verb' = 'spend' AND outcome ->> 'status' = 'done'"
    damage(
        database,
        "UPDATE bursar.idempotency SET outcome = (outcome::jsonb || '{\"amount\": 1}')::json,"
        f" created_at = (SELECT made_at FROM bursar.seal) - interval '25 hours' WHERE {spent}",
    )
    assert "keys_name_their_transaction" not in broken(audit(database))

    damage(
        database,
        "UPDATE bursar.idempotency SET created_at = (SELECT made_at FROM bursar.seal)"
        f" - interval '23 hours' WHERE {spent}",
    )
    assert "keys_name_their_transaction" in broken(audit(database))


def test_every_invariant_that_may_begin_later_says_how() -> None:
    behind = {one.name: one.behind(7, "2026-01-01") for one in load_invariants()}

    assert {name for name, one in behind.items() if one.since is not None} == LATER
    for one in load_invariants():
        later = behind[one.name]
        assert (later == one) == (one.name not in LATER)
        if one.begins:
            assert "> 7" in later.query or "2026-01-01" in later.query
