"""The marketplace in a real browser, for credits: what a visitor sees and can do."""

import os
import re
import time
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.leads import GUTTERS_BRADFORD, LEADS, ROOF_HULL, ROOF_LEEDS, SOLAR_YORK
from bursar.demo.workspaces import BUILDING, NEW_OFFICE, ROOFING, SURVEY_DESK

try:
    from playwright.sync_api import Browser, Request, Route, expect

    from tests.market_front import (
        Market,
        add,
        all_there,
        facts,
        in_cart,
        opened_market,
        pay,
        purchases,
        receipt,
        refusal,
        row,
    )
    from tests.storefront import balance, held_back, toast
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

REST = "Take these out and buy the rest"
CLOCK = "text => new Date(text).toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'})"


@pytest.fixture
def market(browser: Browser, database: ScratchDatabase) -> Iterator[Market]:
    with opened_market(browser, database) as made:
        yield made


def test_a_cart_is_bought_for_credits_and_there_is_a_receipt(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS, ROOF_HULL)
    expect(page.locator("#cart-total")).to_have_text("105")
    expect(page.locator("#cart-hint")).to_have_text("You have 250, and 145 are left after it.")

    pay(page)

    slip = receipt(page, "✓ Completed")
    assert slip.locator("li").all_inner_texts() == [
        f"{ROOF_HULL.title}\n\n45",
        f"{ROOF_LEEDS.title}\n\n60",
    ]
    expect(slip.locator("#receipt-total")).to_have_text("105")
    told = facts(slip)
    assert (told["Paid by"], told["Fee the sellers pay it"]) == ("credits", "5 %")
    slip.get_by_role("button", name="Close", exact=True).click()
    expect(balance(page)).to_have_text("145")
    expect(page.locator("#totals")).to_have_text("0 bought, 250 earned or given, 105 used")
    expect(page.locator("#cart-items")).to_contain_text("Empty")
    expect(row(page, ROOF_LEEDS)).to_have_count(0)
    expect(purchases(page)).to_have_count(1)
    expect(purchases(page)).to_contain_text(f"{ROOF_LEEDS.title} and 1 more")
    expect(purchases(page)).to_contain_text("✓ Completed · with credits · just now")


