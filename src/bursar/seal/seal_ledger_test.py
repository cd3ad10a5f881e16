"""Seals cover what is committed, once, whatever is open meanwhile, and hold nobody up."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from tests.ledger_in_sql import Ledger, Outcome, done

both_versions = pytest.mark.postgres_versions("15", "18")
OPEN_SEALS = "SELECT from_id, to_id, transactions, entries FROM bursar.seal ORDER BY number"


@pytest.fixture
def ledger(cluster: Cluster, template: str) -> Iterator[Ledger]:
    """A ledger of its own: seals are the whole ledger's."""
    with scratch_database(cluster, template) as made:
        yield Ledger(made)


def seal(ledger: Ledger, entries: int = 100_000, wait_ms: int = 2000) -> dict[str, Any]:
    [[answer]] = ledger.caller.execute(
        "SELECT bursar.seal_ledger('test', %s, %s)", [entries, wait_ms]
    ).fetchall()
    found: dict[str, Any] = answer
    return found


def earn(ledger: Ledger, owner: str = "", amount: int = 5) -> Outcome:
    return done(ledger.one("grant", owner_id=owner or ledger.funded(1), asset="credit", amount=7))


def drawn(database: ScratchDatabase) -> tuple[psycopg.Connection, int]:
    """Somebody who has drawn an id, and has not committed yet."""
    late = database.connect(autocommit=False)
    [[outcomes]] = late.execute(
        "SELECT bursar.grant(%s)",
        [
            Jsonb(
                [
                    {
                        "owner_id": "5b1d9c7e-0000-4000-8000-000000000009",
                        "asset": "credit",
                        "amount": 3,
                    }
                ]
            )
        ],
    ).fetchall()
    return late, outcomes[0]["transaction_id"]


@both_versions
def test_a_seal_begins_where_the_last_one_ended_and_says_what_it_covers(ledger: Ledger) -> None:
    earn(ledger)
    first = seal(ledger)
    nothing = seal(ledger)
    earn(ledger)
    second = seal(ledger)

    assert (first["number"], nothing["number"], second["number"]) == (1, None, 2)
    assert first["from_id"] == 1
    assert second["from_id"] == first["to_id"] + 1
    assert nothing["entries"] == 0
    counted = ledger.rows(
        "SELECT (SELECT count(*) FROM bursar.transaction), count(*) FROM bursar.entry"
    )
    assert ledger.rows("SELECT sum(transactions), sum(entries) FROM bursar.seal") == counted
    assert ledger.rows(
        "SELECT encode(s.previous, 'hex') FROM bursar.seal AS s ORDER BY number"
    ) == [(None,), (first["digest"],)]
    assert ledger.rows("SELECT bursar.seal_head() ->> 'digest'") == [(second["digest"],)]


def test_an_empty_ledger_has_nothing_to_seal(ledger: Ledger) -> None:
    assert seal(ledger)["number"] is None
    assert ledger.rows("SELECT bursar.seal_head()") == [(None,)]


def test_seals_are_bounded_and_tell_that_more_is_left(ledger: Ledger) -> None:
    for _ in range(6):
        earn(ledger)

    sizes = []
    while (made := seal(ledger, entries=5))["number"] is not None:
        sizes.append((made["entries"], made["left"]))

    assert all(0 < entries <= 5 for entries, _ in sizes)
    assert [left for _, left in sizes] == [True] * (len(sizes) - 1) + [False]
    assert ledger.rows("SELECT sum(entries) FROM bursar.seal") == ledger.rows(
        "SELECT count(*) FROM bursar.entry"
    )


@both_versions
def test_what_is_drawn_and_not_committed_is_waited_for(ledger: Ledger) -> None:
    earn(ledger)
    late, drawn_id = drawn(ledger.database)
    earn(ledger)  # commits a higher id meanwhile

    assert seal(ledger, wait_ms=50) == {"status": "waiting"}
    assert ledger.rows("SELECT count(*) FROM bursar.seal") == [(0,)]
    late.commit()

    made = seal(ledger)
    assert made["from_id"] <= drawn_id <= made["to_id"]
    assert made["entries"] == ledger.rows("SELECT count(*) FROM bursar.entry")[0][0]


def test_an_id_that_was_given_up_is_a_gap_for_ever(ledger: Ledger) -> None:
    late, drawn_id = drawn(ledger.database)
    late.rollback()
    earn(ledger)

    made = seal(ledger)

    assert made["from_id"] <= drawn_id <= made["to_id"]
    assert ledger.rows("SELECT count(*) FROM bursar.transaction WHERE id = %s", drawn_id) == [(0,)]


