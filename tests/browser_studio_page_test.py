"""The studio in a real browser, as a page: by keyboard, on a phone, cut off, at rest."""

import os
import re
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.artists import APPRENTICE, ILLUSTRATOR, NEW_ARTIST

try:
    from playwright.sync_api import Browser, Route, expect

    from tests.storefront import WATCH, held_back, tab_to, toast
    from tests.studio_front import (
        PROMPT,
        StudioFront,
        all_there,
        available,
        generate,
        go,
        history,
        jobs,
        opened_studio,
        state,
    )
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)


@pytest.fixture
def studio(browser: Browser, database: ScratchDatabase) -> Iterator[StudioFront]:
    with opened_studio(browser, database) as made:
        yield made


def test_everything_can_be_done_with_the_keyboard(studio: StudioFront) -> None:
    page = studio.open(NEW_ARTIST)
    tab_to(page, page.get_by_role("button", name="Get 5 credits"))
    page.keyboard.press("Enter")
    expect(available(page)).to_have_text("5")
    tab_to(page, page.get_by_role("button", name="a fox in an autumn forest"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("What should it show?")).to_have_value("a fox in an autumn forest")
    tab_to(page, page.get_by_label("works", exact=True))
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#fault-about")).to_contain_text("Cancel it, or wait")
    tab_to(page, go(page))
    page.keyboard.press("Enter")
    state(page, "Working")

    tab_to(page, page.get_by_role("button", name="Cancel: a fox in an autumn forest"))
    page.keyboard.press("Enter")

    state(page, "Cancelled, your credit is back")
    expect(jobs(page).first).to_be_focused()
    expect(page.locator("#news")).to_have_text(
        "Cancelled, your credit is back: a fox in an autumn forest."
    )


def test_where_events_do_not_get_through_it_asks_and_waits(studio: StudioFront) -> None:
    page = studio.open()
    page.route(
        "**/events", lambda route: route.fulfill(body="<p>No.</p>", content_type="text/html")
    )

    with studio.provider_stands_still(), page.expect_request(re.compile(r"\?wait=")):
        generate(page, fault="comes late")
        state(page, "Working")

    state(page, "Finished")


def test_a_lost_connection_is_said_and_taken_up_again(studio: StudioFront) -> None:
    page = studio.open()
    generate(page, fault="hangs")
    state(page, "Working")

    def cut(route: Route) -> None:
        route.abort()

    page.route("**/functions/v1/**", cut)
    page.route("**/health", cut)
    page.route("**/v1/wallets/**", cut)
    # What is asked again a few times in vain is given up: the second time lasts until the end.
    with held_back(page, "**/functions/v1/cancel-generation"):
        page.route("**/functions/v1/cancel-generation", cut, times=1)
        page.get_by_role("button", name="Cancel: ").click()
        expect(page.locator("#strip")).to_contain_text("The connection is lost")
        state(page, "Working")
        page.unroute("**/functions/v1/**")
        page.unroute("**/health")
        page.unroute("**/v1/wallets/**")

    expect(page.locator("#strip")).to_be_hidden()
    state(page, "Cancelled")
    assert studio.wallet() == (1, 0)


def test_windows_of_one_browser_follow_each_other(studio: StudioFront) -> None:
    page = studio.open()
    with page.expect_popup() as opened:
        page.evaluate("() => { window.open(location.href); }")
    other = opened.value
    all_there(other)

    generate(page)

    state(page, "Finished")
    state(other, "Finished")
    expect(other.get_by_role("img", name=PROMPT, exact=True)).to_be_visible()
    other.close()


def test_what_is_typed_stays_and_is_shown_as_text(studio: StudioFront) -> None:
    prompt = '<img src=x onerror="alert(1)"> & a fox'
    page = studio.open()

    generate(page, prompt)

    state(page, "Finished")
    expect(jobs(page).first.locator("h3")).to_have_text(prompt)
    expect(page.get_by_role("img", name=prompt, exact=True)).to_be_visible()
    expect(page.get_by_label("What should it show?")).to_have_value(prompt)


def test_without_words_nothing_is_asked(studio: StudioFront) -> None:
    page = studio.open()

    go(page).click()

    expect(page.locator("#news")).to_have_text("Say first what it should show.")
    expect(page.get_by_label("What should it show?")).to_be_focused()
    assert studio.statuses() == []


def test_what_cannot_be_read_says_so_and_can_be_tried_again(studio: StudioFront) -> None:
    page = studio.open(ILLUSTRATOR)
    problem = {"success": False, "code": "BUSY", "message": "Too many want it.", "details": {}}
    page.route(
        "**/functions/v1/generation-jobs", lambda route: route.fulfill(status=503, json=problem)
    )
    page.reload()

    expect(page.locator("#jobs")).to_have_text("This could not be read.")
    page.unroute("**/functions/v1/generation-jobs")
    toast(page, "Too many want it").get_by_role("button", name="Try again").click()

    expect(jobs(page)).to_have_count(3)


def test_many_pictures_are_shown_a_few_at_a_time(studio: StudioFront) -> None:
    studio.give(NEW_ARTIST, 14)
    studio.sql(
        "SELECT bursar.submit_generation(jsonb_agg(jsonb_build_object('user_id', %s::text,"
        " 'input', jsonb_build_object('prompt', n || ' foxes [fail 400]'),"
        " 'rate_limit_seconds', 0, 'caller', '{\"role\": \"service_role\"}'::jsonb)))"
        " FROM generate_series(1, 14) AS n",
        NEW_ARTIST.user_id,
    )
    page = studio.open(NEW_ARTIST)
    expect(jobs(page)).to_have_count(12)

    page.get_by_role("button", name="Show older pictures").click()

    expect(jobs(page)).to_have_count(14)
    expect(page.get_by_role("button", name="Show older pictures")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 360])
def test_a_phone_scrolls_in_one_direction(studio: StudioFront, width: int) -> None:
    studio.without_rate_limit()
    page = studio.open(APPRENTICE, width)
    page.get_by_role("switch", name="Deduct first").check()
    generate(page, "a" * 200, fault="is refused (HTTP 400)")
    state(page, "Failed, your credit is back")
    expect(history(page).first).to_contain_text("Refunded")
    generate(page)
    state(page, "Finished")
    # With the same words it might be the same click once more: the picture comes that quickly.
    generate(page, "a mill by the sea")
    expect(toast(page, "Not enough")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [390, 1180])
def test_nothing_jumps_while_the_page_loads(studio: StudioFront, width: int) -> None:
    page = studio.open(ILLUSTRATOR, width)
    for at in range(3):
        state(page, re.compile("Failed|Finished"), at)
    page.add_init_script(WATCH)

    page.reload()
    all_there(page)
    page.wait_for_timeout(500)

    assert page.evaluate("window.moved") < 0.05


def test_the_page_follows_the_system_into_the_dark(studio: StudioFront) -> None:
    page = studio.open(dark=True)

    background = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert background == "rgb(20, 22, 26)"
