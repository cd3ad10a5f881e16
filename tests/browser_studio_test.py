"""The studio in a real browser: pictures that come, fail and are cancelled, and the credits."""

import os
import re
from collections.abc import Iterator

import pytest

from bursar.db.scratch import ScratchDatabase
from bursar.demo.artists import APPRENTICE, ILLUSTRATOR, NEW_ARTIST

try:
    from playwright.sync_api import Browser, expect

    from tests.patience import wait_until
    from tests.storefront import held_back, toast
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

# Whether the service's clock has come so far, too.
IS_OVER = "SELECT max(last_generate_at) + interval '100 s' <= bursar.clock() FROM profiles"


@pytest.fixture
def studio(browser: Browser, database: ScratchDatabase) -> Iterator[StudioFront]:
    with opened_studio(browser, database) as made:
        yield made


def test_a_picture_comes_without_reloading_and_its_credit_is_spent(studio: StudioFront) -> None:
    page = studio.open()
    expect(available(page)).to_have_text("1")
    expect(page.locator("#jobs")).to_contain_text("Nothing yet")

    generate(page)

    state(page, "Finished")
    picture = page.get_by_role("img", name=PROMPT, exact=True)
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 512
    expect(page.locator("#news")).to_have_text(f"Finished: {PROMPT}.")
    expect(available(page)).to_have_text("0")
    expect(history(page).first).to_contain_text("Captured for job ")
    expect(history(page).first).to_contain_text(f"“{PROMPT}”")
    expect(history(page).first.locator(".number")).to_have_text("−1")
    assert studio.wallet() == (0, 0)


def test_a_reload_in_the_middle_loses_nothing(studio: StudioFront) -> None:
    page = studio.open()
    with studio.provider_stands_still():
        generate(page, fault="comes late")
        state(page, "Working")
        expect(jobs(page).first.locator(".clock")).to_have_text(re.compile(r"^[1-9]\d* s$"))
        expect(page.locator("#held")).to_have_text("1 held of 1")
        expect(available(page)).to_have_text("0")

        page.reload()
        all_there(page)

        state(page, "Working")
        expect(page.locator("#held")).to_have_text("1 held of 1")
    state(page, "Finished")
    expect(page.get_by_role("img", name=PROMPT, exact=True)).to_be_visible()
    assert studio.statuses() == ["completed"]


def test_a_failure_gives_the_credit_back_and_the_history_shows_it(studio: StudioFront) -> None:
    page = studio.open()

    generate(page, fault="fails (HTTP 500)")

    state(page, "Failed, your credit is back")
    expect(jobs(page).first.locator(".why")).to_contain_text("The server had an error")
    expect(page.locator("#news")).to_contain_text("your credit is back")
    expect(available(page)).to_have_text("1")
    expect(page.locator("#held")).to_have_text("\u00a0")
    expect(history(page).first).to_contain_text("Refunded due to provider error")
    expect(history(page).first.locator(".number")).to_have_text("+1")
    expect(page.get_by_label("works", exact=True)).to_be_checked()
    assert len(studio.provider.ask("GET", "/_calls")["data"]) >= 3
    assert studio.wallet() == (1, 0)


def test_a_refused_picture_is_not_tried_again(studio: StudioFront) -> None:
    page = studio.open()

    generate(page, "a fox", fault="is refused (HTTP 400)")

    state(page, "Failed, your credit is back")
    calls = studio.provider.ask("GET", "/_calls")["data"]
    assert sum(call["prompt"].startswith("a fox [") for call in calls) == 1
    expect(page.locator("#jobs")).not_to_contain_text("[fail")


def test_two_clicks_are_one_job(studio: StudioFront) -> None:
    studio.give(APPRENTICE, 4)
    studio.without_rate_limit()
    page = studio.open()
    page.get_by_label("What should it show?").fill(PROMPT)

    # Else a second click that comes late meets a job that was begun.
    with held_back(page, "**/functions/v1/submit-generation"):
        go(page).dblclick()

    state(page, "Finished")
    expect(page.locator(".toast")).to_have_count(0)
    assert studio.statuses() == ["completed"]
    expect(available(page)).to_have_text("4")
    page.wait_for_timeout(700)  # What follows later is a click of its own.
    go(page).click()
    expect(jobs(page)).to_have_count(2)
    state(page, "Finished")
    assert studio.statuses() == ["completed", "completed"]


