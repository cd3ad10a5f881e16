"""What operators type at the shop's tables, as it is: audited, never lost, and by nobody else."""

import threading
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.sale import BOOSTER, SHIELD, Sale, new_tx, new_user
from tests.shop import SERVICE, claim, claimed, claims_of, new_item, sold, wallet

pytestmark = pytest.mark.postgres_versions("15", "18")

WRITERS = ["service_role", "bursar_operator"]
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def entries(ledger: Ledger, user: str) -> list[tuple[Any, ...]]:
    """What moved somebody's shields: verb, actor, amount, and what there was after it."""
    return ledger.rows(
        "SELECT t.verb, t.actor, e.amount, e.balance_after FROM bursar.entry AS e"
        " JOIN bursar.transaction AS t ON t.id = e.transaction_id"
        " WHERE e.owner_id = %s AND e.asset = 'streak_shield' ORDER BY e.seq",
        user,
    )


def boosters(ledger: Ledger, user: str) -> list[tuple[Any, ...]]:
    return ledger.rows(
        "SELECT until_before, until_after, cause, actor FROM public.booster_changes"
        " WHERE user_id = %s ORDER BY seq",
        user,
    )


def differing(ledger: Ledger, users: list[str]) -> dict[str, int]:
    """Of these users, how many shields whose wallet has more than claims and uses come to."""
    rows = ledger.rows(
        "SELECT user_id, wallet_count - claim_count FROM check_wallet_integrity()"
        " WHERE user_id = ANY (%s)",
        users,
    )
    return dict(rows)


@pytest.mark.parametrize("role", WRITERS)
def test_an_update_of_shields_and_booster_lands_as_audited_entries(
    ledger: Ledger, role: str
) -> None:
    user = claimed(ledger).user_id
    operator, actor = ledger.database.connect(role), f"sql:{role}"

    operator.execute(
        "UPDATE user_wallet_balances SET streakshield_count = 5, updated_at = now()"
        " WHERE user_id = %s",
        [user],
    )
    operator.execute(
        "UPDATE user_wallet_balances SET xp_booster_until = %s, updated_at = now()"
        " WHERE user_id = %s",
        [LATER, user],
    )
    operator.execute(
        "UPDATE user_wallet_balances SET streakshield_count = streakshield_count - 2,"
        " xp_booster_until = NULL WHERE user_id = %s",
        [user],
    )

    assert wallet(ledger, user) == (3, None)
    assert entries(ledger, user) == [
        ("claim_purchase", "service", 1, 1),
        ("adjust", actor, 4, 5),
        ("adjust", actor, -2, 3),
    ]
    assert boosters(ledger, user) == [(None, LATER, "sql", actor), (LATER, None, "sql", actor)]
    ledger.keeps_its_promises()


@pytest.mark.parametrize("role", WRITERS)
def test_a_recorded_claim_and_one_more_shield_are_one_item_and_a_clean_check(
    ledger: Ledger, role: str
) -> None:
    operator, item = ledger.database.connect(role), new_item(ledger.admin)
    fed, unfed = sold(ledger, sku=item), Sale(sku=item)
    for sale in (fed, unfed):
        operator.execute("INSERT INTO user_wallet_balances (user_id) VALUES (%s)", [sale.user_id])
        with operator.transaction():
            operator.execute(
                "INSERT INTO purchase_claims (tx_id, user_id, sku, claimed_at)"
                " VALUES (%s, %s, %s, now())",
                [sale.tx_id, sale.user_id, item],
            )
            operator.execute(
                "UPDATE user_wallet_balances SET streakshield_count = streakshield_count + 1,"
                " updated_at = now() WHERE user_id = %s",
                [sale.user_id],
            )

        outcome = done(claim(ledger, sale))

        assert outcome["replayed"]
        assert outcome["wallet"]["streakshield_count"] == 1
        assert wallet(ledger, sale.user_id)[0] == 1
        assert claims_of(ledger, sale.tx_id)[0][2] == "recorded"
        assert differing(ledger, [sale.user_id]) == {}
    with pytest.raises(psycopg.errors.UniqueViolation):
        operator.execute(
            "INSERT INTO purchase_claims (tx_id, user_id, sku) VALUES (%s, 'x', 'x')", [fed.tx_id]
        )


