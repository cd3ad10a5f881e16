"""Every page by keyboard alone, and on a phone: all is reached, in order, and it is seen."""

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import scratch_database

try:
    from playwright.sync_api import Browser, Page

    from tests.every_page import EVERY_PAGE, Site, opened_site
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

# Numbers what Tab should stop at, in the order of the document; of radio buttons, the chosen one.
COUNT = """() => {
  const all = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')];
  const stops = all.filter(each => each.tabIndex >= 0 && !each.disabled && each.type !== 'hidden'
    && each.checkVisibility() && !(each.type === 'radio' && !each.checked));
  stops.forEach((each, at) => { each.dataset.stop = at; });
  return stops.map(each => each.outerHTML.slice(0, 120));
}"""
# Writes down whatever gets the focus: its number, whether that is seen, and where it is.
WATCH = """() => { window.stops = []; document.addEventListener('focusin', ({target: held}) => {
  const seen = each => {
    if (!each) return false;
    const {outlineStyle, outlineWidth, opacity} = getComputedStyle(each);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && opacity !== '0';
  };
  const box = held.getBoundingClientRect();
  const fixed = held.closest('.drawer, .strip, .toasts, .cart-bar, .skip') !== null;
  window.stops.push({stop: held.dataset.stop, html: held.outerHTML.slice(0, 120), fixed,
    seen: seen(held) || seen(held.nextElementSibling),
    top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left, right: box.right});
}); }"""
# What does not come from the page's own marks, as a box that Chromium lets one scroll by keyboard.
MORE_MAX = 20


@pytest.fixture(scope="module")
def site(browser: Browser, cluster: Cluster, template: str) -> Iterator[Site]:
    with (
        scratch_database(cluster, template) as database,
        opened_site(browser, database.service_url) as made,
    ):
        yield made


def walk(page: Page, count: int) -> list[dict[str, Any]]:
    """Press Tab from the beginning to the end; what had the focus, one after the other."""
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    page.evaluate(WATCH)
    stops: list[dict[str, Any]] = []
    for presses in (count, MORE_MAX):
        for _ in range(presses):
            page.keyboard.press("Tab")
        stops = page.evaluate("stops")
        if len({stop["stop"] for stop in stops} - {None}) == count:
            break
    # After the last comes the first again.
    again = [at for at, stop in enumerate(stops) if at and stop["stop"] == stops[0]["stop"]]
    return stops[: again[0]] if again else stops


def is_before(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether one reads the first before the second: further up, or in a column to the left."""
    return bool(one["top"] < other["bottom"] or one["left"] < other["left"])


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_all_is_reached_by_keyboard_and_on_a_phone(site: Site, path: str) -> None:
    assert site.is_page(path)
    page = site.open(path)
    expected = page.evaluate(COUNT)

    stops = walk(page, len(expected))

    reached = [int(stop["stop"]) for stop in stops if stop["stop"] is not None]
    assert [expected[at] for at in range(len(expected)) if at not in reached] == []
    assert reached == sorted(reached)
    assert [stop["html"] for stop in stops if not stop["seen"]] == []
    flow = [stop for stop in stops if not stop["fixed"]]
    pairs = pairwise(flow)
    assert [(a["html"], b["html"]) for a, b in pairs if not is_before(a, b)] == []
    if page.locator(".skip").count():
        assert "skip" in stops[0]["html"]
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
    page.close()
