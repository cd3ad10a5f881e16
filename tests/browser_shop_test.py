"""The shop in a real browser: what a learner buys and claims, and what operators turn off."""

import os
import re
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.learners import BOOSTED, DAILY, NEW_LEARNER
from bursar.demo.wares import BOOSTER, SHIELD

try:
    from playwright.sync_api import Browser, Route, expect

    from tests.shop_front import (
        Shop,
        answered,
        buy,
        claims,
        opened_shop,
        paid,
        shields,
        turn,
        ware,
        way,
    )
    from tests.storefront import toast
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

DOWN = "The store is down"


@pytest.fixture
def shop(browser: Browser, database: ScratchDatabase) -> Iterator[Shop]:
    with opened_shop(browser, database) as made:
        yield made


def test_what_is_bought_is_claimed_and_there(shop: Shop) -> None:
    page = shop.open()
    expect(page.locator("#claims")).to_contain_text("Nothing yet")
    expect(ware(page, SHIELD)).to_contain_text("1 a week (ISO weeks, from Monday, UTC): none used")

    buy(page, SHIELD)

    answered(page, "200", "Streak shield is yours")
    expect(shields(page)).to_have_text("1")
    expect(claims(page)).to_contain_text("✓ Granted · just now")
    expect(ware(page, SHIELD)).to_contain_text("1 of 1 used this week; free again on Monday")
    expect(ware(page, SHIELD)).to_contain_text("1 of 3 used this month.")
    assert shop.sql("SELECT * FROM check_wallet_integrity()") == []


def test_a_second_one_in_the_same_week_is_explained_and_stays_paid(shop: Shop) -> None:
    page = shop.open()
    buy(page, SHIELD)
    answered(page, "200", "Streak shield is yours")

    buy(page, SHIELD)

    said = toast(page, "1 of 1 used this week; free again on Monday")
    expect(said.locator("code")).to_have_text("409 CAP_EXCEEDED")
    expect(said).to_contain_text("It stays paid, and can be claimed then")
    expect(paid(page)).to_contain_text(re.compile(r"Can be claimed from Monday .*, 00:00 UTC"))
    expect(shields(page)).to_have_text("1")
    shop.sql("UPDATE sku_caps SET allowed = 2 WHERE cap = 'week'")
    way(paid(page), "Claim").click()
    expect(shields(page)).to_have_text("2")
    expect(paid(page)).to_have_count(0)


def test_learners_have_something_to_look_at(shop: Shop) -> None:
    page = shop.open(DAILY)
    expect(claims(page)).to_have_count(1)
    expect(paid(page)).to_have_count(1)
    expect(shields(page)).to_have_text("1")

    page.get_by_label(BOOSTED.name, exact=True).check()

    expect(page.locator("#booster time")).to_be_visible()
    expect(shields(page)).to_have_text("0")
    way(paid(page), "Claim").click()
    answered(page, "200", "Streak shield is yours")
    expect(shields(page)).to_have_text("1")


def test_a_claim_before_the_stores_word_is_told_so_and_granted_after_it(shop: Shop) -> None:
    page = shop.open()
    page.get_by_label("8 seconds late").check()

    with shop.unable_to_note_sales():
        buy(page, SHIELD)
        answered(page, "404 UNKNOWN_TRANSACTION", "The store has not told us of it yet")
        expect(paid(page)).to_contain_text("The store has not told us yet")
    told = toast(page, "The store has told us of it")
    expect(told).to_be_visible()
    told.get_by_role("button", name="Claim it").click()
    answered(page, "200", "Streak shield is yours")
    expect(shields(page)).to_have_text("1")


def test_what_is_told_twice_and_claimed_twice_is_granted_once(shop: Shop) -> None:
    page = shop.open()
    page.get_by_label("twice").check()

    ware(page, BOOSTER).get_by_role("button").click()

    answered(page, "200, 200", "The store told us twice")
    way(claims(page), "Claim again").click()
    answered(page, "200", "It was claimed before")
    expect(claims(page)).to_have_count(1)
    assert shop.grants(NEW_LEARNER) == 1


def test_somebody_elses_purchase_is_refused(shop: Shop) -> None:
    page = shop.open(DAILY)

    way(paid(page), "As boosted learner").click()

    said = toast(page, "Boosted learner claims Streak shield")
    expect(said.locator("code")).to_have_text("409 TRANSACTION_OWNED_BY_OTHER")
    assert shop.grants(BOOSTED) == 1


