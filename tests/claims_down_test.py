"""The shop is taken away and comes back: what it holds stays, guarded, and goes on."""

import asyncio
import re
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

import bursar
from bursar.claims.replay import replay_queue, replay_spool
from bursar.claims.spool import Spool
from bursar.db.scratch import ScratchDatabase
from bursar.ledger.engine import Engine
from bursar.ops import migrate
from bursar.ops.audit import run_audit
from bursar.settings import Settings
from tests.busy_shop import claim_and_use
from tests.ledger_in_sql import Ledger
from tests.sale import Sale
from tests.shop import request_of, wallet
from tests.store import digest

pytestmark = pytest.mark.postgres_versions("15", "18")

MARKETPLACE, CLAIMS = 4, 5  # steps
TABLES: LiteralString = (
    "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relname = ANY (%s)"
)
SHOP = [
    *("skus", "sku_caps", "user_time_zones", "user_wallet_balances", "booster_changes"),
    *("audit_purchases", "purchase_transfers", "purchase_claims", "claims_over_cap"),
    *("claim_queue", "store_config", "store_config_changes", "function_metrics"),
]
GUARDS = {"keep_booster", "record_booster_row", "record_store_config"}


def found(database: ScratchDatabase) -> dict[str, list[Any]]:
    """What the audit finds, by invariant."""
    report = asyncio.run(run_audit(database.url, Settings()))
    return {one.invariant.name: one.told for one in report.verdicts if not one.holds}


def opened(database: ScratchDatabase) -> Ledger:
    """Let a little of everything happen in the shop."""
    ledger = Ledger(database)
    ledger.stop_clock()
    ledger.register_gem()
    claim_and_use(ledger)
    return ledger


def functions(ledger: Ledger) -> set[str]:
    """The functions of the shop that are there."""
    made = {
        name
        for file in (Path(bursar.__file__).parent / "claims").glob("*.sql")
        for name in re.findall(
            r"CREATE OR REPLACE FUNCTION (?:bursar|public)\.(\w+)", file.read_text("utf-8")
        )
    }
    return {
        name
        for (name,) in ledger.rows(
            "SELECT proname FROM pg_proc WHERE proname = ANY (%s) AND pronamespace"
            " IN ('bursar'::regnamespace, 'public'::regnamespace)",
            list(made),
        )
    }


def test_what_the_shop_holds_outlives_it(database: ScratchDatabase) -> None:
    migrate.down(database.url, to=CLAIMS)
    before = digest(opened(database).admin)
    assert found(database) == {}
    database.close()

    migrate.down(database.url, to=MARKETPLACE)

    ledger = Ledger(database)
    assert digest(ledger.admin) == before
    assert functions(ledger) == GUARDS
    assert found(database) == {}
    # Plain SQL goes on being recorded, boosters and switches too; and what must not change may not.
    user = ledger.value(
        "SELECT max(user_id) FROM public.user_wallet_balances WHERE booster_seq = 0"
    )
    for statement in (
        "UPDATE public.user_wallet_balances SET xp_booster_until = now() WHERE user_id = %s",
        "DELETE FROM public.user_time_zones WHERE user_id = %s",
        "UPDATE public.store_config SET value = '{}' WHERE key = 'sku_enabled' AND %s <> ''",
    ):
        ledger.admin.execute(statement.encode(), [user])
    assert ledger.value("SELECT count(*) FROM public.booster_changes WHERE user_id = %s", user) == 1
    assert ledger.value("SELECT max(new_value::text) FROM public.store_config_changes WHERE id ="
        " (SELECT max(id) FROM public.store_config_changes)") == "{}"  # fmt: skip
    with pytest.raises(psycopg.errors.RestrictViolation):
        ledger.admin.execute("DELETE FROM public.booster_changes")
    assert found(database) == {}
    ledger.admin.execute(
        "UPDATE public.store_config SET value = (SELECT jsonb_object_agg(sku, true)"
        " FROM public.skus) WHERE key = 'sku_enabled'"
    )
    database.close()

    migrate.apply_all(database.url)

    opened(database)
    assert found(database) == {}
    assert migrate.verify(database.url).holds


def test_a_shop_that_was_never_opened_leaves_nothing_behind(database: ScratchDatabase) -> None:
    database.close()

    migrate.down(database.url, to=MARKETPLACE)

    ledger = Ledger(database)
    assert ledger.value(TABLES, SHOP) == 0
    assert functions(ledger) == set()
    assert ledger.value("SELECT count(*) FROM bursar.asset WHERE asset = 'streak_shield'") == 0
    assert found(database) == {}
    database.close()
    migrate.apply_all(database.url)
    opened(database)
    assert found(database) == {}
    assert migrate.verify(database.url).holds


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO public.skus (sku, kind, asset) VALUES ('new', 'item', 'streak_shield')",
        "UPDATE public.skus SET amount = 2 WHERE kind = 'item'",
        "UPDATE public.sku_caps SET allowed = 5 WHERE cap = 'month'",
        "INSERT INTO public.user_time_zones VALUES ('somebody', 'Asia/Kathmandu')",
        "UPDATE public.store_config SET value = '{}' WHERE key = 'sku_enabled'",
        "INSERT INTO public.function_metrics VALUES ('claim', now(), 200, 3.5, NULL)",
    ],
)
def test_what_operators_have_set_outlives_it_before_the_first_sale(
    database: ScratchDatabase, statement: LiteralString
) -> None:
    migrate.down(database.url, to=CLAIMS)
    database.connect().execute(statement)
    before = digest(database.connect())
    database.close()

    migrate.down(database.url, to=MARKETPLACE)
    migrate.up(database.url, to=CLAIMS)

    assert digest(database.connect()) == before
    database.close()
    migrate.apply_all(database.url)
    assert migrate.verify(database.url).holds


async def test_what_a_spool_keeps_stays_in_it_while_the_shop_is_away(
    database: ScratchDatabase, tmp_path: Path
) -> None:
    sale, spool = Sale(), Spool(tmp_path / "spool", 1_000_000)
    await spool.keep("event", {"event": sale.purchase()})
    await spool.keep("claim", request_of(sale, accepted=True))
    migrate.down(database.url, to=CLAIMS - 1)
    async with await Engine.open(database.service_url, Settings()) as engine:
        for _ in range(2):
            progress = await replay_spool(engine, spool)
            assert (progress.done, progress.aside, progress.left) == (0, 0, 2)
            assert (await spool.count(), (await replay_queue(engine)).done) == (2, 0)
        migrate.up(database.url)

        assert (await replay_spool(engine, spool)).done == 2

    assert wallet(Ledger(database), sale.user_id)[0] == 1
    assert spool.is_empty()
