"""The marketplace's page in a browser: a server for it, and where to find things on it.

Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from bursar.db.scratch import ScratchDatabase
from bursar.demo.leads import DemoLead
from bursar.demo.stage import stage_with_cards
from bursar.demo.visitors import Visitor
from bursar.demo.workspaces import ROOFING
from bursar.stand_ins.stripe.process import StandIn
from tests.storefront import Windows, settle

PARTS = ("balance", "leads", "cart", "purchases")
# What is paid later is decided once a test puts the company's clock forward by as much; a refused
# event comes again soon.
SETTLE_SECONDS = 600
OPTIONS = ("--settle-seconds", str(SETTLE_SECONDS), "--retry-ms", "100")
PAY_PAGE, OWN_PAGE = "**/pay/**", "**/demo/marketplace?**"


class Market:
    """The page on a server of its own, the database behind it, and the card company beside it."""

    def __init__(self, database: ScratchDatabase, windows: Windows, company: StandIn) -> None:
        self.database = database
        self.company = company
        self._windows = windows

    def open(self, office: Visitor = ROOFING, width: int = 1180, *, dark: bool = False) -> Page:
        """Open a window of its own as an office, and wait until all of the page is there."""
        return self._windows.open(office, width, dark=dark)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Carry out a statement as the superuser, and return its rows."""
        return self.database.sql(statement, *values)

    def outcome(self, function: str, *values: Any) -> dict[str, Any]:
        """Call a function of the database that answers an outcome, which must be done."""
        marks = ", ".join(["%s"] * len(values))
        [[outcome]] = self.sql(f"SELECT {function}({marks})", *values)
        assert isinstance(outcome, dict)
        assert outcome["status"] == "done", outcome
        return outcome

    def buys(self, office: Visitor, *leads: DemoLead) -> dict[str, Any]:
        """Have an office buy leads for credits, behind everybody's back."""
        ids = [lead.lead_id() for lead in leads]
        return self.outcome("public.complete_credit_lead_purchase", office.user_id, ids)

    def reserves(self, office: Visitor, *leads: DemoLead) -> dict[str, Any]:
        """Have an office reserve leads, as if it were paying by card."""
        ids = [lead.lead_id() for lead in leads]
        return self.outcome("public.validate_and_lock_leads_for_purchase", office.user_id, ids)


@contextlib.contextmanager
def opened_market(browser: Browser, database: ScratchDatabase) -> Iterator[Market]:
    """Serve the page on a database, and close its windows in the end."""
    with stage_with_cards(database.service_url, OPTIONS) as (address, company):
        windows = Windows(browser, address, "marketplace", PARTS)
        yield Market(database, windows, company)
        windows.close()


def all_there(page: Page) -> None:
    """Wait until all of the page is there."""
    settle(page, PARTS)


def row(page: Page, lead: DemoLead) -> Locator:
    return page.locator(f"#leads [data-id='{lead.lead_id()}']")


def add(page: Page, *leads: DemoLead) -> None:
    """Put leads into the cart."""
    for lead in leads:
        row(page, lead).get_by_role("button").click()


def in_cart(page: Page, lead: DemoLead) -> Locator:
    return page.locator(f"#cart-items [data-id='{lead.lead_id()}']")


def pay(page: Page) -> None:
    page.locator("#pay-credits").click()


def to_the_card_company(page: Page) -> None:
    """Pay the cart by card, as far as the card company's page."""
    page.locator("#pay-card").click()
    page.wait_for_url(PAY_PAGE)


def refusal(page: Page, code: str) -> Locator:
    """The refusal in the cart, once it has this code."""
    shown = page.locator("#refusal")
    expect(shown.locator("code")).to_have_text(code)
    return shown


def receipt(page: Page, state: str) -> Locator:
    """The receipt, once it is open and says this of the purchase."""
    shown = page.get_by_role("dialog")
    expect(shown.locator(".stand")).to_contain_text(state)
    return shown


def facts(shown: Locator) -> dict[str, str]:
    """What a list of facts says."""
    names, values = shown.locator("dt").all_inner_texts(), shown.locator("dd").all_inner_texts()
    return dict(zip(names, values, strict=True))


def purchases(page: Page) -> Locator:
    return page.locator("#purchases > li")