def test_a_refund_takes_the_shield_back_and_a_used_one_is_owed(shop: Shop) -> None:
    page = shop.open()
    buy(page, SHIELD)
    expect(shields(page)).to_have_text("1")
    way(claims(page), "Refund").click()
    expect(claims(page)).to_contain_text("↩ Refunded, taken back")
    expect(shields(page)).to_have_text("0")
    way(claims(page), "Claim again").click()
    expect(toast(page, "410 TRANSACTION_REFUNDED")).to_be_visible()
    way(claims(page), "Reverse the refund").click()
    expect(shields(page)).to_have_text("1")

    page.get_by_role("button", name="Use a shield").click()
    expect(shields(page)).to_have_text("0")
    way(claims(page), "Refund").click()

    expect(page.locator("#owed")).to_contain_text("You owe 1 shield")
    page.get_by_role("button", name="Use a shield").click()
    expect(toast(page, "402 INSUFFICIENT_FUNDS")).to_be_visible()


def test_while_the_store_is_down_claims_wait_and_are_granted_once(shop: Shop) -> None:
    page = shop.open()
    turn(page, DOWN, on=True)
    expect(page.locator("#notice")).to_contain_text("The store is down.")

    buy(page, SHIELD)

    answered(page, "202 opening", "Your purchase is safe")
    expect(paid(page)).to_contain_text("Accepted: waits until the store is up")
    expect(page.locator("#waiting")).to_have_text("1 claim and 1 event of the store wait.")
    way(paid(page), "Claim").click()
    expect(shields(page)).to_have_text("0")
    turn(page, DOWN, on=False)

    expect(page.locator("#waiting")).to_have_text("All 2 carried out.")
    expect(toast(page, "It had waited, and was carried out")).to_be_visible()
    expect(shields(page)).to_have_text("1")
    expect(paid(page)).to_have_count(0)
    assert shop.grants(NEW_LEARNER) == 1
    assert shop.sql("SELECT DISTINCT actor FROM store_config_changes") == [("demo:shop-desk",)]


def test_what_is_kept_while_the_database_is_away_is_shown_and_granted_later(shop: Shop) -> None:
    page = shop.open()
    away = {"success": False, "code": "UNAVAILABLE", "message": "It is away.", "details": {}}
    kept = {"success": True, "queued": True, "waits_for": "database", "message": "It is safe."}
    page.route("**/functions/v1/shop", lambda route: route.fulfill(status=503, json=away))

    def keep(route: Route) -> None:
        route.fetch()
        route.fulfill(status=202, json=kept)

    page.route("**/functions/v1/claim", keep)
    buy(page, SHIELD)

    answered(page, "202 database", "It is safe")
    expect(paid(page)).to_contain_text("Accepted: added in a moment")
    page.unroute("**/functions/v1/shop")
    expect(toast(page, "It had waited, and was carried out")).to_be_visible()
    expect(shields(page)).to_have_text("1")
    expect(paid(page)).to_have_count(0)


def test_a_ware_that_is_off_and_the_operators_message_are_said(shop: Shop) -> None:
    page = shop.open()
    page.get_by_label("Message to users").fill("Shields are back at noon")
    page.get_by_role("button", name="Tell them").click()
    expect(page.locator("#notice")).to_contain_text("Shields are back at noon")
    turn(page, "Streak shield can be claimed", on=False)
    expect(ware(page, SHIELD)).to_contain_text("Claims paused")

    buy(page, SHIELD)

    said = toast(page, "Shields are back at noon")
    expect(said.locator("code")).to_have_text("403 SKU_DISABLED")
    expect(paid(page)).to_contain_text("Claims of it are paused")
    turn(page, "Streak shield can be claimed", on=True)
    way(paid(page), "Claim").click()
    answered(page, "200", "Streak shield is yours")


def test_a_booster_counts_down_by_the_servers_clock(shop: Shop) -> None:
    page = shop.open()
    # This machine's clock is a day ahead; the booster's is the server's.
    page.add_init_script("const real = Date.now; Date.now = () => real.call(Date) + 86_400_000;")
    page.reload()

    buy(page, BOOSTER)

    left = page.locator("#booster time")
    expect(left).to_have_text(re.compile(r"6 d 23:59:\d\d"))
    first = left.inner_text()
    expect(left).not_to_have_text(first)
    shop.sql(
        "UPDATE user_wallet_balances SET xp_booster_until = clock_timestamp()"
        " + interval '3 seconds' WHERE user_id = %s",
        NEW_LEARNER.user_id,
    )
    expect(page.locator("#booster")).to_have_text("No booster runs")
