"""The runbook's incidents of the shop: each is made to happen, then the page is followed."""

from pathlib import Path

import pytest

from bursar.db.scratch import ScratchDatabase
from tests.ledger_in_sql import Ledger, done
from tests.runbook import incident

SHIELD, BOOSTER = "consumable_streakshield_1", "consumable_xp_booster_7d"
SERVICE = {"role": "service_role"}
# The page's moment: purchases of the day before, and windows that do not end meanwhile.
CLOCK = """
    CREATE OR REPLACE FUNCTION bursar.clock() RETURNS timestamptz
    LANGUAGE sql VOLATILE RETURN timestamptz '2026-11-02 09:00:00+00'
"""


@pytest.fixture
def shop(database: ScratchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """A shop of its own; copies go into a directory of its own."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger(database)
    ledger.admin.execute(CLOCK.encode())
    return ledger


def bought(shop: Ledger, tx_id: str, user_id: str = "ada", sku: str = SHIELD) -> None:
    shop.admin.execute(
        "INSERT INTO public.audit_purchases (tx_id, user_id, sku, status, purchased_at)"
        " VALUES (%s, %s, %s, 'NON_RENEWING_PURCHASE', '2026-11-01 20:00+00')",
        [tx_id, user_id, sku],
    )


def claim(shop: Ledger, tx_id: str, user_id: str = "ada", sku: str = SHIELD) -> str:
    """Claim as the app does; the code, or done."""
    told = shop.one("claim_purchase", user_id=user_id, sku=sku, tx_id=tx_id, caller=SERVICE)
    return str(told.get("code") or told["status"])


def shields(shop: Ledger, user_id: str = "ada") -> int:
    return int(shop.wallet(user_id, "streak_shield")[0])


def test_cap_errors(shop: Ledger) -> None:
    shop.admin.execute("UPDATE public.sku_caps SET allowed = 0 WHERE cap = 'week'")
    for tx_id, user_id in (("2001", "ada"), ("2002", "bob")):
        bought(shop, tx_id, user_id)
        assert claim(shop, tx_id, user_id) == "CAP_EXCEEDED"
    shop.admin.execute(
        "INSERT INTO public.function_metrics (function_name, timestamp, status_code, duration_ms,"
        " error_code) VALUES ('claim', '2026-11-02 08:10+00', 409, 4, 'cap_exceeded'),"
        " ('claim', '2026-11-02 08:11+00', 409, 4, 'cap_exceeded'),"
        " ('claim', '2026-11-02 08:12+00', 200, 4, NULL)"
    )
    page = incident("Cap errors", shop.database)

    page.follow("db psql")
    page.follow("claims recover")
    page.follow("db psql")
    page.follow("claims override")
    assert (shields(shop), shields(shop, "bob")) == (1, 0)
    page.follow("db psql")
    page.follow("claims recover --apply")
    page.follow("claims recover")

    assert page.is_over
    assert (shields(shop), shields(shop, "bob")) == (1, 1)
    bought(shop, "2003", "eve")
    assert claim(shop, "2003", "eve") == "done"


def test_shields_that_do_not_match_their_claims(shop: Ledger) -> None:
    bought(shop, "2001")
    assert claim(shop, "2001") == "done"
    shop.admin.execute(
        "UPDATE public.user_wallet_balances SET streakshield_count = 9 WHERE user_id = 'ada'"
    )
    page = incident("Shields that do not match their claims", shop.database)

    page.follow("db psql")
    assert page.follow("claims recalculate") == 1
    page.follow("wallet statement")
    page.follow("claims recalculate --apply")
    assert shields(shop) == 1
    assert page.follow("claims recalculate") == 0

    assert page.is_over


def test_a_booster_that_ends_at_the_wrong_time(shop: Ledger) -> None:
    bought(shop, "3001", sku=BOOSTER)
    assert claim(shop, "3001", sku=BOOSTER) == "done"
    shop.admin.execute("SET session_replication_role = replica")
    shop.admin.execute("UPDATE public.user_wallet_balances SET xp_booster_until = '2036-01-01'")
    shop.admin.execute("RESET session_replication_role")
    page = incident("A booster that ends at the wrong time", shop.database)

    def until() -> str:
        return str(shop.value("SELECT xp_booster_until::date FROM public.user_wallet_balances"))

    assert page.follow("audit --only") == 1
    page.follow("db psql")
    assert page.follow("reconcile") == 1
    assert until() == "2036-01-01"
    assert page.follow("reconcile --apply") == 0
    assert until() == "2026-11-09"
    page.follow("db psql")
    assert page.follow("audit --only") == 0

    assert page.is_over
    assert until() == "2026-11-20"


def test_the_kill_switch(shop: Ledger) -> None:
    bought(shop, "2001")
    owner = shop.funded(5)
    page = incident("The kill switch", shop.database)

    def spend() -> str:
        told = shop.one("spend", owner_id=owner, asset="credit", amount=1)
        return str(told.get("code") or told["status"])

    page.follow("switch sku")
    page.follow("switch message")
    assert (claim(shop, "2001"), spend()) == ("SKU_DISABLED", "done")
    assert page.follow("degraded on") == 0
    assert (claim(shop, "2001"), spend()) == ("DEGRADED", "DEGRADED")
    page.follow("degraded off")
    page.follow("switch sku")
    page.follow("switch message")

    assert page.is_over
    assert (claim(shop, "2001"), spend()) == ("done", "done")


def test_the_store_is_down(shop: Ledger) -> None:
    bought(shop, "2001")
    page = incident("The store is down", shop.database)

    page.follow("claims mode queue")
    page.follow("switch message")
    accepted = shop.one("claim_purchase", user_id="ada", sku=SHIELD, tx_id="2001", caller=SERVICE)
    assert done(accepted)["queued"]
    page.follow("queue list")
    page.follow("claims mode open --percent 10")
    page.follow("claims mode open")
    assert shields(shop) == 0
    assert page.follow("queue replay") == 0
    page.follow("switch message")
    page.follow("queue list")

    assert page.is_over
    assert shields(shop) == 1
