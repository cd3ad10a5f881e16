"""The Rewards page in a real browser, on a real server: what a visitor sees and can do."""

import os
import time
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.assortment import (
    BRASS_BOOKMARK,
    FIELD_NOTEBOOK,
    OWN_POSTCARD,
    RETIRED_POSTER,
)
from bursar.demo.stage import stage
from bursar.demo.visitors import CREATOR

try:
    from playwright.sync_api import Browser, Request, Route, expect

    from tests.storefront import (
        Open,
        Windows,
        balance,
        button,
        settle,
        toast,
    )
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

SUCCESS = "Reward purchased successfully"
INSUFFICIENT = "Insufficient credits to purchase this reward"
DUPLICATE = "You have already collected this reward"
OWN = "Cannot purchase your own reward"


@pytest.fixture
def visit(browser: Browser, database: ScratchDatabase) -> Iterator[Open]:
    """Opens the page as a visitor, in a window of its own, on a fresh server."""
    with stage(database.service_url) as address:
        windows = Windows(browser, address)
        yield windows.open
        windows.close()


def test_a_purchase_shows_in_balance_collection_and_history(visit: Open) -> None:
    page = visit()

    button(page, FIELD_NOTEBOOK).click()

    expect(toast(page, SUCCESS)).to_be_visible()
    expect(balance(page)).to_have_text("40")
    expect(page.locator("#collected")).to_contain_text(FIELD_NOTEBOOK.name)
    newest = page.locator("#history tr").first
    expect(newest).to_contain_text(FIELD_NOTEBOOK.name)
    expect(newest.locator("td").nth(2)).to_have_text("−60")
    expect(newest.locator("td").nth(3)).to_have_text("40")
    expect(page.locator("#history tr").last.locator("td").nth(2)).to_have_text("+100")


def test_too_little_is_refused_and_the_toast_leads_on(visit: Open) -> None:
    page = visit()
    button(page, FIELD_NOTEBOOK).click()
    expect(balance(page)).to_have_text("40")

    button(page, BRASS_BOOKMARK).click()

    refusal = toast(page, INSUFFICIENT)
    expect(refusal.locator(".sentence")).to_have_text(INSUFFICIENT)
    expect(refusal.locator("code")).to_have_text("INSUFFICIENT_FUNDS")
    expect(balance(page)).to_have_text("40")
    refusal.get_by_role("button", name="Add 100 credits").click()
    expect(balance(page)).to_have_text("140")
    button(page, BRASS_BOOKMARK).click()
    expect(balance(page)).to_have_text("80")


def test_a_double_click_buys_once_and_says_so(visit: Open) -> None:
    page = visit()

    button(page, FIELD_NOTEBOOK).dblclick()

    expect(toast(page, SUCCESS)).to_have_count(1)
    expect(toast(page, DUPLICATE).locator("code")).to_have_text("ALREADY_COLLECTED")
    expect(balance(page)).to_have_text("40")
    expect(page.locator("#collected li")).to_have_count(1)
    toast(page, DUPLICATE).get_by_role("button", name="Go to My Collected Rewards").click()
    expect(page.locator("#collected-name")).to_be_focused()


def test_ones_own_reward_is_refused(visit: Open) -> None:
    page = visit()

    button(page, OWN_POSTCARD).click()

    expect(toast(page, OWN).locator("code")).to_have_text("SELF_PURCHASE")
    expect(balance(page)).to_have_text("100")


def test_a_toast_stays_until_it_is_dismissed(visit: Open) -> None:
    page = visit()
    button(page, OWN_POSTCARD).click()
    button(page, OWN_POSTCARD).click()
    expect(toast(page, OWN).locator(".times")).to_have_text("× 2")

    page.clock.install()
    page.clock.fast_forward("10:00")
    expect(toast(page, OWN)).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()

    expect(page.locator(".toast")).to_have_count(0)


def test_two_windows_at_once_buy_one_reward_of_two(visit: Open) -> None:
    windows = [(visit(), FIELD_NOTEBOOK), (visit(), BRASS_BOOKMARK)]
    at = (time.time() + 0.5) * 1000

    for page, reward in windows:
        button(page, reward).evaluate(
            "(button, at) => { setTimeout(() => button.click(), at - Date.now()); }", at
        )

    for page, _ in windows:
        expect(page.locator(".toast")).to_have_count(1)
        expect(balance(page)).to_have_text("40")
    said = sorted(page.locator(".toast .sentence").inner_text() for page, _ in windows)
    assert said == [INSUFFICIENT, SUCCESS]


