"""Every page that people look at, in a browser: store-fronts, console, papers and status.

The console's are found by its routes, so that a new page is looked at without being named here.
Importing this raises `ImportError` with the reason where there is no browser to test with.
"""

import contextlib
from collections.abc import Iterator
from itertools import product

import httpx
import psycopg
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from bursar.console.routes import console_routes
from bursar.console.tasks import TASKS
from bursar.demo.site import STORE_FRONTS
from bursar.demo.stage import stage_with_provider
from bursar.demo.visitors import COLLECTOR
from bursar.http.auth import mint
from bursar.settings import Settings
from tests.patience import PATIENCE_SECONDS

SECRET = "a secret that only these tests know, of forty"
WIDE = ViewportSize(width=1180, height=900)
PHONE = ViewportSize(width=390, height=844)
OPEN_PAGES = ("", *(front.path for front in STORE_FRONTS), "docs", "docs/errors", "status")
SIGN_IN = "console/sign-in"
WALLET = f"owner_id={COLLECTOR.user_id}&asset=credit"
# Where a page of the console shows one thing: the query that names one which there is. Every page
# is looked at without a query as well.
QUERIES = {
    "console/wallet": WALLET,
    "console/wallets": f"owner_id={COLLECTOR.user_id}",
    "console/transaction": "id=1",
    "console/do/adjust": WALLET,
    "console/do/freeze": WALLET,
}
# The parts of addresses that vary, with all that there is for them.
OPERATION = "3f1b0f5e-6d0c-4b43-9b5e-0a2f6a6f2c11"
PARTS = {"name": tuple(TASKS), "operation": (OPERATION,)}
# What the console answers to GET beside its pages: news as they happen, and numbers for scripts.
NO_PAGES = ("console/news", "console/charts/data")

# News put other links in the place of those that are being looked at.
_WITHOUT_NEWS = """if (location.pathname.startsWith("/console"))
    window.EventSource = class { addEventListener() {} close() {} };"""


class Site:
    """All pages on one server, and a browser in which an operator has signed in to the console."""

    def __init__(self, address: str, context: BrowserContext) -> None:
        self.address = address
        self._context = context

    def open(self, path: str, *, phone: bool = False) -> Page:
        """Open a page, and wait until all of it is there."""
        page = self._context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.set_viewport_size(PHONE if phone else WIDE)
        page.goto(f"{self.address}/{path}")
        expect(page.locator('main [aria-busy="true"]')).to_have_count(0)
        if path == "docs":
            expect(page.locator("details")).not_to_have_count(0)
        # A picture that is being drawn has a button that goes when it is there.
        drawn = "#jobs [data-status='queued'], #jobs [data-status='processing']"
        expect(page.locator(drawn)).to_have_count(0)
        return page

    def sign_in(self) -> None:
        """Sign in to the console as a person does: with a token, by the form."""
        page = self.open(SIGN_IN)
        page.get_by_label("Token").fill(mint("operator", "ann", SECRET, 3600))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        page.close()

    def anew(self, browser: Browser) -> BrowserContext:
        """A browser that is signed in as well, and has kept no file of any page."""
        return browser.new_context(storage_state=self._context.storage_state(), viewport=WIDE)

    def is_page(self, path: str) -> bool:
        """Whether an address answers a page, and not a stream of news or a part of a page."""
        cookies = {each["name"]: each["value"] for each in self._context.cookies()}
        headers = {"accept": "text/html"}
        address = f"{self.address}/{path}"
        with httpx.stream(
            "GET", address, cookies=cookies, headers=headers, timeout=PATIENCE_SECONDS
        ) as answer:
            if not answer.headers.get("content-type", "").startswith("text/html"):
                return False
            return "<html" in answer.read().decode()


@contextlib.contextmanager
def opened_site(browser: Browser, database_url: str) -> Iterator[Site]:
    """Serve every page on a database, and close the windows in the end."""
    with stage_with_provider(database_url, secret=SECRET) as (address, _):
        _journal_something(database_url)
        context = browser.new_context()
        context.add_init_script(_WITHOUT_NEWS)
        site = Site(address, context)
        site.sign_in()
        yield site
        context.close()


def _journal_something(database_url: str) -> None:
    """Have one operation in the journal, as the console writes it."""
    with psycopg.connect(database_url, autocommit=True) as service:
        service.execute(
            "SELECT bursar.begin_console_operation(%s, 'adjust', 'operator:ann', %s)",
            [OPERATION, '["Correct a balance: a ticket", "It has 45 afterwards."]'],
        )
        service.execute("SELECT bursar.end_console_operation(%s, 'done', 'Done.')", [OPERATION])


def console_pages() -> Iterator[str]:
    """The address of everything that the console answers to GET, from the root, with its query."""
    settings = Settings(jwt_secret=SECRET)
    for route in Litestar(console_routes(settings), logging_config=None).routes:
        if not (isinstance(route, HTTPRoute) and route.path.startswith("/console")):
            continue
        if not any(_reads(handler) for handler in route.route_handlers):
            continue
        names = [name for name in PARTS if f"{{{name}}}" in route.path_format]
        for values in product(*(PARTS[name] for name in names)):
            path = route.path_format.format(**dict(zip(names, values, strict=True))).strip("/")
            # Whoever is signed in is led on from there; it is looked at before.
            if path == SIGN_IN or path in NO_PAGES:
                continue
            yield path
            if path in QUERIES:
                yield f"{path}?{QUERIES[path]}"


def _reads(handler: HTTPRouteHandler) -> bool:
    return "GET" in handler.http_methods


CONSOLE_PAGES = tuple(console_pages())
EVERY_PAGE = (*OPEN_PAGES, *CONSOLE_PAGES)
