"""Answers that come late: had from the service at once, and handed on to the page when told to.

Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

import re
import time
from collections.abc import Sized

from playwright.sync_api import APIResponse, Page, Route

from tests.patience import PATIENCE_SECONDS

_PAUSE_MS = 20
# What a page does with an answer follows it at once.
_AFTERWARDS_MS = 200
_WAIT_FOR_EVER = "() => { AbortSignal.timeout = () => new AbortController().signal; }"


def never_give_up(page: Page) -> None:
    """Have the page wait for answers as long as they are held, now and when it is loaded again."""
    page.add_init_script(f"({_WAIT_FOR_EVER})()")
    page.evaluate(_WAIT_FOR_EVER)


def wait_for(page: Page, held: Sized, count: int = 1) -> None:
    """Wait until so many of a page's requests are held."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(held) < count:
        assert time.monotonic() < deadline, "it was not asked"
        page.wait_for_timeout(_PAUSE_MS)


def look_again(page: Page, name: str) -> None:
    """Have a page read itself anew, as when another window has changed something."""
    page.evaluate(f"() => new BroadcastChannel('bursar-{name}').postMessage('')")


class Late:
    """What a page asks at an address is answered late, until `end` is called."""

    def __init__(self, page: Page, address: str | re.Pattern[str]) -> None:
        self._page = page
        self._answers: list[tuple[Route, APIResponse]] = []
        self._is_over = False
        never_give_up(page)
        page.route(address, self._keep)

    def _keep(self, route: Route) -> None:
        if self._is_over:
            route.continue_()
        else:
            self._answers.append((route, route.fetch()))

    def wait_for(self, count: int = 1) -> None:
        """Wait until so many answers are held back."""
        wait_for(self._page, self._answers, count)

    def hand_on(self, at: int = 0) -> None:
        """Hand an answer on, the oldest one by default, and give the page time to take it up."""
        self.wait_for(at + 1)
        route, answer = self._answers.pop(at)
        with self._page.expect_response(lambda heard: heard.request == route.request):
            route.fulfill(response=answer)
        self._page.wait_for_timeout(_AFTERWARDS_MS)

    def end(self) -> None:
        """Hand on all that is held back, and hold back nothing more."""
        self._is_over = True
        while self._answers:
            self.hand_on()
