"""All store-fronts on one server, in windows of a browser.

Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

from typing import Any

from playwright.sync_api import Browser, Page

from bursar.db.scratch import ScratchDatabase
from bursar.demo.visitors import Visitor
from tests import market_front, shop_front, studio_front
from tests.storefront import PARTS, Windows

PARTS_OF = {
    "rewards": PARTS,
    "marketplace": market_front.PARTS,
    "shop": shop_front.PARTS,
    "studio": studio_front.PARTS,
    "community": ("balance", "feed", "earns"),
}


class Street:
    """All store-fronts on one server, and the database behind them."""

    def __init__(self, browser: Browser, database: ScratchDatabase, address: str) -> None:
        self._browser = browser
        self._address = address
        self._windows: list[Windows] = []
        self._database = database

    def open(self, name: str, visitor: Visitor, width: int = 1180) -> Page:
        windows = Windows(self._browser, self._address, name, PARTS_OF[name])
        self._windows.append(windows)
        return windows.open(visitor, width)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.sql(statement, *values)

    def close(self) -> None:
        for windows in self._windows:
            windows.close()
