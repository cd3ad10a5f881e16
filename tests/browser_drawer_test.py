"""The drawer beside every store-front, and its race of fifty: what is said is what was done."""

import os
import time
from collections.abc import Iterator

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.demo.artists import APPRENTICE
from bursar.demo.assortment import BRASS_BOOKMARK, FIELD_NOTEBOOK
from bursar.demo.leads import ROOF_HULL
from bursar.demo.learners import NEW_LEARNER
from bursar.demo.members import NEW_MEMBER, REGULAR
from bursar.demo.stage import stage_with_provider
from bursar.demo.visitors import COLLECTOR, CREATOR
from bursar.demo.workspaces import ROOFING

try:
    from playwright.sync_api import Browser, Locator, Page, Route, expect

    from tests import market_front
    from tests.market_front import facts
    from tests.storefront import button, settle
    from tests.street import PARTS_OF, Street
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)


@pytest.fixture(scope="module")
def served(cluster: Cluster, template: str) -> Iterator[tuple[ScratchDatabase, str]]:
    with (
        scratch_database(cluster, template) as database,
        stage_with_provider(database.service_url) as (address, _),
    ):
        yield database, address


@pytest.fixture
def street(browser: Browser, served: tuple[ScratchDatabase, str]) -> Iterator[Street]:
    made = Street(browser, *served)
    yield made
    made.close()


def pull_out(page: Page) -> Locator:
    """Open the drawer; what it shows, the newest first."""
    page.locator("#drawer summary").click()
    return page.locator("#happenings > li")


def sides(happening: Locator) -> list[list[str]]:
    """The rows of a transaction in the drawer: wallet, entry, and balance after."""
    rows = happening.locator("tbody tr")
    expect(rows.first).to_be_visible()
    return [row.locator("td").all_inner_texts() for row in rows.all()]


def race(page: Page) -> dict[str, str]:
    """Race fifty requests; the facts of the verdict, which must be that the promise is kept."""
    page.get_by_role("button", name="Race it").click()
    expect(page.locator("#verdict .verdict.kept")).to_contain_text("Promise kept: ")
    return facts(page.locator("#verdict"))


def test_a_purchase_is_shown_with_both_sides_and_a_refusal_with_its_code(street: Street) -> None:
    page = street.open("rewards", COLLECTOR)
    expect(page.locator("#happenings")).to_be_hidden()
    shown = pull_out(page)
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("grant, credit. opening credits")

    button(page, FIELD_NOTEBOOK).click()

    newest = shown.filter(has_text="POST /rest/v1/rpc/purchase_reward").first
    expect(newest).to_contain_text("200 done")
    bought = shown.filter(has_text="purchase_reward, credit.")
    assert sides(bought) == [["Collector (you)", "−60", "40"], ["Creator", "+60", "60"]]
    [[number]] = street.sql("SELECT max(id) FROM bursar.transaction WHERE verb = 'purchase_reward'")
    expect(bought).to_contain_text(f"Transaction {number}: purchase_reward, credit.")
    button(page, BRASS_BOOKMARK).click()
    refused = shown.filter(has_text="INSUFFICIENT_FUNDS")
    expect(refused.locator("b")).to_have_text("402 INSUFFICIENT_FUNDS")
    expect(refused).to_contain_text("Insufficient credits to purchase this reward.")
    expect(shown.first).to_contain_text("INSUFFICIENT_FUNDS")
    page.get_by_label(CREATOR.name, exact=True).check()
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Earlier, in another window, or by a worker.")
    assert sides(shown) == [["Collector", "−60", "40"], ["Creator (you)", "+60", "60"]]


def test_what_was_asked_as_one_visitor_is_not_shown_to_the_next(street: Street) -> None:
    page = street.open("rewards", COLLECTOR)
    held: list[Route] = []
    for asked in ("**/demo/happened?visitor=collector", "**/rpc/purchase_reward"):
        page.route(asked, lambda route: held.append(route))
    with page.expect_request("**/demo/happened?visitor=collector"):
        shown = pull_out(page)
    with page.expect_request("**/rpc/purchase_reward"):
        button(page, FIELD_NOTEBOOK).click()
    with page.expect_response("**/demo/happened?visitor=creator"):
        page.get_by_label(CREATOR.name, exact=True).check()

    for route in held:
        with page.expect_response(route.request.url):
            route.continue_()

    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Earlier, in another window, or by a worker.")
    assert sides(shown) == [["Collector", "−60", "40"], ["Creator (you)", "+60", "60"]]


