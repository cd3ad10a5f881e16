"""The marketplace in a real browser, by card: to the card company's page, and back."""

import os
import re
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.leads import GUTTERS_BRADFORD, ROOF_HULL, ROOF_LEEDS
from bursar.demo.workspaces import BUILDING, NEW_OFFICE, ROOFING

try:
    from playwright.sync_api import Browser, Page, expect

    from tests.market_front import (
        OWN_PAGE,
        PAY_PAGE,
        SETTLE_SECONDS,
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
        to_the_card_company,
    )
    from tests.storefront import balance
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)


@pytest.fixture
def market(browser: Browser, database: ScratchDatabase) -> Iterator[Market]:
    with opened_market(browser, database) as made:
        yield made


def press(page: Page, name: str) -> None:
    """Press a button of the card company's page, and come back."""
    page.get_by_role("button", name=name).click()
    page.wait_for_url(OWN_PAGE)


def test_a_card_pays_for_the_cart(market: Market) -> None:
    page = market.open(NEW_OFFICE)
    add(page, ROOF_LEEDS, ROOF_HULL)
    expect(page.locator("#pay-card")).to_have_text("Pay £10.50 by card")

    to_the_card_company(page)
    press(page, "Pay 10.50 GBP")

    slip = receipt(page, "✓ Completed")
    assert facts(slip)["Paid by"] == "card, £10.50"
    expect(slip.locator("li")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.get_by_label(NEW_OFFICE.name, exact=True)).to_be_checked()
    expect(page.locator("#cart-items")).to_contain_text("Empty")
    expect(purchases(page)).to_contain_text("✓ Completed · by card")
    expect(balance(page)).to_have_text("0")
    assert "session_id" not in page.url


def test_whoever_goes_back_has_the_leads_reserved_and_can_pay_on(market: Market) -> None:
    page, other = market.open(), market.open(BUILDING)
    add(page, ROOF_LEEDS)
    add(other, ROOF_LEEDS)
    to_the_card_company(page)
    page.get_by_role("button", name="Decline the card").click()
    expect(page.get_by_role("alert")).to_contain_text("declined")
    press(page, "Go back")

    slip = receipt(page, "Not paid yet")
    assert re.fullmatch(r"(39|40):\d\d", facts(slip)["Reserved for"])
    page.keyboard.press("Escape")
    expect(row(page, ROOF_LEEDS)).to_contain_text("In the cart")
    expect(purchases(page).locator(".left")).to_have_text(re.compile(r"(39|40):\d\d"))
    pay(other)
    expect(in_cart(other, ROOF_LEEDS)).to_contain_text("Reserved by somebody who is paying by card")
    purchases(page).get_by_role("button", name="Pay for").click()
    page.wait_for_url(PAY_PAGE)
    press(page, "Pay 6.00 GBP")
    receipt(page, "✓ Completed")
    assert market.sql("SELECT status, payment_method FROM marketplace_purchases") == [
        ("completed", "stripe")
    ]


