"""A store-front's page in a browser: how to open it and where to find things on it.

Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from bursar.demo.assortment import DemoReward
from bursar.demo.visitors import COLLECTOR, Visitor

CHROMIUM = Path("/usr/bin/chromium")
if not CHROMIUM.exists():
    raise ImportError(f"{CHROMIUM} is not installed; Debian's package is named chromium")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


class Open(Protocol):
    """Opens a window and waits until all of the page is there."""

    def __call__(self, visitor: Visitor = ..., width: int = ..., *, dark: bool = ...) -> Page: ...


class Windows:
    """Windows on the Rewards page that share nothing, and what their consoles complained of."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address
        self._pages: list[Page] = []
        self._complaints: list[str] = []

    def open(self, visitor: Visitor = COLLECTOR, width: int = 1180, *, dark: bool = False) -> Page:
        page = self._browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self._pages.append(page)
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", lambda message: self._note(message.text))
        page.goto(f"{self._address}/demo/rewards?as={visitor.slug}")
        settle(page)
        return page

    def close(self) -> None:
        """Close all, and fail if a script failed or the page's own policy stopped something."""
        for page in self._pages:
            page.close()
        assert self._complaints == []

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text:
            self._complaints.append(text)


def settle(page: Page) -> None:
    for part in ("balance", "rewards", "collected", "history"):
        expect(page.locator(f"#{part}")).to_have_attribute("aria-busy", "false")


def button(page: Page, reward: DemoReward) -> Locator:
    return page.locator(f"[data-id='{reward.reward_id}'] button")


def toast(page: Page, sentence: str) -> Locator:
    return page.locator(".toast").filter(has_text=sentence)


def balance(page: Page) -> Locator:
    return page.locator("#available")
