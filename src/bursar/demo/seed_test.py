"""The demonstration's data are there once, however often they are asked for."""

import psycopg

from bursar.db.scratch import ScratchDatabase
from bursar.demo.assortment import FIELD_NOTEBOOK, REWARDS
from bursar.demo.seed import seed
from bursar.demo.visitors import COLLECTOR, NEWCOMER, SECOND_COLLECTOR
from bursar.demo.workspaces import BUILDING, ROOFING


def everything(database: ScratchDatabase) -> list[object]:
    found: list[object] = []
    with psycopg.connect(database.url) as connection:
        for query in (
            "SELECT user_id::text, balance FROM public.user_credits ORDER BY 1",
            "SELECT * FROM public.rewards ORDER BY id",
            "SELECT * FROM bursar.entry ORDER BY transaction_id, seq",
            "SELECT workspace_id::text, balance FROM public.workspace_credits ORDER BY 1",
            "SELECT * FROM public.leads ORDER BY id",
            "SELECT * FROM public.marketplace_config",
            "SELECT * FROM public.purchase_claims ORDER BY tx_id",
            "SELECT * FROM public.audit_purchases ORDER BY tx_id",
            "SELECT * FROM public.user_wallet_balances ORDER BY user_id",
        ):
            found.append(connection.execute(query).fetchall())
    return found


def test_the_second_seed_changes_nothing(database: ScratchDatabase) -> None:
    seed(database.service_url)
    first = everything(database)

    seed(database.service_url)

    assert everything(database) == first
    assert first[0] == [(COLLECTOR.user_id, 100), (SECOND_COLLECTOR.user_id, 500)]
    assert NEWCOMER.user_id not in str(first[0])
    assert first[3] == [(ROOFING.user_id, 250), (BUILDING.user_id, 1500)]


def test_opening_credits_come_once_even_when_their_keys_are_pruned(
    database: ScratchDatabase,
) -> None:
    seed(database.service_url)
    with psycopg.connect(database.url) as connection:
        pruned = connection.execute("DELETE FROM bursar.idempotency").rowcount

    seed(database.service_url)

    assert pruned > 0
    assert everything(database)[0] == [(COLLECTOR.user_id, 100), (SECOND_COLLECTOR.user_id, 500)]


def test_a_reward_that_was_changed_stays_changed(database: ScratchDatabase) -> None:
    seed(database.service_url)
    with psycopg.connect(database.url) as connection:
        connection.execute(
            "UPDATE public.rewards SET cost = 61 WHERE id = %s", [FIELD_NOTEBOOK.reward_id]
        )

    seed(database.service_url)

    with psycopg.connect(database.url) as connection:
        row = connection.execute(
            "SELECT cost FROM public.rewards WHERE id = %s", [FIELD_NOTEBOOK.reward_id]
        ).fetchone()
    assert row == (61,)


def test_the_assortment_shows_the_race_for_one_balance() -> None:
    affordable = [r for r in REWARDS if r.is_active and r.creator_id != COLLECTOR.user_id]
    dear = [r for r in affordable if r.cost == 60]

    assert len(dear) == 2
    assert 60 <= COLLECTOR.opening_credits < 120
    assert any(not r.is_active for r in REWARDS)
    assert any(r.creator_id == COLLECTOR.user_id for r in REWARDS)
    assert len({r.reward_id for r in REWARDS}) == len(REWARDS)
