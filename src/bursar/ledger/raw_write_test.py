"""A balance written by plain SQL is an entry or refused; the wallet's sequence has no gap."""

import threading
import uuid
from typing import LiteralString

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.postgres_versions("15", "18")

WRITERS = ["bursar_operator", "service_role", None]  # None is the superuser
STRANGERS = ["authenticated", "anon"]
UPDATE: LiteralString = "UPDATE public.user_credits SET balance = %s WHERE user_id = %s"
INSERT: LiteralString = "INSERT INTO public.user_credits (user_id, balance) VALUES (%s, %s)"
UPSERT: LiteralString = INSERT + (" ON CONFLICT (user_id) DO UPDATE SET balance = EXCLUDED.balance")
DELETE: LiteralString = "DELETE FROM public.user_credits WHERE user_id = %s"


def history(ledger: Ledger, owner: str) -> list[tuple[int, int, int, str]]:
    return ledger.rows(
        "SELECT e.seq, e.amount, e.balance_after, t.reason FROM bursar.entry AS e"
        " JOIN bursar.transaction AS t ON t.id = e.transaction_id"
        " WHERE e.owner_id = %s AND e.asset = 'credit' ORDER BY e.seq",
        owner,
    )


@pytest.mark.parametrize("role", WRITERS)
def test_an_update_is_an_entry_of_the_difference(ledger: Ledger, role: str | None) -> None:
    owner = ledger.funded(10)
    writer = ledger.database.connect(role)

    writer.execute(UPDATE, [25, owner])
    writer.execute(UPDATE, [25, owner])  # changes nothing, so it is none
    writer.execute(UPDATE, [4, owner])

    assert history(ledger, owner) == [
        (1, 10, 10, "grant"),
        (2, 15, 25, "updated by SQL"),
        (3, -21, 4, "updated by SQL"),
    ]
    acted = ledger.value(
        "SELECT actor FROM bursar.transaction WHERE owner_id = %s ORDER BY id DESC LIMIT 1", owner
    )
    assert acted == f"sql:{role or 'bursar_admin'}"


@pytest.mark.parametrize("role", WRITERS)
def test_a_negative_balance_is_refused_in_words(ledger: Ledger, role: str | None) -> None:
    owner = ledger.funded(10)
    writer = ledger.database.connect(role)
    tries: list[tuple[LiteralString, list[object]]] = [
        (UPDATE, [-1, owner]),
        (INSERT, [str(uuid.uuid4()), -5]),
        (UPSERT, [owner, -1]),
    ]

    for statement, arguments in tries:
        with pytest.raises(psycopg.errors.CheckViolation, match="Balance cannot be negative"):
            writer.execute(statement, arguments)
    with pytest.raises(psycopg.errors.NotNullViolation):
        writer.execute(UPDATE, [None, owner])

    assert history(ledger, owner) == [(1, 10, 10, "grant")]