def test_fifty_at_once_buy_one(visit: Open) -> None:
    page = visit()
    page.get_by_label("Reward", exact=True).select_option(FIELD_NOTEBOOK.reward_id)

    page.get_by_role("button", name="Race it").click()

    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("Promise kept: one purchase, charged once.")
    facts = dict(
        zip(
            verdict.locator("dt").all_inner_texts(),
            verdict.locator("dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts == {
        "Succeeded": "1",
        "Refused ALREADY_COLLECTED": "49",
        "Balance before": "100",
        "Balance after −60": "40",
        "Charges for Field notebook all in all": "1",
    }


def test_another_visitor_has_another_page(visit: Open) -> None:
    page = visit()
    button(page, FIELD_NOTEBOOK).click()
    expect(balance(page)).to_have_text("40")

    page.get_by_label("Creator", exact=True).check()

    expect(balance(page)).to_have_text("60")
    expect(page.locator("#history tr").first.locator("td").nth(2)).to_have_text("+60")
    expect(page.locator("#collected")).to_contain_text("Nothing yet")
    expect(page.locator(f"[data-id='{RETIRED_POSTER.reward_id}']")).to_contain_text("Not on sale")
    page.reload()
    expect(page.get_by_label(CREATOR.name, exact=True)).to_be_checked()
    page.get_by_label("Newcomer", exact=True).check()
    expect(balance(page)).to_have_text("0")
    expect(page.locator("#history")).to_contain_text("No entries yet")


def test_everything_can_be_done_with_the_keyboard(visit: Open) -> None:
    page = visit()
    target = button(page, FIELD_NOTEBOOK)
    for _ in range(30):
        page.keyboard.press("Tab")
        if target.evaluate("button => button === document.activeElement"):
            break

    expect(target).to_be_focused()
    assert target.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")

    expect(toast(page, SUCCESS)).to_be_visible()
    expect(balance(page)).to_have_text("40")
    expect(target).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".toast")).to_have_count(0)


def test_dark_follows_the_system_and_then_the_reader(visit: Open) -> None:
    page = visit(dark=True)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)

    page.get_by_role("button", name="Show in light colours").click()
    light = page.evaluate(ground)
    page.reload()
    settle(page)

    assert dark != light
    assert page.evaluate(ground) == light


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_scrolls_in_one_direction(visit: Open, width: int) -> None:
    page = visit(width=width)
    button(page, FIELD_NOTEBOOK).click()
    button(page, OWN_POSTCARD).click()
    expect(page.locator(".toast")).to_have_count(2)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    for box in [each.bounding_box() for each in page.locator(".toast").all()]:
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_nothing_jumps_while_the_page_loads(visit: Open) -> None:
    page = visit()

    page.add_init_script(
        "window.moved = 0; new PerformanceObserver(list => { for (const entry of"
        " list.getEntries()) window.moved += entry.value; })"
        ".observe({type: 'layout-shift', buffered: true});"
    )
    page.reload()
    settle(page)

    assert page.evaluate("window.moved") < 0.05


def test_a_lost_connection_is_said_and_a_purchase_is_asked_again_with_its_key(
    visit: Open,
) -> None:
    page = visit()
    keys: list[str] = []

    def lose_the_answer(route: Route, request: Request) -> None:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/rpc/purchase_reward", lose_the_answer)
    page.route("**/health", lambda route: route.abort())
    button(page, FIELD_NOTEBOOK).click()

    expect(page.locator("#strip")).to_be_visible()
    page.unroute("**/health")
    expect(toast(page, SUCCESS)).to_be_visible()
    expect(balance(page)).to_have_text("40")
    expect(page.locator("#strip")).to_be_hidden()
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_what_cannot_be_read_says_so_and_can_be_tried_again(visit: Open) -> None:
    page = visit()
    page.route(
        "**/rest/v1/rewards*",
        lambda route: route.fulfill(
            status=503, json={"code": "PGRST001", "message": "The database cannot be reached."}
        ),
    )
    page.reload()

    expect(page.locator("#rewards")).to_have_text("This could not be read.")
    page.unroute("**/rest/v1/rewards*")
    toast(page, "The database cannot be reached").get_by_role("button", name="Try again").click()

    expect(button(page, FIELD_NOTEBOOK)).to_be_visible()
