"""The console's news in a browser, when they come fast or late, or the database is silent."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from bursar.demo.stage import stage
from bursar.http.auth import mint
from tests.ledger_in_sql import Ledger

try:
    from playwright.sync_api import Browser, Page, Route, expect

    from tests.late_answers import wait_for
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

SECRET = "a secret that only these tests know, of forty"
# The stream ends with its news, and is not opened again while a test lasts.
ONCE = "retry: 600000\n\n"


@pytest.fixture(scope="module")
def address(ledger: Ledger) -> Iterator[str]:
    with stage(ledger.database.service_url, SECRET) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of somebody who is signed in."""
    opened = browser.new_page(base_url=address)
    opened.goto("/console/sign-in")
    opened.get_by_label("Token").fill(mint("operator", "ann", SECRET, 600))
    opened.get_by_role("button", name="Sign in").click()
    expect(opened.get_by_role("heading", name="Is money safe?")).to_be_visible()
    yield opened
    opened.close()


def tell(page: Page, *news: dict[str, Any]) -> None:
    """Have the page told these news, and nothing else, when it is next loaded."""
    known = {
        "state": "good",
        "sentence": "Yes.",
        "alerts": [],
        "degraded": False,
        "checks": "",
        "html": "",
    }
    events = [f"event: news\ndata: {json.dumps(known | each)}\n\n" for each in news]
    page.route(
        "**/console/news",
        lambda route: route.fulfill(content_type="text/event-stream", body=ONCE + "".join(events)),
    )


def hold_checks(page: Page) -> list[Route]:
    """Hold back what the page of checks asks for by itself."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.resource_type == "fetch":
            held.append(route)
        else:
            route.continue_()

    page.route("**/console/checks", hold)
    return held


def answer(page: Page, route: Route, mark: str) -> None:
    """Answer with a page whose part of checks has that mark, and says it; let it be shown."""
    html = f'<!doctype html><div id="checks" data-checks="{mark}">It is {mark}.</div>'
    with page.expect_response(lambda heard: heard.request == route.request):
        route.fulfill(content_type="text/html", body=html)
    page.wait_for_timeout(200)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["as asked", "the later one first"])
def test_news_that_come_together_end_with_the_later_one(page: Page, order: tuple[int, int]) -> None:
    tell(page, {"checks": "running"}, {"checks": "done"})
    held = hold_checks(page)
    page.goto("/console/checks")
    wait_for(page, held, 2)
    marks = ("running", "done")

    for at in order:
        answer(page, held[at], marks[at])

    expect(page.locator("#checks")).to_have_text("It is done.")


def test_what_could_not_be_read_is_asked_for_again(page: Page) -> None:
    tell(page, {"checks": "done"})
    held = hold_checks(page)
    page.goto("/console/checks")
    wait_for(page, held)
    held.pop().fulfill(status=503)

    wait_for(page, held)
    answer(page, held.pop(), "done")

    expect(page.locator("#checks")).to_have_text("It is done.")


def test_while_the_database_is_silent_nothing_is_said_to_have_changed(page: Page) -> None:
    alerts = [{"name": "slow", "title": "Calls are slow"}]
    paused = {"degraded": True, "alerts": alerts}
    silent = {"degraded": None, "sentence": "Not known."}
    tell(page, paused, silent, paused, paused | {"degraded": False})

    page.goto("/console")

    expect(page.locator(".toast")).to_have_count(1)
    expect(page.locator(".toast")).to_contain_text("Changes are carried out again.")
    expect(page.locator("#answer")).to_have_text("Yes.")
