"""The shop's page in a browser: a server for it, and where to find things on it.

Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from bursar.db.scratch import ScratchDatabase
from bursar.demo.learners import NEW_LEARNER
from bursar.demo.stage import stage
from bursar.demo.visitors import Visitor
from bursar.demo.wares import Ware
from tests.storefront import Windows, settle, toast

PARTS = ("balance", "wares", "claimable", "claims")
SETTINGS = {"BURSAR_WORKER_INTERVAL_MS": "300"}


class Shop:
    """The page on a server of its own, and the database behind it."""

    def __init__(self, database: ScratchDatabase, windows: Windows) -> None:
        self.database = database
        self._windows = windows

    def open(
        self, learner: Visitor = NEW_LEARNER, width: int = 1180, *, dark: bool = False
    ) -> Page:
        """Open a window of its own as a learner, and wait until all of the page is there."""
        return self._windows.open(learner, width, dark=dark)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Carry out a statement as the superuser, and return its rows."""
        return self.database.sql(statement, *values)

    @contextlib.contextmanager
    def unable_to_note_sales(self) -> Iterator[None]:
        """Have no word of the store be taken meanwhile: it tries again until it is."""
        with self.database.connect() as other, other.transaction():
            other.execute("LOCK TABLE audit_purchases IN SHARE MODE")
            yield

    def grants(self, learner: Visitor) -> int:
        """How many claims of a learner's were granted."""
        [[count]] = self.sql(
            "SELECT count(*) FROM purchase_claims WHERE user_id = %s AND status = 'granted'",
            learner.user_id,
        )
        return int(count)


@contextlib.contextmanager
def opened_shop(browser: Browser, database: ScratchDatabase) -> Iterator[Shop]:
    """Serve the page on a database, and close its windows in the end."""
    with stage(database.service_url, settings=SETTINGS) as address:
        windows = Windows(browser, address, "shop", PARTS)
        yield Shop(database, windows)
        windows.close()


def all_there(page: Page) -> None:
    """Wait until all of the page is there."""
    settle(page, PARTS)


def ware(page: Page, one: Ware) -> Locator:
    return page.locator(f"#wares [data-sku='{one.sku}']")


def buy(page: Page, one: Ware) -> None:
    ware(page, one).get_by_role("button").click()


def shields(page: Page) -> Locator:
    return page.locator("#shields")


def paid(page: Page) -> Locator:
    """What is paid and not claimed."""
    return page.locator("#claimable > li.row")


def claims(page: Page) -> Locator:
    return page.locator("#claims > li.row")


def way(row: Locator, name: str) -> Locator:
    """A button of a row."""
    return row.get_by_role("button").filter(has_text=name)


def answered(page: Page, code: str, sentence: str) -> Locator:
    """The message with an answer of the service, once it is there."""
    said = toast(page, sentence)
    expect(said.locator("code")).to_have_text(code)
    return said


def turn(page: Page, label: str, *, on: bool) -> None:
    """Turn a switch of the operators' desk, and wait until that was answered."""
    with page.expect_response("**/demo/desk/*"):
        page.get_by_role("switch", name=label).set_checked(on)
    expect(page.locator(".toast.done").last).to_be_visible()
