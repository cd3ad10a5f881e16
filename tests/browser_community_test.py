"""The community in a real browser: posts, reactions, a round of the game, and what is refused."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.demo.members import MODERATOR, NEW_MEMBER, READER, REGULAR
from bursar.demo.stage import stage
from bursar.demo.visitors import Visitor

try:
    from playwright.sync_api import Browser, Locator, Page, Route, expect

    from tests.storefront import WATCH, Windows, held_back, settle, tab_to, toast
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

PARTS = ("balance", "feed", "earns")
WELCOME = "Welcome. Whoever reacts"
# What the page itself draws its grid from: the words of a round, and where they lie.
WORDS = """async (id) => {
  const script = document.querySelector('script[type=module]').src;
  const { gridOf } = await import(new URL('word_grid.js', script));
  return gridOf(id).words;
}"""


@dataclass
class Village:
    """The page on a server of its own, for all tests of this file, and the database behind it."""

    database: ScratchDatabase
    windows: Windows

    def open(self, member: Visitor = REGULAR, width: int = 1180, *, dark: bool = False) -> Page:
        return self.windows.open(member, width, dark=dark)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.database.sql(statement, *values)


@pytest.fixture(scope="module")
def served(cluster: Cluster, template: str) -> Iterator[tuple[ScratchDatabase, str]]:
    with scratch_database(cluster, template) as database, stage(database.service_url) as address:
        yield database, address


@pytest.fixture
def village(browser: Browser, served: tuple[ScratchDatabase, str]) -> Iterator[Village]:
    database, address = served
    windows = Windows(browser, address, "community", PARTS)
    yield Village(database, windows)
    windows.close()


def post(page: Page, words: str) -> Locator:
    return page.locator("#feed > li.post").filter(has_text=words)


def reaction(page: Page, words: str, kind: str) -> Locator:
    return post(page, words).locator(f"[data-kind='{kind}']")


def write(page: Page, words: str) -> None:
    page.get_by_label("What do you want to say?").fill(words)
    page.get_by_role("button", name="Post", exact=True).click()
    expect(post(page, words)).to_be_visible()


def round_of(page: Page) -> list[dict[str, Any]]:
    """Start a round; return its words with the places of their letters."""
    page.get_by_role("button", name="Start a round").click()
    found: list[dict[str, Any]] = page.evaluate(
        WORDS, page.locator("#grid").get_attribute("data-round")
    )
    return found


def test_a_reaction_is_there_once_and_earns_its_author_a_credit(village: Village) -> None:
    author, reader = village.open(REGULAR), village.open(NEW_MEMBER)
    earned = int(author.locator("#available").inner_text())
    button = reaction(reader, WELCOME, "wow")

    button.dblclick()

    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_have_text(re.compile(r"1$"))
    expect(author.locator("#available")).to_have_text(str(earned + 1))
    expect(author.locator("#news")).to_have_text("You earned 1 credit.")
    button.click()
    expect(reader.locator("#news")).to_contain_text("stays for ever")
    assert village.sql(
        "SELECT count(*) FROM post_reactions WHERE user_id = %s", NEW_MEMBER.user_id
    ) == [(1,)]


def test_a_post_is_written_once_shown_as_text_and_deleted_by_its_author(village: Village) -> None:
    words = '<img src=x onerror="alert(1)"> & a fox'
    page = village.open(READER)
    page.get_by_label("What do you want to say?").fill(words)
    # Else a second click that comes late is another post.
    with held_back(page, "**/community/posts"):
        page.get_by_role("button", name="Post", exact=True).dblclick()
    expect(post(page, words)).to_have_count(1)
    expect(page.get_by_label("What do you want to say?")).to_have_value("")
    other = village.open(REGULAR)
    reaction(other, words, "love").click()
    expect(reaction(other, words, "love")).to_have_attribute("aria-pressed", "true")
    expect(post(other, words).get_by_role("button", name="Delete")).to_have_count(0)

    delete = post(page, words).locator(".ways button").last
    # The question is taken back after some seconds, which do not pass.
    page.clock.install()
    page.clock.pause_at(time.time() + 60)
    delete.click()
    expect(delete).to_have_text("Delete for good?")
    delete.click()

    expect(post(page, words)).to_have_count(0)
    expect(page.locator("#news")).to_have_text("Deleted. 1 of its reactions stay for ever.")
    assert village.sql("SELECT count(*) FROM post_reactions WHERE post_id IS NULL") == [(1,)]


def test_a_boost_is_paid_for_and_without_credits_refused(village: Village) -> None:
    page = village.open(REGULAR)
    had = int(page.locator("#available").inner_text())
    post(page, "Look for the long words").get_by_role("button", name="Boost").click()
    expect(page.locator("#available")).to_have_text(str(had - 5))
    expect(page.locator("#feed > li.post").first).to_contain_text("Boosted until")
    expect(post(page, "Look for the long words")).to_have_count(1)
    poor = village.open(NEW_MEMBER)
    write(poor, "mine")

    post(poor, "mine").get_by_role("button", name="Boost").click()

    said = toast(poor, "Not enough").or_(toast(poor, "no such wallet"))
    said.get_by_role("button", name="Earn some").click()
    expect(poor.locator("#game-name")).to_be_focused()


def test_a_round_is_played_with_the_keyboard_and_scored(village: Village) -> None:
    page = village.open(MODERATOR)
    tab_to(page, page.get_by_role("button", name="Start a round"))
    words = round_of(page)
    expect(page.locator("#words li")).to_have_count(len(words))
    at = 0

    def go_to(place: int) -> None:
        nonlocal at
        for key, steps in (
            ("ArrowRight", place % 8 - at % 8),
            ("ArrowDown", place // 8 - at // 8),
        ):
            back = {"ArrowRight": "ArrowLeft", "ArrowDown": "ArrowUp"}[key]
            for _ in range(abs(steps)):
                page.keyboard.press(key if steps > 0 else back)
        at = place
        expect(page.locator(f"#grid [data-place='{place}']")).to_be_focused()

    for word in words[:2]:
        go_to(word["places"][0])
        page.keyboard.press("Enter")
        go_to(word["places"][-1])
        page.keyboard.press("Enter")
        expect(page.locator("#round")).to_contain_text(f"Found {word['word'].lower()}")
    page.wait_for_timeout(1_500)
    page.get_by_role("button", name="End the round").click()

    expect(page.locator("#round")).to_contain_text("Your best: ")
    [[points, seconds]] = village.sql(
        "SELECT points, duration_sec FROM scores WHERE user_id = %s", MODERATOR.user_id
    )
    letters = sum(len(word["word"]) for word in words[:2])
    assert points == min(letters * 15, 100 * seconds)
    expect(page.locator("#earns")).to_contain_text(f"Your best round{points}")
    expect(page.locator("#available")).to_have_text("1")


def test_words_are_found_by_dragging_and_by_two_clicks(village: Village) -> None:
    page = village.open(READER, 390)
    first, second, third = round_of(page)[:3]

    def cell(place: int) -> Locator:
        return page.locator(f"#grid [data-place='{place}']")

    cell(first["places"][0]).hover()
    page.mouse.down()
    cell(first["places"][-1]).hover()
    page.mouse.up()
    expect(page.locator("#round")).to_contain_text(f"Found {first['word'].lower()}")
    cell(second["places"][-1]).click()
    cell(second["places"][0]).click()
    expect(page.locator("#round")).to_contain_text(f"Found {second['word'].lower()}")
    cell(third["places"][0]).click()
    cell(third["places"][1]).click()
    expect(page.locator("#round")).to_contain_text("is none of them")
    expect(page.locator("#words .found")).to_have_count(2)


def test_a_moderator_hides_and_windows_of_a_browser_are_their_own(village: Village) -> None:
    page = village.open(READER)
    write(page, "buy my lamps")
    with page.expect_popup() as opened:
        page.evaluate(f"() => {{ window.open('?as={MODERATOR.slug}'); }}")
    moderator = opened.value
    settle(moderator, PARTS)

    # The two share a cookie; each goes on as who it is.
    post(moderator, "buy my lamps").get_by_role("button", name="Hide").click()
    expect(post(moderator, "buy my lamps")).to_have_count(0)
    write(page, "and my chairs")
    expect(post(page, "buy my lamps")).to_contain_text("Hidden by a moderator")

    assert village.sql("SELECT user_id::text FROM posts WHERE body = 'and my chairs'") == [
        (READER.user_id,)
    ]
    assert village.sql("SELECT actor FROM moderation_actions") == [(f"user:{MODERATOR.user_id}",)]
    moderator.close()


def test_what_cannot_be_read_or_done_says_so(village: Village) -> None:
    page = village.open(READER)
    no = {"success": False, "error": "busy", "code": "BUSY", "message": "Too many.", "details": {}}

    def busy(route: Route) -> None:
        route.fulfill(status=503, json=no)

    page.route("**/community/feed*", busy)
    page.reload()
    expect(page.locator("#feed")).to_have_text("This could not be read.")
    page.unroute("**/community/feed*")
    toast(page, "Too many").get_by_role("button", name="Try again").click()
    expect(post(page, WELCOME)).to_be_visible()
    village.sql("UPDATE bursar.gate SET degraded = true")
    try:
        reaction(page, WELCOME, "sad").click()
        expect(toast(page, "Changes are paused").locator("code")).to_have_text("DEGRADED")
        expect(reaction(page, WELCOME, "sad")).to_have_attribute("aria-pressed", "false")
    finally:
        village.sql("UPDATE bursar.gate SET degraded = false")
    village.sql(
        "UPDATE users SET challenge_penalty_until = '2999-01-01' WHERE id = %s", READER.user_id
    )
    page.reload()
    expect(page.locator("#round")).to_contain_text("You may not play until")
    expect(page.get_by_role("button", name="Start a round")).to_be_disabled()
    village.sql("UPDATE users SET challenge_penalty_until = NULL")


@pytest.mark.parametrize("width", [320, 390, 1180])
def test_the_page_fits_and_does_not_jump(village: Village, width: int) -> None:
    page = village.open(READER, width, dark=width == 390)
    page.add_init_script(WATCH)
    page.reload()
    settle(page, PARTS)
    page.get_by_role("button", name="Start a round").click()
    page.wait_for_timeout(500)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("window.moved") < 0.05
    if width == 390:
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(20, 22, 26)"