def test_a_receipt_has_an_address_of_its_own(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    pay(page)
    receipt(page, "✓ Completed")

    page.reload()

    slip = receipt(page, "✓ Completed")
    expect(slip).to_contain_text(ROOF_LEEDS.title)
    page.keyboard.press("Escape")
    expect(slip).to_be_hidden()
    expect(page).not_to_have_url(re.compile("purchase="))
    purchases(page).get_by_role("button", name="Receipt").click()
    expect(receipt(page, "✓ Completed")).to_contain_text(ROOF_LEEDS.title)


def test_too_little_says_how_much_is_missing_and_leads_on(market: Market) -> None:
    page = market.open(NEW_OFFICE)
    add(page, ROOF_LEEDS, SOLAR_YORK)
    expect(page.locator("#cart-hint")).to_have_text("You have 0: 240 credits are missing.")

    pay(page)

    said = refusal(page, "INSUFFICIENT_FUNDS")
    expect(said).to_contain_text("Insufficient credits to purchase these leads")
    expect(said).to_contain_text("You have 0; 240 more are needed.")
    expect(said.get_by_role("button")).to_have_text(
        ["Top up 250 credits, £25.00", "Pay the cart by card"]
    )
    expect(page.locator("#cart-items li")).to_have_count(2)


def test_each_lead_in_the_way_is_named_and_the_rest_can_be_bought(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS, ROOF_HULL, SOLAR_YORK, GUTTERS_BRADFORD)
    market.buys(BUILDING, ROOF_HULL)
    market.sql("UPDATE leads SET max_sales = 1 WHERE id = %s", SOLAR_YORK.lead_id())
    market.reserves(NEW_OFFICE, SOLAR_YORK)
    market.sql("UPDATE leads SET price = 75 WHERE id = %s", ROOF_LEEDS.lead_id())

    pay(page)

    said = refusal(page, "PURCHASE_CONFLICT")
    expect(said).to_contain_text("3 of 4 leads cannot be had as seen. Nothing was charged.")
    expect(in_cart(page, ROOF_HULL)).to_contain_text("Sold a moment ago.")
    expect(in_cart(page, SOLAR_YORK)).to_contain_text("Reserved by somebody who is paying by card")
    [[until]] = market.sql(
        "SELECT reserved_until FROM marketplace_purchase_items WHERE status = 'reserved'"
    )
    clock = page.evaluate(CLOCK, until.isoformat())
    expect(in_cart(page, SOLAR_YORK)).to_contain_text(re.compile(f"until (.*, )?{clock}"))
    expect(in_cart(page, ROOF_LEEDS)).to_contain_text("It costs 75 now; it was 60.")
    expect(in_cart(page, GUTTERS_BRADFORD).locator(".conflict")).to_be_hidden()
    expect(balance(page)).to_have_text("250")
    said.get_by_role("button", name=REST).click()
    expect(receipt(page, "✓ Completed").locator("li")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(balance(page)).to_have_text("230")
    expect(page.locator("#cart-items")).to_contain_text("Empty")


def test_a_new_price_is_shown_and_can_be_paid(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    desk = market.open(SURVEY_DESK)
    row(desk, ROOF_LEEDS).get_by_role("button", name="Raise the price").click()
    expect(row(desk, ROOF_LEEDS).locator(".number")).to_have_text("65")

    pay(page)

    refusal(page, "PRICE_CHANGED")
    expect(in_cart(page, ROOF_LEEDS)).to_contain_text("It costs 65 now; it was 60.")
    expect(page.locator("#pay-credits")).to_have_text("Pay 65 credits")
    pay(page)
    expect(receipt(page, "✓ Completed").locator("#receipt-total")).to_have_text("65")


def test_a_double_click_buys_once(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)

    # Else a second click that comes late meets the receipt.
    with held_back(page, "**/api/marketplace/purchase"):
        page.locator("#pay-credits").dblclick()

    receipt(page, "✓ Completed")
    page.keyboard.press("Escape")
    expect(balance(page)).to_have_text("190")
    expect(purchases(page)).to_have_count(1)
    expect(page.locator("#refusal")).to_be_hidden()


def test_of_two_windows_at_once_one_gets_the_lead(market: Market) -> None:
    windows = [market.open(ROOFING), market.open(BUILDING)]
    for page in windows:
        add(page, ROOF_LEEDS)
    at = (time.time() + 0.5) * 1000

    for page in windows:
        page.locator("#pay-credits").evaluate(
            "(button, at) => { setTimeout(() => button.click(), at - Date.now()); }", at
        )

    for page in windows:
        expect(page.locator("dialog[open] .stand.good, #refusal code")).to_have_count(1)
    won = [page.get_by_role("dialog").count() for page in windows]
    assert sorted(won) == [0, 1]
    loser = windows[won.index(0)]
    expect(in_cart(loser, ROOF_LEEDS)).to_contain_text("Sold a moment ago.")


def test_a_race_of_two_offices_keeps_the_promise(market: Market) -> None:
    page = market.open()
    page.get_by_label("Lead", exact=True).select_option(ROOF_LEEDS.lead_id())

    page.get_by_role("button", name="Race it").click()

    verdict = page.locator("#verdict")
    expect(verdict.locator(".verdict.kept")).to_contain_text("has it, and was charged once.")
    refused = verdict.locator("dt").filter(has_text="Refused").locator("+ dd")
    assert sum(int(times) for times in refused.all_inner_texts()) == 49
    expect(verdict).to_contain_text("1 of 1")
    assert market.sql(
        "SELECT sold_count, (SELECT count(*) FROM marketplace_purchases) FROM leads WHERE id = %s",
        ROOF_LEEDS.lead_id(),
    ) == [(1, 1)]


def test_too_many_purchases_say_how_long_to_wait(market: Market) -> None:
    market.sql("UPDATE marketplace_config SET purchases_per_minute = 1")
    page = market.open()
    add(page, ROOF_LEEDS)
    market.buys(ROOFING, ROOF_HULL)

    pay(page)

    said = refusal(page, "RATE_LIMITED")
    expect(said).to_contain_text("Wait for 0:5")
    market.sql("UPDATE marketplace_config SET purchases_per_minute = 300")
    said.get_by_role("button", name="Ask again").click()
    receipt(page, "✓ Completed")


def test_paused_changes_are_said_and_asked_again_with_the_same_key(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    keys: list[str] = []

    def refuse_once(route: Route, request: Request) -> None:
        keys.append(request.headers["idempotency-key"])
        if len(keys) > 1:
            route.continue_()
            return
        problem = {"code": "BUSY", "detail": "Too many requests want the same wallet right now."}
        route.fulfill(status=503, json=problem, headers={"retry-after": "1"})

    page.route("**/api/marketplace/purchase", refuse_once)
    pay(page)

    refusal(page, "BUSY").get_by_role("button", name="Ask again").click()

    receipt(page, "✓ Completed")
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_lost_answer_is_asked_for_again_with_its_key(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    keys: list[str] = []

    def lose_the_answer(route: Route, request: Request) -> None:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/marketplace/purchase", lose_the_answer)
    pay(page)

    receipt(page, "✓ Completed")
    page.keyboard.press("Escape")
    expect(balance(page)).to_have_text("190")
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_what_is_sold_out_can_be_put_on_sale_again(market: Market) -> None:
    market.buys(BUILDING, *LEADS)
    market.sql("UPDATE leads SET max_sales = 1, marketplace_status = 'sold'")
    page = market.open()
    expect(page.locator("#leads")).to_have_text("Everything is sold.")

    page.get_by_role("button", name="Put such jobs on sale again").click()

    expect(page.locator("#leads > li")).to_have_count(len(LEADS))
    expect(toast(page, f"{len(LEADS)} jobs put on sale again")).to_be_visible()


def test_what_cannot_be_read_says_so_and_can_be_tried_again(market: Market) -> None:
    page = market.open()
    problem = {"code": "PGRST001", "message": "The database cannot be reached."}
    page.route("**/rest/v1/leads*", lambda route: route.fulfill(status=503, json=problem))
    page.reload()

    expect(page.locator("#leads")).to_have_text("This could not be read.")
    page.unroute("**/rest/v1/leads*")
    toast(page, "The database cannot be reached").get_by_role("button", name="Try again").click()

    expect(row(page, ROOF_LEEDS)).to_be_visible()
    all_there(page)