def test_the_button_counts_down_and_a_click_before_is_told_how_long(studio: StudioFront) -> None:
    studio.give(APPRENTICE, 4)
    studio.sql("UPDATE generation_products SET rate_limit_seconds = 100")
    page = studio.open()
    # This machine's clock is a day ahead; the rate limit is the server's.
    page.add_init_script("const real = Date.now; Date.now = () => real.call(Date) + 86_400_000;")
    page.reload()
    all_there(page)
    generate(page)

    expect(go(page)).to_have_text(re.compile(r"^Again in (9\d|100) s$"))
    page.wait_for_timeout(1_200)
    page.get_by_label("What should it show?").fill("a fox")
    go(page).click()

    said = toast(page, "before generating again")
    expect(said.locator("code")).to_have_text("RATE_LIMITED")
    state(page, "Finished")
    studio.sql("UPDATE profiles SET last_generate_at = last_generate_at - interval '90 seconds'")
    expect(go(page)).to_have_text("Generate")
    # What the page knows of the server's clock is as exact as an answer was quick.
    wait_until(lambda: studio.sql(IS_OVER) == [(True,)])
    assert studio.statuses() == ["completed"]
    go(page).click()
    expect(jobs(page)).to_have_count(2)


def test_who_has_no_credit_is_told_so_and_can_get_some(studio: StudioFront) -> None:
    page = studio.open(NEW_ARTIST)
    expect(page.locator("#hint")).to_have_text("It costs 1 credit, and you have none left.")

    generate(page)
    toast(page, "Not enough").get_by_role("button", name="Get 5 credits").click()

    expect(available(page)).to_have_text("5")
    expect(history(page).first).to_contain_text("Credits added")
    expect(page.locator("#hint")).to_have_text("It costs 1 credit.")
    assert studio.statuses(NEW_ARTIST) == []


def test_a_job_that_hangs_can_be_cancelled(studio: StudioFront) -> None:
    page = studio.open()
    generate(page, fault="hangs")
    state(page, "Working")
    expect(page.get_by_text("(told to hang)")).to_be_visible()

    page.get_by_role("button", name=f"Cancel: {PROMPT}").click()

    state(page, "Cancelled, your credit is back")
    expect(available(page)).to_have_text("1")
    expect(history(page).first).to_contain_text("Refunded due to cancelled")
    expect(page.get_by_role("button", name="Cancel: ")).to_have_count(0)
    assert studio.wallet() == (1, 0)


def test_a_provider_that_crashes_costs_one_credit_and_draws_in_the_end(
    studio: StudioFront,
) -> None:
    # However long the next one takes to start.
    studio.sql("UPDATE generation_products SET attempts_max = 20")
    page = studio.open()

    generate(page, fault="crashes")

    state(page, "Finished")
    assert studio.provider.restarts == 1
    assert studio.wallet() == (0, 0)
    assert studio.sql(
        "SELECT attempts >= 2 FROM generation_jobs WHERE user_id = %s", APPRENTICE.user_id
    ) == [(True,)]


def test_older_apps_calls_are_shown_and_cost_the_same(studio: StudioFront) -> None:
    studio.give(APPRENTICE, 1)
    studio.without_rate_limit()
    page = studio.open()
    page.get_by_role("switch", name="Deduct first").check()

    generate(page)

    calls = page.locator("#calls li")
    expect(calls.nth(0)).to_have_text("check-and-deduct-credit 200 · 1 left")
    expect(calls.nth(1)).to_contain_text("submit-generation 200 · job ")
    state(page, "Finished")
    expect(history(page).first).to_contain_text("Deducted before a job")
    generate(page, "a fox", fault="is refused (HTTP 400)")
    state(page, "Failed, your credit is back")
    expect(calls.nth(2)).to_have_text(
        "refund-credit 409 nothing_to_refund · the credit was back already"
    )
    expect(history(page).first).to_contain_text("Refunded due to provider error")
    expect(history(page).first.locator(".number")).to_have_text("+1")
    assert studio.wallet() == (1, 0)


def test_the_first_pictures_are_drawn_and_one_of_them_is_refunded(studio: StudioFront) -> None:
    page = studio.open(ILLUSTRATOR)

    for at, word in enumerate(("Failed", "Finished", "Finished")):
        state(page, word, at)

    expect(jobs(page)).to_have_count(3)
    expect(available(page)).to_have_text("6")
    assert sorted(studio.statuses(ILLUSTRATOR)) == ["completed", "completed", "refunded"]
