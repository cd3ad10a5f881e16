"""The pictures of the console: a table of its pages, each with what is done before it is taken.

A page of the console that the table does not name, or one that does not answer, is an error.
"""

from collections.abc import Callable
from dataclasses import dataclass

from litestar import Litestar
from litestar.routes import HTTPRoute
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bursar.console.routes import console_routes
from bursar.demo.camera import PHONE, WIDE, Camera
from bursar.demo.visitors import COLLECTOR
from bursar.http.auth import mint
from bursar.settings import Settings

TOKEN_SECONDS = 600
WALLET = f"owner_id={COLLECTOR.user_id}&asset=credit"


def as_it_is(page: Page) -> None:
    """Nothing has to be done before the page is taken."""


def plan_an_adjustment(page: Page) -> None:
    """Fill the form in, and have its plan shown."""
    page.get_by_label("Amount").fill("25")
    page.get_by_label("Reason").fill("Refused twice on Monday while changes were paused")
    page.get_by_role("button", name="Show what it will do").click()
    expect(page.locator("h1")).to_be_visible()


def audit(page: Page) -> None:
    """Have every promise proved, and wait until it was: the overview says how that ended."""
    page.get_by_label("Reason").fill("The weekly audit")
    page.get_by_role("button", name="Show what it will do").click()
    page.get_by_role("button", name="Audit now").click()
    expect(page.get_by_text("promises holds").first).to_be_visible()


def go_to_first(page: Page) -> None:
    """Open the first thing of a list, as its address is known to the list alone."""
    page.locator("main table tbody a").first.click()
    expect(page.locator("h1")).to_be_visible()


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: its name, the page's address from the root, and what is done on it before.

    `shows` is the address of the page that this leads to, where it is another one.
    """

    name: str
    path: str
    prepare: Callable[[Page], None] = as_it_is
    shows: str = ""


SHOTS = (
    Shot("audit", "console/do/audit", audit, "console/checks"),
    Shot("wallets", "console/wallets"),
    Shot("wallet", f"console/wallet?{WALLET}"),
    Shot("transactions", "console/transactions"),
    Shot(
        "transaction",
        "console/transactions?verb=purchase_reward",
        go_to_first,
        "console/transaction",
    ),
    Shot("purchases", "console/purchases"),
    Shot("leads", "console/purchases?of=leads"),
    Shot("claims", "console/claims"),
    Shot("jobs", "console/jobs"),
    Shot("inbox", "console/inbox"),
    Shot("event", "console/inbox", go_to_first, "console/event"),
    Shot("switches", "console/switches"),
    Shot("charts", "console/charts"),
    Shot("journal", "console/journal"),
    Shot("overview", "console"),
    Shot("operation", "console/journal", go_to_first, "console/journal/{operation}"),
    Shot("adjust", f"console/do/adjust?{WALLET}"),
    Shot("plan", f"console/do/adjust?{WALLET}", plan_an_adjustment),
    Shot("freeze", f"console/do/freeze?{WALLET}"),
)
# What answers to GET and is no page of its own to look at: streams, data, the form of every task.
NO_PICTURES = ("console/sign-in", "console/do/{name}", "console/news", "console/charts/data")


def take_console(browser: Browser, address: str, secret: str, camera: Camera) -> None:
    """Take every page of the console on a server whose tokens `secret` signs.

    Raises `RuntimeError` where a page is missing: from the table, or from the console.
    """
    named = {shot.shows or shot.path.partition("?")[0] for shot in SHOTS}
    unnamed = _pages() - named - {shot.path.partition("?")[0] for shot in SHOTS} - set(NO_PICTURES)
    if unnamed:
        raise RuntimeError(f"No picture is taken of {', '.join(sorted(unnamed))}: see SHOTS.")
    wide = browser.new_context(viewport=WIDE, device_scale_factor=1)
    phone = browser.new_context(viewport=PHONE, device_scale_factor=2)
    for context in (wide, phone):
        _sign_in(context, address, secret, camera)
        for shot in SHOTS:
            page = context.new_page()
            answer = page.goto(f"{address}/{shot.path}")
            if answer is None or answer.status != 200:
                raise RuntimeError(f"{shot.path} is no page of the console.")
            shot.prepare(page)
            page.mouse.move(0, 0)
            _take(page, context is phone, shot.name, camera)
            page.close()
        context.close()


def _pages() -> set[str]:
    """What the console answers to GET, as addresses from the root."""
    return {
        route.path_format.strip("/")
        for route in Litestar(console_routes(Settings()), logging_config=None).routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/console")
        if any("GET" in handler.http_methods for handler in route.route_handlers)
    }


def _sign_in(context: BrowserContext, address: str, secret: str, camera: Camera) -> None:
    page = context.new_page()
    page.goto(f"{address}/console/sign-in")
    _take(page, page.viewport_size == PHONE, "sign-in", camera)
    page.get_by_label("Token").fill(mint("operator", "ann", secret, TOKEN_SECONDS))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.close()


def _take(page: Page, is_phone: bool, name: str, camera: Camera) -> None:
    if is_phone:
        camera.take(page, f"console-{name}-phone")
    else:
        camera.take_both(page, f"console-{name}")