@both_versions
def test_whoever_draws_an_id_and_writes_nothing_yet_is_waited_for_as_well(ledger: Ledger) -> None:
    """An id can be drawn before anything is written: then no transaction id tells of it."""
    earn(ledger)
    late = ledger.database.connect(autocommit=False)
    late.execute("SELECT nextval('bursar.transaction_id_seq') FROM generate_series(1, 3)")
    unwritten = late.execute("SELECT pg_current_xact_id_if_assigned()").fetchall()

    waiting = seal(ledger, wait_ms=50)
    late.rollback()

    assert unwritten == [(None,)]
    assert waiting == {"status": "waiting"}
    assert seal(ledger)["number"] == 1


def test_who_comes_after_the_look_is_not_waited_for(ledger: Ledger) -> None:
    """Readers, and writers of something else, are not either."""
    earn(ledger)
    reading = ledger.database.connect(autocommit=False)
    reading.execute("SELECT count(*) FROM bursar.entry")
    reading.execute("SELECT last_value FROM bursar.transaction_id_seq")
    reading.execute(
        "INSERT INTO bursar.metric_minute (minute, process, verb, outcome)"
        " VALUES (now(), 'p', 'v', 'o')"
    )

    assert seal(ledger, wait_ms=0)["number"] == 1


def test_two_at_once_do_not_seal_twice(ledger: Ledger) -> None:
    earn(ledger)
    other = ledger.database.connect("service_role", autocommit=False)
    other.execute("SELECT bursar.seal_ledger('other')")

    assert seal(ledger) == {"status": "busy"}
    other.commit()

    assert seal(ledger)["number"] is None
    assert len(ledger.rows(OPEN_SEALS)) == 1


def test_no_writer_waits_for_a_seal_under_way(ledger: Ledger) -> None:
    owner = ledger.funded(50)
    sealing = ledger.database.connect("service_role", autocommit=False)
    sealing.execute("SELECT bursar.seal_ledger('test')")
    ledger.caller.execute("SET lock_timeout = '1ms'")

    done(ledger.one("spend", owner_id=owner, asset="credit", amount=5))
    ledger.admin.execute(
        "UPDATE public.user_credits SET balance = balance - 1 WHERE user_id = %s", [owner]
    )

    sealing.commit()
    assert seal(ledger)["transactions"] == 2


def test_while_changes_are_paused_nothing_is_sealed(ledger: Ledger) -> None:
    earn(ledger)
    ledger.rows("SELECT bursar.set_degraded(true, 'the disk is full', 'test')")

    assert seal(ledger)["code"] == "DEGRADED"


def test_what_makes_no_sense_is_malformed(ledger: Ledger) -> None:
    for arguments in (
        *("'', 1, 1", "'a', 0, 1", "'a', 100001, 1", "'a', 1, -1"),
        *("NULL, 1, 1", "E'a\\nb', 1, 1", "'a', NULL, 1"),
    ):
        query = f"SELECT bursar.seal_ledger({arguments})"
        [[answer]] = ledger.admin.execute(query.encode()).fetchall()
        assert answer["code"] == "MALFORMED", arguments


def test_a_sequence_that_keeps_ids_ahead_is_refused(ledger: Ledger) -> None:
    ledger.admin.execute("ALTER SEQUENCE bursar.transaction_id_seq CACHE 10")

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="keeps ids ahead"):
        seal(ledger)


def test_seals_are_append_only(ledger: Ledger) -> None:
    for table, column in (("seal", "number"), ("seal_block", "seal"), ("seal_checkpoint", "seal")):
        for change in (
            f"UPDATE bursar.{table} SET {column} = 2",
            f"DELETE FROM bursar.{table}",
            f"TRUNCATE bursar.{table}",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                ledger.admin.execute(change.encode())


def test_a_checkpoint_is_of_a_seal_that_is_there(ledger: Ledger) -> None:
    earn(ledger)
    seal(ledger)
    operator = ledger.database.connect("bursar_operator")

    def noted(number: int) -> bool:
        return bool(
            operator.execute(
                "SELECT bursar.record_checkpoint(%s, now(), 'operator:ada')", [number]
            ).fetchall()[0][0]
        )

    assert (noted(2), noted(1), noted(1)) == (False, True, False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ledger.caller.execute("SELECT bursar.record_checkpoint(1, now(), 'me')")