def test_the_drawer_is_remembered_closed_by_escape_and_moves_nothing(street: Street) -> None:
    page = street.open("rewards", CREATOR)
    heading = page.locator("#history-name")
    before = heading.bounding_box()
    page.locator("#drawer summary").focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="What just happened")
    expect(panel).to_be_visible()
    assert heading.bounding_box() == before

    page.reload()
    settle(page)

    expect(panel).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    page.evaluate("scrollTo(0, document.scrollingElement.scrollHeight)")
    foot = page.locator(".foot p").bounding_box()
    sheet = page.locator("#drawer").bounding_box()
    assert foot is not None
    assert sheet is not None
    assert foot["y"] + foot["height"] <= sheet["y"] + 1
    panel.focus()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator("#drawer summary")).to_be_focused()
    page.reload()
    settle(page)
    expect(panel).to_be_hidden()


def test_a_sale_shows_the_seller_and_the_fee(street: Street) -> None:
    page = street.open("marketplace", ROOFING)
    shown = pull_out(page)
    market_front.add(page, ROOF_HULL)

    market_front.pay(page)

    market_front.receipt(page, "✓ Completed")
    newest = shown.filter(has_text="POST /api/marketplace/purchase")
    expect(newest).to_contain_text("200 done")
    entries = sides(shown.filter(has_text="system:fees"))
    wallets = [wallet for wallet, *_ in entries]
    assert f"{ROOFING.name} (you)" in wallets
    assert "system:fees" in wallets


def test_one_purchase_is_claimed_fifty_times_and_granted_once(street: Street) -> None:
    page = street.open("shop", NEW_LEARNER)
    # However far apart they come, the fifty answers are counted as coming together.
    page.clock.set_fixed_time(time.time())
    shown = pull_out(page)

    counted = race(page)

    assert counted["Granted"] == "1"
    assert counted["Answered the same"] == "49"
    assert street.sql(
        "SELECT count(*) FROM purchase_claims WHERE user_id = %s", NEW_LEARNER.user_id
    ) == [(1,)]
    replayed = shown.filter(has_text="200 replayed")
    expect(replayed).to_contain_text("× 49")
    expect(replayed).to_contain_text("nothing was done again")
    expect(shown.filter(has_text="/functions/v1/claim").filter(has_text="200 done")).to_be_visible()
    # Beside the call or, where a slow machine's clocks do not tell, by itself.
    assert sides(shown.filter(has_text="system:external")) == [
        ["system:external", "−1", "–"],
        [f"{NEW_LEARNER.name} (you)", "+1", "1"],
    ]


def test_fifty_pictures_for_one_credit_are_one(street: Street) -> None:
    page = street.open("studio", APPRENTICE)

    counted = race(page)

    assert counted["Taken up"] == "1"
    assert (counted["Credits before"], counted["New pictures read back"]) == ("1", "1")
    assert street.sql(
        "SELECT count(*) FROM generation_jobs WHERE user_id = %s", APPRENTICE.user_id
    ) == [(1,)]
    shown = pull_out(page)
    # Nobody clicks for it: the worker takes the credit when the picture is there.
    expect(shown.filter(has_text="capture, generation_credit")).to_contain_text("system:revenue")


def test_fifty_reactions_are_one_and_fifty_boosts_what_was_paid_for(street: Street) -> None:
    page = street.open("community", NEW_MEMBER)

    counted = race(page)

    assert (counted["Counted after read back"], counted["There already"]) == ("1", "49")
    assert street.sql(
        "SELECT count(*) FROM post_reactions WHERE user_id = %s", NEW_MEMBER.user_id
    ) == [(1,)]
    page.get_by_label(REGULAR.name, exact=True).check()
    settle(page, PARTS_OF["community"])
    expect(page.locator("#verdict")).to_be_empty()
    mine = page.locator("#race-post option").filter(has_text="Boost: ").first
    page.locator("#race-post").select_option(mine.get_attribute("value"))
    counted = race(page)
    before, after = int(counted["Credits before"]), int(counted["Credits after read back"])
    assert (before // 5, before % 5) == (int(counted["Boosted for 5 each"]), after)
