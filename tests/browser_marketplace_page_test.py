"""The marketplace in a real browser, as a page: who one is, by keyboard, on a phone, at rest."""

import os
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.leads import LEADS, ROOF_HULL, ROOF_LEEDS, SOLAR_YORK
from bursar.demo.workspaces import BUILDING, ROOFING, SURVEY_DESK

try:
    from playwright.sync_api import Browser, expect

    from tests.market_front import (
        Market,
        add,
        all_there,
        in_cart,
        opened_market,
        pay,
        purchases,
        receipt,
        refusal,
        row,
    )
    from tests.storefront import WATCH, balance, tab_to
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)


@pytest.fixture
def market(browser: Browser, database: ScratchDatabase) -> Iterator[Market]:
    with opened_market(browser, database) as made:
        yield made


def test_every_lead_has_words_a_price_a_seller_and_a_picture(market: Market) -> None:
    page = market.open()

    for lead in LEADS:
        shown = row(page, lead)
        for words in (lead.title, lead.description, lead.seller.name, f"{lead.price} credits"):
            expect(shown).to_contain_text(words)
        assert shown.locator(".house svg path.job").count() >= 1, lead.title
    expect(row(page, SOLAR_YORK)).to_contain_text("3 of 3 left")
    expect(row(page, ROOF_LEEDS)).to_contain_text("to one office")


def test_every_office_has_a_cart_of_its_own_that_stays(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)

    page.get_by_label(BUILDING.name, exact=True).check()
    expect(balance(page)).to_have_text("1,500")
    expect(page.locator("#cart-items")).to_contain_text("Empty")
    add(page, ROOF_HULL)
    page.reload()
    all_there(page)

    expect(page.get_by_label(BUILDING.name, exact=True)).to_be_checked()
    expect(in_cart(page, ROOF_HULL)).to_be_visible()
    page.get_by_label(ROOFING.name, exact=True).check()
    expect(in_cart(page, ROOF_LEEDS)).to_be_visible()
    expect(in_cart(page, ROOF_HULL)).to_have_count(0)


def test_a_seller_sees_what_was_earned_and_cannot_buy_their_own(market: Market) -> None:
    market.buys(ROOFING, ROOF_LEEDS)

    page = market.open(SURVEY_DESK)

    expect(balance(page)).to_have_text("57")
    expect(page.locator("#leads [data-state='own']")).to_have_count(4)
    expect(page.locator("#leads [data-state='own']").first).to_contain_text("Your lead")


def test_what_is_gone_from_sale_is_said_in_the_cart_of_another_day(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS, ROOF_HULL)
    market.buys(BUILDING, ROOF_LEEDS)

    page.reload()

    expect(in_cart(page, ROOF_LEEDS)).to_contain_text("No longer on sale.")
    expect(in_cart(page, ROOF_HULL).locator(".conflict")).to_be_hidden()


def test_older_purchases_are_shown_when_asked_for(market: Market) -> None:
    for lead in LEADS[:7]:
        market.buys(BUILDING, lead)
    page = market.open(BUILDING)
    expect(purchases(page)).to_have_count(5)

    page.get_by_role("button", name="Show older purchases").click()

    expect(purchases(page)).to_have_count(7)
    expect(purchases(page).last).to_contain_text(LEADS[0].title)
    expect(page.get_by_role("button", name="Show older purchases")).to_be_hidden()


def test_windows_of_one_browser_follow_each_other(market: Market) -> None:
    page = market.open()
    with page.expect_popup() as opened:
        page.evaluate("() => { window.open(location.href); }")
    other = opened.value
    all_there(other)
    add(page, ROOF_LEEDS)
    expect(in_cart(other, ROOF_LEEDS)).to_be_visible()

    pay(page)

    receipt(page, "✓ Completed")
    expect(balance(other)).to_have_text("190")
    expect(other.locator("#cart-items")).to_contain_text("Empty")
    expect(purchases(other)).to_have_count(1)
    other.close()


def test_everything_can_be_done_with_the_keyboard(market: Market) -> None:
    page = market.open()
    button = row(page, ROOF_LEEDS).get_by_role("button")
    tab_to(page, button)
    page.keyboard.press("Enter")
    expect(button).to_be_focused()
    expect(button).to_have_text("Take out")
    tab_to(page, row(page, ROOF_HULL).get_by_role("button"))
    page.keyboard.press("Enter")

    tab_to(page, in_cart(page, ROOF_LEEDS).get_by_role("button"))
    page.keyboard.press("Enter")
    expect(in_cart(page, ROOF_HULL).get_by_role("button")).to_be_focused()
    tab_to(page, page.locator("#pay-credits"))
    page.keyboard.press("Enter")

    slip = receipt(page, "✓ Completed")
    expect(slip.get_by_role("button", name="Close", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(slip).to_be_hidden()
    expect(page.locator("#cart-name")).to_be_focused()
    expect(balance(page)).to_have_text("205")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_scrolls_in_one_direction_and_finds_the_cart(market: Market, width: int) -> None:
    page = market.open(width=width)
    add(page, ROOF_LEEDS, SOLAR_YORK)
    market.buys(BUILDING, ROOF_LEEDS)
    expect(page.locator("#cart-bar")).to_contain_text("2 leads, 240 credits")

    page.get_by_role("link", name="Go to the cart").click()
    expect(page.locator("#cart-bar")).to_be_hidden()
    pay(page)
    said = refusal(page, "PURCHASE_CONFLICT")

    assert page.evaluate("document.documentElement.scrollWidth") == width
    said.get_by_role("button").click()
    box = receipt(page, "✓ Completed").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [390, 1180])
def test_nothing_jumps_while_the_page_loads(market: Market, width: int) -> None:
    for lead in (ROOF_HULL, SOLAR_YORK):
        market.buys(ROOFING, lead)
    page = market.open(width=width)
    page.add_init_script(WATCH)

    page.reload()
    all_there(page)
    page.wait_for_timeout(300)

    assert page.evaluate("window.moved") < 0.05


def test_the_page_follows_the_system_into_the_dark(market: Market) -> None:
    page = market.open(dark=True)
    add(page, ROOF_LEEDS)
    pay(page)

    slip = receipt(page, "✓ Completed")

    assert slip.evaluate("element => getComputedStyle(element).backgroundColor") == (
        "rgb(27, 30, 35)"
    )
