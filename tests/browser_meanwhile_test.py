"""What comes about between two answers or two clicks is neither lost nor told wrongly."""

import json
import os
from collections.abc import Iterator

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.demo.leads import ROOF_HULL, ROOF_LEEDS, SOLAR_YORK
from bursar.demo.learners import DAILY, NEW_LEARNER
from bursar.demo.members import REGULAR
from bursar.demo.stage import stage_with_provider
from bursar.demo.visitors import COLLECTOR
from bursar.demo.wares import SHIELD
from bursar.demo.workspaces import ROOFING

try:
    from playwright.sync_api import Browser, Route, expect

    from tests import market_front, shop_front
    from tests.late_answers import Late, look_again, never_give_up, wait_for
    from tests.storefront import toast
    from tests.street import Street
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


def test_what_another_window_puts_into_the_cart_stays_there(street: Street) -> None:
    page = street.open("marketplace", ROOFING)
    market_front.add(page, ROOF_HULL)
    kept = f"bursar-cart:{ROOFING.slug}"
    [lead] = json.loads(page.evaluate("key => localStorage.getItem(key)", kept))
    both = json.dumps([lead, lead | {"id": ROOF_LEEDS.lead_id()}])

    # As when the other window has written it, and this one has not heard of it yet.
    page.evaluate("([key, leads]) => localStorage.setItem(key, leads)", [kept, both])
    with page.expect_response("**/marketplace_purchase_items?*"):
        look_again(page, "marketplace")
    page.wait_for_timeout(200)

    assert page.evaluate("key => localStorage.getItem(key)", kept) == both


def test_two_clicks_are_one_race(street: Street) -> None:
    page = street.open("rewards", COLLECTOR)
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url))

    page.get_by_role("button", name="Race it").dblclick()

    expect(page.locator("#verdict .verdict.kept")).to_be_visible()
    assert sum(url.endswith("/rpc/purchase_reward") for url in sent) == 50


def test_what_is_being_claimed_is_not_said_to_wait_for_it(street: Street) -> None:
    page = street.open("shop", NEW_LEARNER)
    held: list[Route] = []
    never_give_up(page)
    page.route("**/functions/v1/claim", lambda route: held.append(route))
    shop_front.buy(page, SHIELD)
    wait_for(page, held)
    with page.expect_response("**/functions/v1/shop"):
        look_again(page, "shop")
    page.wait_for_timeout(200)

    expect(page.locator(".toast")).to_have_count(0)
    held.pop().continue_()

    shop_front.answered(page, "200", "Streak shield is yours")
    expect(shop_front.claims(page)).to_have_count(1)
    expect(toast(page, "The store has told us of it")).to_have_count(0)


def test_a_receipt_that_opens_while_another_closes_is_read(street: Street) -> None:
    for lead in (ROOF_HULL, ROOF_LEEDS):
        street.sql(
            "SELECT public.complete_credit_lead_purchase(%s, %s)",
            ROOFING.user_id,
            [lead.lead_id()],
        )
    page = street.open("marketplace", ROOFING)
    rows = market_front.purchases(page)
    rows.nth(0).get_by_role("button").first.click()
    market_front.receipt(page, "✓ Completed")

    page.evaluate(
        "() => { document.getElementById('receipt').close();"
        " document.querySelectorAll('#purchases > li')[1].querySelector('.show').click(); }"
    )

    expect(market_front.receipt(page, "✓ Completed").locator("li")).to_have_count(1)


def test_a_receipt_that_is_read_again_leaves_the_focus_where_it_is(street: Street) -> None:
    street.sql(
        "SELECT public.complete_credit_lead_purchase(%s, %s)",
        ROOFING.user_id,
        [SOLAR_YORK.lead_id()],
    )
    page = street.open("marketplace", ROOFING)

    def wait(route: Route) -> None:
        told = route.fetch().json()
        route.fulfill(json=told | {"status": "pending", "reservedUntil": "2999-01-01T00:00:00Z"})

    page.route("**/api/marketplace/purchases/*", wait)
    market_front.purchases(page).first.locator(".show").click()
    number = page.get_by_role("button", name="Copy the number")
    number.focus()

    for _ in range(2):
        with page.expect_response("**/api/marketplace/purchases/*"):
            pass
    page.wait_for_timeout(200)

    expect(number).to_be_focused()


def test_other_buttons_in_the_place_of_those_of_before_keep_the_focus(street: Street) -> None:
    page = street.open("community", REGULAR)
    page.get_by_label("What do you want to say?").fill("soon hidden")
    page.get_by_role("button", name="Post", exact=True).click()
    post = page.locator("#feed > li.post").filter(has_text="soon hidden")
    post.get_by_role("button", name="Boost").focus()

    street.sql("UPDATE posts SET is_hidden = true WHERE body = 'soon hidden'")
    look_again(page, "community")

    expect(post.get_by_role("button", name="Boost")).to_have_count(0)
    expect(post.get_by_role("button", name="Delete")).to_be_focused()


def test_a_transaction_that_is_seen_before_its_call_is_answered_is_the_calls(
    street: Street,
) -> None:
    page = street.open("shop", DAILY)
    shown = page.locator("#happenings > li")
    with page.expect_response("**/demo/happened?*"):
        page.locator("#drawer summary").click()
    expect(shown).not_to_have_count(0)
    before = shown.count()
    used = Late(page, "**/functions/v1/use-item")
    page.get_by_role("button", name="Use a shield").click()
    used.wait_for()
    look_again(page, "shop")
    expect(shown).to_have_count(before + 1)

    used.end()

    call = shown.filter(has_text="POST /functions/v1/use-item")
    expect(call).to_contain_text("Transaction ")
    expect(shown).to_have_count(before + 1)