def test_the_check_holds_where_the_triggers_are_off(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    careless = ledger.database.connect()
    careless.execute("SET session_replication_role = replica")

    with pytest.raises(psycopg.errors.CheckViolation, match="user_credits_balance_"):
        careless.execute(UPDATE, [-1, owner])


def test_what_is_held_cannot_be_taken_by_sql(ledger: Ledger) -> None:
    owner = ledger.funded(10)
    done(ledger.one("hold", owner_id=owner, asset="credit", amount=4))

    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.admin.execute(UPDATE, [3, owner])
    with pytest.raises(psycopg.errors.RestrictViolation, match="open hold"):
        ledger.admin.execute(DELETE, [owner])
    ledger.admin.execute(UPDATE, [4, owner])
    assert ledger.wallet(owner) == (4, 4, 0)


@pytest.mark.parametrize("role", WRITERS)
def test_a_wallet_that_was_deleted_goes_on_where_its_entries_ended(
    ledger: Ledger, role: str | None
) -> None:
    owner = ledger.funded(10)
    writer = ledger.database.connect(role)

    writer.execute(DELETE, [owner])
    writer.execute(INSERT, [owner, 7])
    done(ledger.one("spend", owner_id=owner, asset="credit", amount=3))
    writer.execute(UPSERT, [owner, 9])
    writer.execute(DELETE, [owner])
    done(ledger.one("grant", owner_id=owner, asset="credit", amount=2))

    assert [row[:3] for row in history(ledger, owner)] == [
        (1, 10, 10),
        (2, -10, 0),
        (3, 7, 7),
        (4, -3, 4),
        (5, 5, 9),
        (6, -9, 0),
        (7, 2, 2),
    ]


def test_an_upsert_that_also_names_the_owner_is_one_entry(ledger: Ledger) -> None:
    """As stock clients write it: every column given is set again."""
    owner, other = ledger.funded(10), str(uuid.uuid4())

    ledger.caller.execute(UPSERT + ", user_id = EXCLUDED.user_id", [owner, 4])
    ledger.caller.execute(
        "INSERT INTO public.user_credits (user_id, balance) VALUES (%s, 1), (%s, 2)"
        " ON CONFLICT (user_id) DO UPDATE"
        " SET balance = user_credits.balance + EXCLUDED.balance",
        [owner, other],
    )
    ledger.caller.execute(INSERT + " ON CONFLICT DO NOTHING", [owner, 100])

    assert [row[:3] for row in history(ledger, owner)] == [(1, 10, 10), (2, -6, 4), (3, 1, 5)]
    assert [row[:3] for row in history(ledger, other)] == [(1, 2, 2)]


def test_an_update_from_another_table_is_one_entry_for_each_row(ledger: Ledger) -> None:
    owners = [ledger.funded(n) for n in (1, 2, 3)]

    ledger.database.connect("bursar_operator").execute(
        "UPDATE public.user_credits AS c SET balance = c.balance * 10"
        # Each owner thrice: an UPDATE takes one of the matches.
        " FROM unnest(%s::uuid[]) AS o (id), generate_series(1, 3) WHERE c.user_id = o.id",
        [owners],
    )

    assert [history(ledger, owner)[1][:3] for owner in owners] == [
        (2, 9, 10),
        (2, 18, 20),
        (2, 27, 30),
    ]


def test_a_wallet_does_not_change_hands_and_is_not_truncated(ledger: Ledger) -> None:
    owner = ledger.funded(10)

    with pytest.raises(psycopg.errors.RestrictViolation, match="cannot change its owner"):
        ledger.admin.execute(
            "UPDATE public.user_credits SET user_id = gen_random_uuid() WHERE user_id = %s", [owner]
        )
    for table in (b"public.user_credits", b"bursar.wallet"):
        with pytest.raises(psycopg.errors.RestrictViolation, match="TRUNCATE"):
            ledger.admin.execute(b"TRUNCATE " + table)


@pytest.mark.parametrize("role", STRANGERS)
@pytest.mark.parametrize("granted", [False, True])
def test_strangers_never_write_a_balance_whatever_was_granted(
    ledger: Ledger, role: str, granted: bool
) -> None:
    owner = ledger.funded(10)
    stranger = ledger.database.connect(role, owner)
    tries: list[tuple[LiteralString, list[object]]] = [
        (UPDATE, [11, owner]),
        (UPSERT, [owner, 11]),
        (INSERT, [str(uuid.uuid4()), 5]),
        (DELETE, [owner]),
        ("UPDATE public.user_credits SET bursar_seq = 0 WHERE user_id = %s", [owner]),
        ("UPDATE public.user_credits SET bursar_status = 'closed' WHERE user_id = %s", [owner]),
        (
            "MERGE INTO public.user_credits AS c USING (VALUES (%s::uuid)) AS o (id)"
            " ON c.user_id = o.id WHEN MATCHED THEN UPDATE SET balance = 11",
            [owner],
        ),
    ]
    if granted:
        ledger.admin.execute(f"GRANT ALL ON public.user_credits TO {role}".encode())
        ledger.admin.execute(
            f"CREATE POLICY mine ON public.user_credits TO {role} USING (true)".encode()
        )
    try:
        for statement, arguments in tries:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                stranger.execute(statement, arguments)
    finally:
        if granted:
            ledger.admin.execute("DROP POLICY mine ON public.user_credits")
            ledger.admin.execute(f"REVOKE ALL ON public.user_credits FROM {role}".encode())
    ledger.admin.execute(
        "GRANT SELECT (user_id, balance, created_at) ON public.user_credits TO authenticated"
    )
    assert history(ledger, owner) == [(1, 10, 10, "grant")]


def test_an_older_function_of_the_app_writes_entries_under_its_callers_name(
    ledger: Ledger,
) -> None:
    owner = ledger.funded(10)
    ledger.admin.execute(
        "CREATE OR REPLACE FUNCTION public.spend_old(p uuid) RETURNS void LANGUAGE sql"
        " SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
        " AS 'UPDATE public.user_credits SET balance = balance - 1 WHERE user_id = p'"
    )
    ledger.admin.execute("GRANT EXECUTE ON FUNCTION public.spend_old(uuid) TO authenticated")

    ledger.database.connect("authenticated", owner).execute("SELECT public.spend_old(%s)", [owner])

    assert history(ledger, owner)[1] == (2, -1, 9, "updated by SQL")
    assert (
        ledger.value(
            "SELECT actor FROM bursar.transaction WHERE owner_id = %s ORDER BY id DESC LIMIT 1",
            owner,
        )
        == "sql:authenticated"
    )


@pytest.mark.parametrize("balance", [0, 5])
def test_an_insert_that_waits_for_a_deletion_keeps_the_sequence_gapless(
    ledger: Ledger, balance: int
) -> None:
    owner = ledger.funded(10)
    operator = ledger.database.connect("bursar_operator")

    def come_back() -> None:
        operator.execute(INSERT, [owner, balance])

    thread = threading.Thread(target=come_back)
    with psycopg.connect(ledger.database.url) as other:
        other.execute(DELETE, [owner])
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        other.commit()
    thread.join(PATIENCE_SECONDS)

    outcome = done(ledger.one("grant", owner_id=owner, asset="credit", amount=1))
    assert outcome["balance"] == balance + 1
    assert [row[0] for row in history(ledger, owner)] == list(range(1, 4 + (balance > 0)))


def test_the_promises_hold(ledger: Ledger) -> None:
    ledger.keeps_its_promises()
