"""The seals find what was changed after them, and name the rows."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.ops.seal import SealReport, verify_seals
from bursar.settings import Settings
from tests.ledger_in_sql import Ledger, done

# A transaction of two entries in the middle of the second seal, whatever it was.
PICK = """
    SELECT min(t.id) FROM bursar.transaction AS t JOIN bursar.seal AS s ON s.number = 2
    WHERE t.id > s.from_id AND t.id < s.to_id AND (SELECT count(*) FROM bursar.entry AS e
        WHERE e.transaction_id = t.id) = 2
"""
COLUMNS = "asset, owner_id, amount, seq, balance_after, bucket"
REMAKE = """
    CREATE TABLE public.old_seals AS SELECT * FROM bursar.seal ORDER BY number;
    DELETE FROM bursar.seal; DELETE FROM bursar.seal_block;
    SELECT bursar.write_seal(from_id, to_id, made_by) FROM public.old_seals ORDER BY number
"""


@pytest.fixture(scope="module")
def sealed(cluster: Cluster, busy: str) -> Iterator[str]:
    """The name of a busy ledger that was sealed three times, with something after that."""
    with scratch_database(cluster, busy) as made:
        ledger = Ledger(made)
        for entries in (60, 60, 100_000):
            ledger.rows("SELECT bursar.seal_ledger('test', %s)", entries)
        done(ledger.one("grant", owner_id="bob", asset="gem", amount=5))
        made.close()
        yield made.name


@pytest.fixture
def database(cluster: Cluster, sealed: str) -> Iterator[ScratchDatabase]:
    with scratch_database(cluster, sealed) as made:
        yield made


def verify(database: ScratchDatabase, **options: Any) -> SealReport:
    return asyncio.run(verify_seals(database.url, Settings(), **options))


def damaged(database: ScratchDatabase, statement: str) -> int:
    """Do it with every right, to a transaction of which the id is answered."""
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    [[picked]] = connection.execute(PICK.encode()).fetchall()
    assert picked is not None
    connection.execute("DROP INDEX bursar.entry_wallet_seq_key")
    assert connection.execute(statement.format(picked).encode()).rowcount > 0
    return int(picked)


def told(report: SealReport) -> list[tuple[str, dict[str, Any]]]:
    return [(finding.what, finding.ids) for finding in report.told]


@pytest.mark.postgres_versions("15", "18")
def test_what_nobody_changed_is_what_was_sealed(database: ScratchDatabase) -> None:
    report = verify(database)

    assert report.told == []
    assert report.holds
    assert (report.seals, report.unsealed, report.number) == (3, 1, 3)
    [(rows,)] = (
        database.connect()
        .execute("SELECT sum(transactions + entries)::bigint FROM bursar.seal")
        .fetchall()
    )
    assert report.rows == rows


@pytest.mark.parametrize(
    ("statement", "happened"),
    [
        (
            "UPDATE bursar.entry SET amount = amount + 1 WHERE transaction_id = {} AND line = 1",
            [("an entry was edited", 1)],
        ),
        (
            "UPDATE bursar.entry SET bucket = 'x' WHERE transaction_id = {} AND line = 2",
            [("an entry was edited", 2)],
        ),
        (
            "UPDATE bursar.entry SET seq = seq + 1, balance_after = balance_after WHERE"
            " transaction_id = {} AND seq IS NOT NULL AND line = 1",
            [("an entry was edited", 1)],
        ),
        (
            "DELETE FROM bursar.entry WHERE transaction_id = {} AND line = 2",
            [("an entry was removed", 2)],
        ),
        (
            f"INSERT INTO bursar.entry SELECT transaction_id, 3, {COLUMNS} FROM bursar.entry"
            " WHERE transaction_id = {} AND line = 2",
            [("an entry was put in", 3)],
        ),
        (
            "UPDATE bursar.entry SET line = 7 - line WHERE transaction_id = {}",
            [
                ("an entry was removed", 1),
                ("an entry was removed", 2),
                ("an entry was put in", 5),
                ("an entry was put in", 6),
            ],
        ),
        (
            "UPDATE bursar.transaction SET reason = reason || ' ' WHERE id = {}",
            [("a transaction was edited", None)],
        ),
        (
            "UPDATE bursar.transaction SET metadata = '{{\"a\": 1}}' WHERE id = {}",
            [("a transaction was edited", None)],
        ),
        (
            "UPDATE bursar.transaction SET created_at = created_at + interval '1 microsecond'"
            " WHERE id = {}",
            [("a transaction was edited", None)],
        ),
        ("DELETE FROM bursar.transaction WHERE id = {}", [("a transaction was removed", None)]),
    ],
)
def test_a_changed_row_is_named(
    statement: str, happened: list[tuple[str, int | None]], database: ScratchDatabase
) -> None:
    picked = damaged(database, statement)

    report = verify(database)

    wanted = [
        (
            f"{what} after it was sealed",
            {"transaction_id": picked} | ({} if line is None else {"line": line}),
        )
        for what, line in happened
    ]
    assert sorted(told(report), key=str) == sorted(wanted, key=str)
    assert (report.broken, report.holds) == (2, False)


def test_two_entries_that_changed_places_are_both_named(database: ScratchDatabase) -> None:
    picked = damaged(
        database,
        "WITH pair AS (SELECT * FROM bursar.entry WHERE transaction_id = {0}) UPDATE bursar.entry"
        " AS e SET owner_id = o.owner_id, amount = o.amount, seq = o.seq, balance_after ="
        " o.balance_after, bucket = o.bucket FROM pair AS o WHERE e.transaction_id = {0}"
        " AND o.line = 3 - e.line",
    )

    what = "an entry was edited after it was sealed"
    assert told(verify(database)) == [
        (what, {"transaction_id": picked, "line": line}) for line in (1, 2)
    ]


def test_a_transaction_put_into_a_gap_is_named(database: ScratchDatabase) -> None:
    """Also one before the first seal, where nothing ever was."""
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    [[last]] = connection.execute("SELECT to_id FROM bursar.seal WHERE number = 2").fetchall()
    connection.execute("DELETE FROM bursar.transaction WHERE id = %s", [last])
    connection.execute(
        "UPDATE bursar.entry SET transaction_id = -3 WHERE transaction_id = %s", [last]
    )
    connection.execute(
        "INSERT INTO bursar.transaction (id, verb, asset, owner_id, amount, reason, actor,"
        " created_at) VALUES (-3, 'grant', 'gem', 'eve', 5, 'x', 'y', now())"
    )

    found = told(verify(database, limit=100))

    assert ("a transaction was put in before the first seal", {"transaction_id": -3}) in found
    assert ("a transaction was removed after it was sealed", {"transaction_id": last}) in found


def test_what_is_not_sealed_yet_is_not_spoken_of(database: ScratchDatabase) -> None:
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    connection.execute(
        "UPDATE bursar.transaction SET reason = 'x' WHERE id ="
        " (SELECT max(id) FROM bursar.transaction)"
    )

    assert verify(database).holds


@pytest.mark.parametrize(
    ("statement", "what", "broken"),
    [
        (
            "UPDATE bursar.seal SET made_by = 'eve' WHERE number = 2",
            "a seal is not what it was made as",
            2,
        ),
        (
            "UPDATE bursar.seal SET entries = entries + 1 WHERE number = 1",
            "a seal is not what it was made as",
            1,
        ),
        (
            "UPDATE bursar.seal_block SET marks = marks || '\\x00' WHERE seal = 2",
            "a seal is not what it was made as",
            2,
        ),
        ("DELETE FROM bursar.seal_block WHERE seal = 2", "a seal is not what it was made as", 2),
        ("DELETE FROM bursar.seal WHERE number = 2", "a seal is missing", 3),
        (
            "UPDATE bursar.seal SET digest = sha256('x') WHERE number = 1",
            "a seal does not follow the one before it",
            1,
        ),
        (
            "UPDATE bursar.seal SET to_id = to_id - 1 WHERE number = 1",
            "a seal does not begin where the one before it ends",
            1,
        ),
    ],
)
def test_a_changed_seal_is_named(
    statement: str, what: str, broken: int, database: ScratchDatabase
) -> None:
    damaged(database, statement)

    report = verify(database)

    assert what in {finding.what for finding in report.told}
    assert report.broken == broken


def test_a_chain_that_was_made_anew_is_known_by_a_head_that_was_kept(
    database: ScratchDatabase,
) -> None:
    kept = verify(database)
    assert kept.head is not None
    damaged(database, "UPDATE bursar.entry SET amount = amount + 1 WHERE transaction_id = {}")
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")
    connection.execute(REMAKE.encode())

    assert verify(database).holds, "Nothing inside the database could tell."
    for head in (kept.head, f"3:{kept.head}", f"3:{kept.head.upper()}"):
        report = verify(database, head=head)
        assert (report.holds, report.anchored) == (False, 0)
        assert report.told[0].what == "the chain is not the one that this head is of"


def test_a_head_is_found_wherever_it_is_in_the_chain(database: ScratchDatabase) -> None:
    kept = verify(database)
    Ledger(database).rows("SELECT bursar.seal_ledger('test')")

    assert verify(database, head=kept.head).anchored == 3
    assert verify(database, head=f"3:{kept.head}").holds
    assert not verify(database, head=f"2:{kept.head}").holds


def test_seals_cut_off_at_the_end_are_known_by_the_head(database: ScratchDatabase) -> None:
    kept = verify(database)
    damaged(database, "DELETE FROM bursar.seal WHERE number = 3")

    assert verify(database).holds
    assert not verify(database, head=kept.head).holds


def test_a_replaced_function_hides_nothing(database: ScratchDatabase) -> None:
    damaged(database, "UPDATE bursar.entry SET amount = amount + 1 WHERE transaction_id = {}")
    database.connect().execute("DROP FUNCTION bursar.write_seal, bursar.seal_ledger")

    assert not verify(database).holds


def test_of_many_findings_a_few_are_told(database: ScratchDatabase) -> None:
    damaged(database, "UPDATE bursar.entry SET bucket = 'x' WHERE transaction_id > 0 OR {} = 0")

    report = verify(database, limit=3)

    assert len(report.told) == 3
    assert report.findings > 3
    assert report.broken == 1


def test_where_nothing_is_sealed_nothing_is_proved(busy_database: ScratchDatabase) -> None:
    report = verify(busy_database)

    assert (report.holds, report.seals, report.told) == (False, 0, [])
