"""A store-front's page in a browser: how to open it and where to find things on it.

Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

import contextlib
from collections.abc import Iterator
from typing import Protocol

from playwright.sync_api import Browser, Locator, Page, Route, expect

from bursar.demo import browser
from bursar.demo.assortment import DemoReward
from bursar.demo.visitors import COLLECTOR, Visitor
from tests.patience import PATIENCE_SECONDS

# What of the Rewards page is read from the service.
PARTS = ("balance", "rewards", "collected", "history")
TABS_MAX = 80
# Counts what moves by itself: whatever follows a click within half a second is the click's.
WATCH = (
    "window.moved = 0; new PerformanceObserver(list => { for (const entry of list.getEntries())"
    " if (!entry.hadRecentInput) window.moved += entry.value; })"
    ".observe({type: 'layout-shift', buffered: true});"
)
if browser.installed_browser() is None:
    raise ImportError("Chromium is not installed; Debian's package is chromium-headless-shell")


def chromium() -> contextlib.AbstractContextManager[Browser]:
    """A browser that waits for what a test expects as long as a slow machine needs."""
    return browser.chromium(PATIENCE_SECONDS * 1000)


class Open(Protocol):
    """Opens a window and waits until all of the page is there."""

    def __call__(self, visitor: Visitor = ..., width: int = ..., *, dark: bool = ...) -> Page: ...


class Windows:
    """Windows on a page that share nothing, and what their consoles complained of."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        name: str = "rewards",
        parts: tuple[str, ...] = PARTS,
    ) -> None:
        self._browser = browser
        self._address = f"{address}/demo/{name}"
        self._parts = parts
        self._pages: list[Page] = []
        self._complaints: list[str] = []

    def open(self, visitor: Visitor = COLLECTOR, width: int = 1180, *, dark: bool = False) -> Page:
        page = self._browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self._pages.append(page)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", lambda message: self._note(message.text))
        page.goto(f"{self._address}?as={visitor.slug}")
        settle(page, self._parts)
        return page

    def close(self) -> None:
        """Close all, and fail if a script failed or the page's own policy stopped something."""
        for page in self._pages:
            page.close()
        assert self._complaints == []

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text:
            self._complaints.append(text)


def settle(page: Page, parts: tuple[str, ...] = PARTS) -> None:
    for part in parts:
        expect(page.locator(f"#{part}")).to_have_attribute("aria-busy", "false")


@contextlib.contextmanager
def held_back(page: Page, address: str) -> Iterator[None]:
    """Keep waiting whatever is asked at an address meanwhile, and let it go on then."""
    held: list[Route] = []
    page.route(address, lambda route: held.append(route))
    yield
    page.route(address, lambda route: route.continue_())
    for route in held:
        route.continue_()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus, which must be seen."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    expect(target).to_be_focused()
    assert target.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


def button(page: Page, reward: DemoReward) -> Locator:
    return page.locator(f"[data-id='{reward.reward_id}'] button")


def toast(page: Page, sentence: str) -> Locator:
    return page.locator(".toast").filter(has_text=sentence)


def balance(page: Page) -> Locator:
    return page.locator("#available")