def test_a_wallet_that_is_inserted_with_shields_and_booster_is_audited(ledger: Ledger) -> None:
    user = new_user()
    insert: LiteralString = (
        "INSERT INTO user_wallet_balances (user_id, streakshield_count, xp_booster_until)"
        " VALUES (%s, %s, %s) ON CONFLICT (user_id) DO UPDATE SET"
        " streakshield_count = excluded.streakshield_count,"
        " xp_booster_until = excluded.xp_booster_until"
    )
    ledger.caller.execute(insert, [user, 2, LATER])
    ledger.caller.execute(insert, [user, 3, None])
    ledger.caller.execute("DELETE FROM user_wallet_balances WHERE user_id = %s", [user])
    ledger.caller.execute(insert, [user, 1, LATER])

    assert [row[2:] for row in entries(ledger, user)] == [(2, 2), (1, 3), (-3, 0), (1, 1)]
    assert [row[:2] for row in boosters(ledger, user)] == [
        (None, LATER),
        (LATER, None),
        (None, LATER),
    ]
    ledger.keeps_its_promises()


def test_a_mass_recalculation_keeps_the_promises_beside_claims_and_uses(ledger: Ledger) -> None:
    users = [claimed(ledger).user_id for _ in range(20)]
    for user in users[:10]:
        done(ledger.one("use_item", user_id=user, caller=SERVICE))
    item = new_item(ledger.admin)
    sales = [sold(ledger, user, item) for user in users]
    claims = threading.Thread(target=lambda: [claim(ledger, sale) for sale in sales])
    claims.start()
    with psycopg.connect(ledger.database.url) as operator:
        operator.execute(
            "UPDATE user_wallet_balances AS w SET streakshield_count = c.claimed,"
            " updated_at = now() FROM (SELECT user_id, count(*) AS claimed FROM purchase_claims"
            " WHERE user_id = ANY (%s) GROUP BY user_id) AS c WHERE c.user_id = w.user_id",
            [users],
        )
    claims.join()

    assert all(outcome["status"] == "done" for outcome in (claim(ledger, s) for s in sales))
    ledger.keeps_its_promises()
    # Used shields came back to some: the operators' own check is there to find that.
    assert differing(ledger, users) != {}
    ledger.admin.execute(
        "UPDATE user_wallet_balances AS w SET streakshield_count = c.claim_count"
        " FROM check_wallet_integrity() AS c WHERE c.user_id = w.user_id AND c.user_id = ANY (%s)",
        [users],
    )
    assert differing(ledger, users) == {}


def test_raw_updates_and_claims_at_once_lose_nothing(ledger: Ledger) -> None:
    user, item = new_user(), new_item(ledger.admin)
    sales = [sold(ledger, user, item) for _ in range(40)]
    done(claim(ledger, sales[0]))

    def add() -> None:
        with psycopg.connect(ledger.database.url, autocommit=True) as operator:
            for _ in range(40):
                operator.execute(
                    "UPDATE user_wallet_balances SET streakshield_count = streakshield_count + 1"
                    " WHERE user_id = %s",
                    [user],
                )

    adding = [threading.Thread(target=add) for _ in range(2)]
    for thread in adding:
        thread.start()
    for sale in sales[1:]:
        done(claim(ledger, sale))
    for thread in adding:
        thread.join()

    assert wallet(ledger, user)[0] == 120
    ledger.keeps_its_promises()


