"""Every page, light and dark, before axe: nothing that it calls serious or critical."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import scratch_database
from tests.node import DIRECTORY, Node

try:
    from playwright.sync_api import Browser, Page

    from tests.every_page import EVERY_PAGE, SIGN_IN, Site, opened_site
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

AXE = DIRECTORY / "node_modules" / "axe-core" / "axe.min.js"
BAD = ("serious", "critical")
# In the dark only what is seen can be another.
SEEN = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
RUN = """async options => (await axe.run(document, {resultTypes: ['violations'], ...options}))
  .violations.flatMap(({id, impact, nodes}) => nodes.map(node => ({id, impact,
    where: node.target.join(' '), what: node.failureSummary})))"""


@pytest.fixture(scope="module")
def site(browser: Browser, cluster: Cluster, template: str, node_modules: Node) -> Iterator[Site]:
    del node_modules  # It is what installs axe.
    with (
        scratch_database(cluster, template) as database,
        opened_site(browser, database.service_url) as made,
    ):
        yield made


def complaints(page: Page, options: dict[str, Any]) -> list[str]:
    """What axe finds serious or critical on a page as it is now."""
    found = page.evaluate(RUN, options)
    return [
        f"{each['id']} at {each['where']}: {each['what']}"
        for each in found
        if each["impact"] in BAD
    ]


def light_and_dark(page: Page) -> list[str]:
    page.evaluate(AXE.read_text("utf-8"))
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    light = complaints(page, {})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    return light + complaints(page, SEEN)


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_page_has_nothing_serious(site: Site, path: str) -> None:
    assert site.is_page(path)
    page = site.open(path)
    drawer = page.locator("#drawer summary")
    if drawer.count():
        drawer.click()

    assert light_and_dark(page) == []

    page.close()


def test_the_sign_in_has_nothing_serious(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"{site.address}/{SIGN_IN}")
    page.get_by_label("Token").fill("no token")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()

    assert light_and_dark(page) == []

    page.close()


def test_axe_sees_what_is_wrong(site: Site) -> None:
    page = site.open("")
    page.locator("h1").evaluate("heading => { heading.style.color = '#ddd' }")

    assert any("color-contrast" in each for each in light_and_dark(page))

    page.close()
