"""The studio's page in a browser: a server and a provider for it, and where to find things on it.

Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

import contextlib
import os
import re
import signal
from collections.abc import Iterator, Mapping
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from bursar.db.scratch import ScratchDatabase
from bursar.demo.artists import APPRENTICE, ILLUSTRATOR
from bursar.demo.stage import stage_with_provider
from bursar.demo.visitors import Visitor
from bursar.stand_ins.provider.process import LocalProvider
from tests.storefront import Windows, settle

PARTS = ("balance", "jobs", "history")
PROMPT = "a lighthouse by the sea"


class StudioFront:
    """The page on a server of its own, the provider, and the database behind it."""

    def __init__(
        self, database: ScratchDatabase, windows: Windows, provider: LocalProvider
    ) -> None:
        self.database = database
        self.provider = provider
        self._windows = windows

    def open(self, artist: Visitor = APPRENTICE, width: int = 1180, *, dark: bool = False) -> Page:
        """Open a window of its own as an artist, and wait until all of the page is there."""
        return self._windows.open(artist, width, dark=dark)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Carry out a statement as the superuser, and return its rows."""
        return self.database.sql(statement, *values)

    def give(self, artist: Visitor, amount: int, key: str = "test") -> None:
        """Grant an artist credits, behind the page."""
        self.sql(
            "SELECT bursar.grant(jsonb_build_array(jsonb_build_object('owner_id', %s::text,"
            " 'asset', 'generation_credit', 'amount', %s::int, 'key', %s::text)))",
            artist.user_id,
            amount,
            key,
        )

    def without_rate_limit(self) -> None:
        """Let nobody wait between two pictures."""
        self.sql("UPDATE generation_products SET rate_limit_seconds = 0")

    def provider_stands_still(self) -> contextlib.AbstractContextManager[None]:
        """Have a job stay in work meanwhile."""
        return stands_still(self.provider)

    def statuses(self, artist: Visitor = APPRENTICE) -> list[str]:
        """How an artist's jobs stand, oldest first."""
        rows = self.sql(
            "SELECT status FROM generation_jobs WHERE user_id = %s ORDER BY created_at, id",
            artist.user_id,
        )
        return [str(status) for [status] in rows]

    def wallet(self, artist: Visitor = APPRENTICE) -> tuple[int, int]:
        """An artist's credits, and how many of them are held."""
        [[owned, held]] = self.sql(
            "SELECT credits, bursar_held FROM profiles WHERE id = %s", artist.user_id
        )
        return int(owned), int(held)


@contextlib.contextmanager
def opened_studio(
    browser: Browser, database: ScratchDatabase, settings: Mapping[str, str] | None = None
) -> Iterator[StudioFront]:
    """Serve the page on a database, and close its windows in the end."""
    with stage_with_provider(database.service_url, settings) as (address, provider):
        windows = Windows(browser, address, "studio", PARTS)
        yield StudioFront(database, windows, provider)
        windows.close()
        [[wrong]] = database.connect().execute(b"SELECT count(*) FROM check_wallet_integrity()")
        assert wrong == 0


@contextlib.contextmanager
def stands_still(provider: LocalProvider) -> Iterator[None]:
    """Have the provider take calls and answer none meanwhile: a job stays in work so long."""
    stopped = provider.pid
    os.kill(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stopped, signal.SIGCONT)


def all_there(page: Page) -> None:
    """Wait until all of the page is there."""
    settle(page, PARTS)


def go(page: Page) -> Locator:
    """The button that generates."""
    return page.locator("#go")


def generate(page: Page, prompt: str = PROMPT, fault: str = "") -> None:
    """Ask for a picture; `fault` is what the pretend provider is told, as the page names it."""
    if fault:
        page.get_by_label(fault, exact=True).check()
    page.get_by_label("What should it show?").fill(prompt)
    go(page).click()


def jobs(page: Page) -> Locator:
    """The cards of jobs, newest first."""
    return page.locator("#jobs > li.job")


def state(page: Page, words: str | re.Pattern[str], at: int = 0) -> None:
    """Wait until the card at that place says so."""
    expect(jobs(page).nth(at).locator(".state")).to_contain_text(words)


def history(page: Page) -> Locator:
    """The lines of the credit history, newest first."""
    return page.locator("#history > li.row")


def available(page: Page) -> Locator:
    return page.locator("#available")


__all__ = [
    "APPRENTICE",
    "ILLUSTRATOR",
    "PROMPT",
    "StudioFront",
    "all_there",
    "available",
    "generate",
    "go",
    "history",
    "jobs",
    "opened_studio",
    "state",
]