REFUSED_TO_ALL: list[tuple[LiteralString, type[psycopg.Error]]] = [
    (
        "UPDATE user_wallet_balances SET streakshield_count = -1 WHERE user_id = %(user)s",
        psycopg.errors.CheckViolation,
    ),
    ("TRUNCATE user_wallet_balances", psycopg.errors.RestrictViolation),
    (
        "UPDATE user_wallet_balances SET user_id = 'x' WHERE user_id = %(user)s",
        psycopg.errors.RestrictViolation,
    ),
]
REFUSED_TO_THE_SERVICE: list[LiteralString] = [
    "UPDATE user_wallet_balances SET booster_seq = 9 WHERE user_id = %(user)s",
    "UPDATE user_wallet_balances SET bursar_seq = 9 WHERE user_id = %(user)s",
    "UPDATE purchase_claims SET status = 'granted' WHERE user_id = %(user)s",
    "DELETE FROM purchase_claims WHERE user_id = %(user)s",
    "INSERT INTO purchase_claims (tx_id, user_id, sku, status) VALUES ('t', 'u', 's', 'granted')",
    "INSERT INTO booster_changes SELECT * FROM booster_changes LIMIT 0",
    "DELETE FROM audit_purchases WHERE user_id = %(user)s",
    "UPDATE claim_queue SET status = 'waiting'",
]


def test_what_would_break_a_promise_is_refused(ledger: Ledger) -> None:
    user = {"user": claimed(ledger).user_id}

    for statement, error in REFUSED_TO_ALL:
        with pytest.raises(error):
            ledger.admin.execute(statement, user)
    for role in WRITERS:
        session = ledger.database.connect(role)
        for statement in REFUSED_TO_THE_SERVICE:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement, user)


READABLE = ["user_wallet_balances", "purchase_claims", "booster_changes"]
HIDDEN = ["audit_purchases", "purchase_transfers", "claim_queue", "function_metrics",
    "user_time_zones", "store_config_changes"]  # fmt: skip
PUBLIC = ["skus", "sku_caps", "store_config"]


def test_a_signed_in_user_reads_their_own_rows_and_writes_none(ledger: Ledger) -> None:
    user = claimed(ledger).user_id
    claimed(ledger, user, BOOSTER)
    claimed(ledger, sku=BOOSTER)
    signed_in = ledger.database.connect("authenticated", user)

    def rows(session: psycopg.Connection, table: str) -> set[str]:
        found = session.execute(f"SELECT DISTINCT user_id FROM public.{table}".encode())
        return {row[0] for row in found}

    for table in READABLE:
        assert rows(signed_in, table) == {user}
        assert rows(ledger.database.connect("authenticated", new_user()), table) == set()
        assert rows(ledger.database.connect("authenticated"), table) == set()
        assert len(rows(ledger.caller, table)) > 1
    for role in ("anon", "authenticated"):
        session = ledger.database.connect(role, user)
        tables = [*HIDDEN, *(READABLE if role == "anon" else [])]
        for statement in [
            *(f"SELECT * FROM public.{table}" for table in tables),
            *(f"DELETE FROM public.{table}" for table in READABLE + HIDDEN + PUBLIC),
            "UPDATE user_wallet_balances SET streakshield_count = 9",
            "UPDATE user_wallet_balances SET xp_booster_until = now()",
            f"INSERT INTO user_wallet_balances (user_id) VALUES ('{new_user()}')",
            f"INSERT INTO purchase_claims (tx_id, user_id, sku) VALUES ('{new_tx()}', 'u', 's')",
            "SELECT * FROM check_wallet_integrity()",
            "SELECT * FROM v_claim_conflicts_rolling",
        ]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement.encode())
        for table in PUBLIC:
            assert session.execute(f"SELECT count(*) FROM public.{table}".encode()).fetchall()


def test_wallets_change_by_plain_sql_while_changes_are_paused_only_by_operators(
    ledger: Ledger,
) -> None:
    sale = claimed(ledger, sku=SHIELD)
    raise_booster: LiteralString = (
        "UPDATE user_wallet_balances SET xp_booster_until = %s WHERE user_id = %s"
    )
    ledger.admin.execute("UPDATE bursar.gate SET degraded = true")
    try:
        with pytest.raises(psycopg.DatabaseError, match=r"^DEGRADED: "):
            ledger.caller.execute(raise_booster, [LATER, sale.user_id])
        ledger.database.connect("bursar_operator").execute(raise_booster, [LATER, sale.user_id])
    finally:
        ledger.admin.execute("UPDATE bursar.gate SET degraded = false")

    assert wallet(ledger, sale.user_id) == (1, LATER)
