"""What learners have bought before anybody looks: once, whatever became of it since."""

import json
from typing import Any

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.first_purchases import CLAIMABLE, CLAIMED, make_first_purchases
from bursar.demo.learners import BOOSTED, DAILY, NEW_LEARNER
from bursar.demo.seed import seed
from bursar.demo.wares import WARE_BY_SKU, WARES
from bursar.errors import Fault


def shop_of(database: ScratchDatabase, user_id: str) -> dict[str, Any]:
    row = database.connect().execute("SELECT bursar.read_shop(%s)", [user_id]).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def test_each_learner_has_something_to_look_at(database: ScratchDatabase) -> None:
    seed(database.service_url)

    daily, boosted = shop_of(database, DAILY.user_id), shop_of(database, BOOSTED.user_id)

    assert daily["wallet"]["streakshield_count"] == 1
    assert [one["tx_id"] for one in daily["claims"]] == [CLAIMED[0].tx_id]
    assert [one["tx_id"] for one in daily["claimable"]] == [CLAIMABLE[0].tx_id]
    assert boosted["wallet"]["xp_booster_until"] > boosted["now"]
    assert [one["tx_id"] for one in boosted["claimable"]] == [CLAIMABLE[1].tx_id]
    assert shop_of(database, NEW_LEARNER.user_id)["wallet"] is None


def test_the_store_sells_what_the_ledger_knows(database: ScratchDatabase) -> None:
    skus = {one["sku"]: one["title"] for one in shop_of(database, "somebody")["skus"]}

    assert skus == {ware.sku: ware.title for ware in WARES}
    assert set(WARE_BY_SKU) == set(skus)


def test_what_was_refunded_or_used_is_not_given_again(database: ScratchDatabase) -> None:
    seed(database.service_url)
    connection = database.connect()
    connection.execute(
        "SELECT bursar.take_store_event(%s)",
        [json.dumps([{"event": CLAIMED[0].event("refund")}])],
    )
    connection.execute("UPDATE public.user_wallet_balances SET xp_booster_until = NULL")

    seed(database.service_url)

    assert shop_of(database, DAILY.user_id)["wallet"]["streakshield_count"] == 0
    assert shop_of(database, BOOSTED.user_id)["wallet"]["xp_booster_until"] is None


def test_a_shop_that_is_off_keeps_nobody_from_starting(database: ScratchDatabase) -> None:
    database.connect().execute("UPDATE store_config SET value = '{}' WHERE key = 'sku_enabled'")

    seed(database.service_url)

    shop = shop_of(database, DAILY.user_id)
    assert (shop["claims"], len(shop["claimable"])) == ([], 2)


def test_a_sale_that_is_refused_is_said() -> None:
    with pytest.raises(Fault, match="refused: no"):
        make_first_purchases(lambda verb, requests: [{"status": "refused", "message": "no"}])