def test_the_same_cart_leads_to_the_same_payment_page(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    to_the_card_company(page)
    first = page.url
    press(page, "Go back")
    page.keyboard.press("Escape")
    all_there(page)

    to_the_card_company(page)

    assert page.url == first
    assert market.sql("SELECT count(*) FROM marketplace_purchases") == [(1,)]


def test_what_is_reserved_for_oneself_can_be_had_for_credits(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    to_the_card_company(page)
    press(page, "Go back")
    page.keyboard.press("Escape")
    all_there(page)

    pay(page)

    receipt(page, "✓ Completed")
    page.keyboard.press("Escape")
    expect(balance(page)).to_have_text("190")
    expect(purchases(page).nth(1)).to_contain_text("Expired")


@pytest.mark.parametrize(("then", "state"), [("arrives", "✓ Completed"), ("fails", "Failed")])
def test_what_a_bank_pays_later_is_waited_for(market: Market, then: str, state: str) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    to_the_card_company(page)
    page.get_by_label(then).check()

    press(page, "Pay later, by a bank")

    slip = receipt(page, "Waiting for the")
    market.company.ask("POST", "/_clock", {"advance_seconds": SETTLE_SECONDS})
    receipt(page, state)
    page.keyboard.press("Escape")
    expect(slip).to_be_hidden()
    expect(purchases(page)).to_contain_text(state)
    expect(row(page, ROOF_LEEDS)).to_have_count(0 if then == "arrives" else 1)


def test_what_is_not_paid_in_time_expires_before_the_readers_eyes(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    to_the_card_company(page)
    press(page, "Go back")
    receipt(page, "Not paid yet")

    market.company.ask("POST", "/_clock", {"advance_seconds": 2000})

    expect(receipt(page, "Expired")).to_contain_text("Nothing was charged.")
    page.keyboard.press("Escape")
    expect(purchases(page)).to_contain_text("Expired")
    expect(row(page, ROOF_LEEDS)).to_contain_text("In the cart")


def test_money_for_what_was_gone_goes_back(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS, GUTTERS_BRADFORD)
    to_the_card_company(page)
    # Not that of the purchase: the sweeper might close its session before the payment is there.
    market.sql("UPDATE marketplace_purchase_items SET reserved_until = bursar.clock()")
    market.buys(BUILDING, ROOF_LEEDS)

    press(page, "Pay 8.00 GBP")

    slip = receipt(page, "Completed in part")
    expect(slip).to_contain_text("1 of 2 were gone when the payment arrived.")
    expect(slip).to_contain_text("Gone when the payment arrived")
    page.keyboard.press("Escape")
    page.reload()
    expect(purchases(page)).to_contain_text("£6.00 was given back")


def test_a_refund_is_told(market: Market) -> None:
    bought = market.buys(ROOFING, ROOF_LEEDS)
    [[answer]] = market.sql(
        "SELECT bursar.refund_lead_purchase(jsonb_build_array("
        "jsonb_build_object('purchase_id', %s::text)))",
        bought["purchase_id"],
    )
    assert answer[0]["status"] == "done", answer

    page = market.open()

    expect(purchases(page)).to_contain_text("↩ Refunded · with credits")
    purchases(page).get_by_role("button", name="Receipt").click()
    expect(receipt(page, "Refunded")).to_contain_text("The credits are back.")


def test_missing_credits_are_topped_up_by_card_and_the_cart_is_still_there(
    market: Market,
) -> None:
    page = market.open(NEW_OFFICE)
    add(page, ROOF_LEEDS)
    pay(page)
    refusal(page, "INSUFFICIENT_FUNDS").get_by_role("button", name="Top up 100 credits").click()
    page.wait_for_url(PAY_PAGE)

    press(page, "Pay 10.00 GBP")

    slip = receipt(page, "✓ Completed")
    expect(slip.get_by_role("heading")).to_have_text("Top-up")
    assert facts(slip)["Paid by"] == "card, £10.00"
    page.keyboard.press("Escape")
    expect(balance(page)).to_have_text("100")
    expect(page.locator("#totals")).to_have_text("100 bought, 0 earned or given, 0 used")
    pay(page)
    receipt(page, "✓ Completed")
    page.keyboard.press("Escape")
    expect(balance(page)).to_have_text("40")


def test_a_card_company_that_does_not_answer_is_said(market: Market) -> None:
    page = market.open()
    add(page, ROOF_LEEDS)
    market.company.ask("POST", "/_faults", {"fail_calls": 50, "fail_status": 500})
    page.locator("#pay-card").click()

    said = refusal(page, "CARD_UNAVAILABLE")
    market.company.ask("DELETE", "/_faults")
    said.get_by_role("button", name="Ask again").click()

    page.wait_for_url(PAY_PAGE)
    assert market.sql("SELECT count(*) FROM marketplace_purchases") == [(1,)]
