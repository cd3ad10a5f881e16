"""The console's charts and news in a browser: ten thousand points, and a line that was lost."""

import os
from collections.abc import Iterator

import pytest

from bursar.demo.stage import stage
from bursar.http.auth import mint
from tests.ledger_in_sql import Ledger

try:
    from playwright.sync_api import Browser, Page, expect

except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

SECRET = "a secret that only these tests know, of forty"
MINUTES = 7 * 1440


@pytest.fixture(scope="module")
def address(ledger: Ledger) -> Iterator[str]:
    """A server that the tests share, of which more is known than the minutes they make up."""
    ledger.admin.execute("SELECT bursar.observe(0)")
    with stage(ledger.database.service_url, SECRET) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of somebody who is signed in; its console stays quiet."""
    complaints: list[str] = []
    opened = browser.new_page(base_url=address)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
    )
    opened.goto("/console/sign-in")
    opened.get_by_label("Token").fill(mint("operator", "ann", SECRET, 600))
    opened.get_by_role("button", name="Sign in").click()
    expect(opened.get_by_role("heading", name="Is money safe?")).to_be_visible()
    yield opened
    opened.close()
    assert complaints == []


def test_a_week_of_minutes_is_drawn(page: Page, ledger: Ledger) -> None:
    ledger.admin.execute(
        "INSERT INTO bursar.observation SELECT bursar.clock() - make_interval(mins => n),"
        " jsonb_build_object('locks', jsonb_build_object('waits', n % 9)) ||"
        " jsonb_build_object('waiting', '{\"claims\": 3}'::jsonb)"
        " FROM generate_series(2, 10100) AS n ON CONFLICT DO NOTHING"
    )

    page.goto("/console/charts?range=7d")

    plots = page.locator(".plot[data-points]")
    expect(plots).to_have_count(7)
    locks = page.locator('[data-chart="locks"]')
    assert locks.locator(".plot").get_attribute("data-points") == str(MINUTES)
    assert MINUTES > 10_000
    # They are there as ink, and not only as numbers.
    inked = locks.locator("canvas").evaluate(
        "canvas => { const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width,"
        " canvas.height); let seen = 0; for (let at = 3; at < data.length; at += 4)"
        " seen += data[at] > 0; return seen; }"
    )
    assert inked > 2_000
    # Those who cannot see it open the table by the keyboard.
    locks.get_by_text("As a table").focus()
    page.keyboard.press("Enter")
    expect(locks.get_by_role("columnheader", name="waiting for a lock")).to_be_visible()


def test_a_lost_connection_says_so_and_recovers_with_the_news(page: Page, ledger: Ledger) -> None:
    page.route("**/console/news", lambda route: route.abort())
    page.goto("/console")
    expect(page.locator("#strip")).to_contain_text("The connection is lost.")
    ledger.admin.execute("SELECT bursar.set_degraded(true, 'a move', 'operator:bob')")

    page.unroute("**/console/news")

    expect(page.locator("#strip")).to_be_hidden()
    expect(page.locator("#facts")).to_contain_text("Changes are paused by operator:bob: a move.")
