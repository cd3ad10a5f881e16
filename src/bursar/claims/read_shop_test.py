"""A user's shop as pages read it: how much of each cap is used, what may be claimed, and waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.ledger_in_sql import Ledger, done
from tests.sale import BOOSTER, SHIELD, Sale, new_tx, new_user
from tests.shop import (
    SERVICE,
    cap,
    claim,
    claim_at,
    claimed,
    new_item,
    sold,
    switched,
    take,
    unclean,
)

pytestmark = pytest.mark.postgres_versions("15", "18")


def shop_of(ledger: Ledger, user: str) -> dict[str, Any]:
    found: dict[str, Any] = ledger.value("SELECT bursar.read_shop(%s)", user)
    return found


def ware(shop: dict[str, Any], sku: str) -> dict[str, Any]:
    return next(one for one in shop["skus"] if one["sku"] == sku)


def test_a_shop_is_read_with_caps_claims_and_what_may_be_claimed(ledger: Ledger) -> None:
    user = new_user()
    empty = ledger.value("SELECT bursar.read_shop(%s)", user)
    assert (empty["wallet"], empty["claims"], empty["claimable"]) == (None, [], [])
    first = claimed(ledger, user)
    second = sold(ledger, user)
    sold(ledger, user, environment="SANDBOX")
    claimed(ledger)

    shop = ledger.value("SELECT bursar.read_shop(%s)", user)

    assert shop["wallet"]["streakshield_count"] == 1
    assert [(c["tx_id"], c["status"]) for c in shop["claims"]] == [(first.tx_id, "granted")]
    assert [c["tx_id"] for c in shop["claimable"]] == [second.tx_id]
    shield = next(s for s in shop["skus"] if s["sku"] == SHIELD)
    booster = next(s for s in shop["skus"] if s["sku"] == BOOSTER)
    assert [(c["cap"], c["allowed"]) for c in shield["caps"]] == [("month", 3), ("week", 1)]
    assert shield["cap"]["cap"] == "week"
    assert (booster["caps"], booster["cap"], booster["stacking"]) == (None, None, "max")
    assert shop["status"]["claims_mode"] == "open"


def test_what_is_owed_after_a_refund_is_told(ledger: Ledger) -> None:
    sale = claimed(ledger)
    done(ledger.one("use_item", user_id=sale.user_id, caller=SERVICE))
    assert shop_of(ledger, sale.user_id)["wallet"]["owed"] == 0

    done(take(ledger, sale.refund()))

    shop = shop_of(ledger, sale.user_id)
    assert (shop["wallet"]["streakshield_count"], shop["wallet"]["owed"]) == (0, 1)
    assert [one["status"] for one in shop["claims"]] == ["refunded"]
    assert shop["claimable"] == []
    assert unclean(ledger) == []


def test_claims_that_were_accepted_are_listed_while_they_wait(ledger: Ledger) -> None:
    user = new_user()
    sale, other = sold(ledger, user), sold(ledger)
    early = Sale(user, BOOSTER, new_tx())
    with switched(ledger, claims_mode={"mode": "queue"}):
        done(claim(ledger, sale))
        done(claim(ledger, early))
        done(claim(ledger, other))
        shop = shop_of(ledger, user)

    assert [(one["tx_id"], one["sku"], one["waits_for"]) for one in shop["waiting"]] == [
        (sale.tx_id, SHIELD, "opening"),
        (early.tx_id, BOOSTER, "opening"),
    ]
    assert [one["tx_id"] for one in shop["claimable"]] == [sale.tx_id]
    assert shop["status"]["waiting_claims"] >= 2


def test_pages_get_a_shop_from_the_service_alone(ledger: Ledger) -> None:
    for role in ("anon", "authenticated"):
        visitor = ledger.database.connect(role, new_user())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            visitor.execute("SELECT bursar.read_shop('somebody')")


def test_each_cap_says_how_much_of_it_is_used_and_until_when(ledger: Ledger) -> None:
    user, item = new_user(), new_item(ledger.admin, 3)
    zone = "Asia/Kathmandu"
    cap(ledger.admin, item, "week", 2, zone=zone)
    cap(ledger.admin, item, "rolling", 9, measure="amount", rolling=timedelta(hours=30))
    monday = datetime(2026, 3, 2, 9, tzinfo=UTC)
    done(claim_at(ledger, monday - timedelta(days=1), user, item))
    done(claim_at(ledger, monday, user, item))
    refunded = sold(ledger, user, item)
    done(claim(ledger, refunded))
    done(take(ledger, refunded.refund()))
    done(ledger.one("use_item", user_id=user, asset="streak_shield", caller=SERVICE))

    shop = shop_of(ledger, user)
    rolling, week = ware(shop, item)["caps"]

    assert datetime.fromisoformat(shop["now"]) == monday
    assert (week["used"], week["allowed"], week["zone"]) == (1, 2, zone)
    assert datetime.fromisoformat(week["window_end"]) == datetime(2026, 3, 8, 18, 15, tzinfo=UTC)
    assert (rolling["used"], rolling["allowed"], rolling["measure"]) == (6, 9, "amount")
    assert (rolling["window_end"], rolling["rolling_seconds"]) == (None, 108_000)
    assert ware(shop, item)["cap"] is None
