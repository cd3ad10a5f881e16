"""The shop in a real browser, as a page: who one is, by keyboard, on a phone, at rest."""

import os
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.learners import BOOSTED, DAILY, NEW_LEARNER
from bursar.demo.wares import BOOSTER, SHIELD, WARES

try:
    from playwright.sync_api import Browser, expect

    from tests.shop_front import (
        Shop,
        all_there,
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
    from tests.storefront import WATCH, tab_to, toast
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)


@pytest.fixture
def shop(browser: Browser, database: ScratchDatabase) -> Iterator[Shop]:
    with opened_shop(browser, database) as made:
        yield made


def test_every_ware_has_words_a_price_its_caps_and_a_picture(shop: Shop) -> None:
    page = shop.open(DAILY)

    for one in WARES:
        for words in (one.title, one.about, f"£{one.price / 100:.2f}"):
            expect(ware(page, one)).to_contain_text(words)
        assert ware(page, one).locator("svg path.job").count() == 1
    assert ware(page, SHIELD).locator(".caps li").count() == 2
    expect(ware(page, BOOSTER)).to_contain_text("It runs for 7 days from the claim")


def test_other_caps_are_put_into_words_too(shop: Shop) -> None:
    shop.sql("DELETE FROM sku_caps WHERE cap = 'month'")
    shop.sql(
        "INSERT INTO sku_caps (sku, cap, period, rolling_seconds, allowed, zone) VALUES"
        " (%s, 'often', 'rolling', 129600, 1, 'UTC'), (%s, 'daily', 'day', NULL, 2, 'Asia/Tokyo')",
        BOOSTER.sku,
        BOOSTER.sku,
    )
    page = shop.open()

    buy(page, BOOSTER)
    answered(page, "200", "XP booster, 7 days is yours")

    lines = ware(page, BOOSTER).locator(".caps li")
    expect(lines.nth(0)).to_have_text("2 a day (from midnight, Asia/Tokyo): 1 of 2 used today.")
    expect(lines.nth(1)).to_contain_text("1 in any 36 hours: 1 of 1 used lately; free again on ")


def test_what_is_written_for_operators_is_shown_as_text(shop: Shop) -> None:
    shop.sql(
        "UPDATE store_config SET value = %s WHERE key = 'status_message'",
        '{"text": "<b>Soon</b> & <script>no</script>"}',
    )
    page = shop.open()

    expect(page.locator("#notice-message")).to_have_text("<b>Soon</b> & <script>no</script>")


def test_everything_can_be_done_with_the_keyboard(shop: Shop) -> None:
    page = shop.open(BOOSTED)
    tab_to(page, ware(page, SHIELD).get_by_role("button"))
    tab_to(page, way(paid(page), "Claim"))
    page.keyboard.press("Enter")
    answered(page, "200", "Streak shield is yours")
    expect(page.locator("#claimable-name")).to_be_focused()

    tab_to(page, way(claims(page).first, "Refund"))
    page.keyboard.press("Enter")
    expect(way(claims(page).first, "Reverse the refund")).to_be_focused()
    expect(shields(page)).to_have_text("0")

    tab_to(page, page.get_by_role("switch", name="The store is down"))
    page.keyboard.press("Space")
    expect(page.locator("#notice")).to_contain_text("The store is down.")
    tab_to(page, page.get_by_label("Message to users"))
    page.keyboard.type("Back at noon")
    page.keyboard.press("Enter")
    expect(page.locator("#notice-message")).to_have_text("Back at noon")


def test_what_is_typed_stays_while_the_page_is_read_again(shop: Shop) -> None:
    page = shop.open()
    page.get_by_label("Message to users").fill("half a sen")

    buy(page, SHIELD)
    answered(page, "200", "Streak shield is yours")

    expect(page.get_by_label("Message to users")).to_have_value("half a sen")


def test_windows_of_one_browser_follow_each_other(shop: Shop) -> None:
    page = shop.open()
    with page.expect_popup() as opened:
        page.evaluate("() => { window.open(location.href); }")
    other = opened.value
    all_there(other)

    buy(page, SHIELD)

    expect(shields(page)).to_have_text("1")
    expect(shields(other)).to_have_text("1")
    turn(page, "The store is down", on=True)
    expect(other.get_by_role("switch", name="The store is down")).to_be_checked()
    other.close()


def test_what_cannot_be_read_says_so_and_can_be_tried_again(shop: Shop) -> None:
    page = shop.open(DAILY)
    problem = {"success": False, "code": "BUSY", "message": "Too many want it.", "details": {}}
    page.route("**/functions/v1/shop", lambda route: route.fulfill(status=503, json=problem))
    page.reload()

    expect(page.locator("#claims")).to_have_text("This could not be read.")
    page.unroute("**/functions/v1/shop")
    toast(page, "Too many want it").get_by_role("button", name="Try again").click()

    expect(claims(page)).to_have_count(1)


@pytest.mark.parametrize("width", [320, 360])
def test_a_phone_scrolls_in_one_direction(shop: Shop, width: int) -> None:
    page = shop.open(BOOSTED, width)
    buy(page, SHIELD)
    answered(page, "200", "Streak shield is yours")
    buy(page, SHIELD)
    expect(toast(page, "CAP_EXCEEDED")).to_have_count(1)
    turn(page, "The store is down", on=True)
    expect(page.locator("#notice")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [390, 1180])
def test_nothing_jumps_while_the_page_loads(shop: Shop, width: int) -> None:
    page = shop.open(DAILY, width)
    page.add_init_script(WATCH)

    page.reload()
    all_there(page)
    page.wait_for_timeout(300)

    assert page.evaluate("window.moved") < 0.05


def test_the_page_follows_the_system_into_the_dark(shop: Shop) -> None:
    page = shop.open(NEW_LEARNER, dark=True)

    background = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert background == "rgb(20, 22, 26)"
