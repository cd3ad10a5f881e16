"""The console in a real browser: signing in, correcting, switching, replaying, signing out."""

import json
import os
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from bursar.demo.wares import BOOSTER, SHIELD
from bursar.http.auth import mint
from tests import app_store
from tests.app_store import Sold
from tests.ledger_in_sql import Ledger

try:
    from playwright.sync_api import Browser, Page, expect

    from bursar.demo.stage import stage
    from tests.patience import PATIENCE_SECONDS
    from tests.shop_front import PARTS as SHOP_PARTS
    from tests.shop_front import answered, buy, ware
    from tests.storefront import settle, tab_to
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

SECRET = "a secret that only these tests know, of forty"
SETTINGS = {
    "BURSAR_REVENUECAT_AUTHORIZATION": app_store.AUTHORIZATION,
    "BURSAR_WORKER_INTERVAL_MS": "3600000",  # what waits is left to the console
}
PAUSED = "Changes are paused for maintenance; reading goes on."
# A browser writes each answer that says no into its log; that is no complaint about the page.
SAID_NO = "Failed to load resource: the server responded with a status of"


class Office:
    """The service, the database behind it, and windows on it that share nothing."""

    def __init__(self, browser: Browser, address: str, ledger: Ledger) -> None:
        self.address = address
        self.ledger = ledger
        self._browser = browser
        self._pages: list[Page] = []
        self._complaints: list[str] = []

    def window(self, path: str = "console", width: int = 1180) -> Page:
        page = self._browser.new_page(viewport={"width": width, "height": 900})
        self._pages.append(page)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", lambda message: self._note(message.type, message.text))
        page.goto(f"{self.address}/{path}")
        return page

    def at_the_console(self, role: str = "operator", width: int = 1180) -> Page:
        """A window of somebody who has signed in."""
        page = self.window(width=width)
        sign_in(page, mint(role, "ann", SECRET, 600))
        expect(page.locator(".who")).to_have_text(f"ann, {role}")
        return page

    def open(self, page: Page, path: str) -> None:
        page.goto(f"{self.address}/{path}")

    def close(self) -> None:
        """Close all windows; fail where a script failed or the policy stopped something."""
        for page in self._pages:
            page.close()
        assert self._complaints == []

    def tell(self, event: dict[str, Any]) -> str:
        """Post an event as RevenueCat does, and return its effect."""
        sent = app_store.posted(event)
        request = urllib.request.Request(
            f"{self.address}{app_store.WEBHOOK}",
            json.dumps(sent["json"]).encode(),
            {**sent["headers"], "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return str(json.load(answer)["effect"])

    def last_operation(self) -> tuple[Any, ...]:
        return self.ledger.rows(
            "SELECT command, actor, status, plan[1] FROM bursar.operation"
            " ORDER BY started_at DESC LIMIT 1"
        )[0]

    def _note(self, kind: str, text: str) -> None:
        if "Content Security Policy" in text or (kind == "error" and SAID_NO not in text):
            self._complaints.append(text)


@pytest.fixture(scope="module")
def address(ledger: Ledger) -> Iterator[str]:
    with stage(ledger.database.service_url, SECRET, SETTINGS) as address:
        yield address


@pytest.fixture
def office(browser: Browser, address: str, ledger: Ledger) -> Iterator[Office]:
    made = Office(browser, address, ledger)
    yield made
    ledger.admin.execute("UPDATE bursar.gate SET degraded = false")
    ledger.admin.execute(
        "UPDATE store_config SET value = (SELECT jsonb_object_agg(sku, true) FROM skus)"
        " WHERE key = 'sku_enabled'"
    )
    made.close()


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def carry_out(page: Page, reason: str, button: str) -> None:
    """Give the reason, look at the plan, and do it."""
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Show what it will do").click()
    expect(page.locator(".plan li").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("Nothing has been changed yet")
    page.get_by_role("button", name=button).click()


def test_a_wrong_token_is_refused_and_signing_out_closes_the_door(office: Office) -> None:
    page = office.window()
    expect(page.get_by_role("heading", name="Console")).to_be_visible()
    for token in ("not.a.token", mint("service_role", None, SECRET, 600)):
        sign_in(page, token)
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator(".who")).to_have_count(0)
    sign_in(page, mint("operator", "ann", SECRET, 600))
    expect(page.locator(".who")).to_have_text("ann, operator")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    office.open(page, "console/switches")
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_viewer_sees_everything_and_finds_no_button_that_changes(office: Office) -> None:
    page = office.at_the_console("viewer")
    for name in ("Inbox", "Switches"):
        page.get_by_role("navigation", name="Console").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
        assert page.locator("form[method=post]").count() == 1  # signing out
        assert page.locator("a[href*='console/do/']").count() == 0
    office.open(page, "console/do/adjust")
    expect(page.locator("main")).to_contain_text("A viewer sees everything and changes nothing")


def test_a_balance_is_corrected_with_a_reason(office: Office) -> None:
    owner = office.ledger.funded(40)
    page = office.at_the_console()
    office.open(page, f"console/do/adjust?owner_id={owner}&asset=credit")
    page.get_by_label("Amount").fill("60")
    carry_out(page, "ticket 7", "Correct a balance")
    page.wait_for_url("**/console/wallet?**done=**")
    assert office.ledger.wallet(owner) == (100, 0, 0)
    assert office.last_operation() == (
        "console adjust",
        "operator:ann",
        "done",
        "Correct a balance: ticket 7",
    )


def test_a_product_that_is_turned_off_is_off_in_the_shop_at_once(office: Office) -> None:
    page = office.at_the_console()
    office.open(page, "console/switches")
    page.get_by_role("link", name="Turn off Streak shield").click()
    carry_out(page, "a wrong price", "Turn a product on or off")
    expect(page.locator("#outcome")).to_contain_text(f"{SHIELD.sku} is off.")
    expect(page.get_by_role("link", name="Turn on Streak shield")).to_be_visible()

    shop = office.window("demo/shop")
    settle(shop, SHOP_PARTS)
    expect(ware(shop, SHIELD)).to_have_attribute("data-state", "off")
    expect(ware(shop, BOOSTER)).not_to_have_attribute("data-state", "off")
    buy(shop, SHIELD)
    answered(shop, "403 SKU_DISABLED", "cannot be claimed at the moment")
    page.get_by_role("link", name="Turn on Streak shield").click()
    carry_out(page, "mended", "Turn a product on or off")
    expect(page.get_by_role("link", name="Turn off Streak shield")).to_be_visible()


def test_degraded_mode_shows_on_the_store_fronts_and_ends(office: Office) -> None:
    front = office.window("demo/rewards")
    settle(front)
    expect(front.locator("#strip")).to_be_hidden()
    page = office.at_the_console(width=390)
    office.open(page, "console/switches")
    page.get_by_role("link", name="Pause changes").click()
    carry_out(page, "the disk is full", "Pause changes or let them go on")
    expect(page.locator("#outcome")).to_contain_text("Acknowledged: no writer is inside any more")
    expect(page.locator("main")).to_contain_text("paused for everybody")
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(wide)

    front.reload()
    expect(front.locator("#strip")).to_have_text(PAUSED)
    page.get_by_role("link", name="Let changes go on").click()
    carry_out(page, "there is room", "Pause changes or let them go on")
    expect(page.locator("#outcome")).to_contain_text("Changes go on.")
    front.reload()
    settle(front)
    expect(front.locator("#strip")).to_be_hidden()


def test_an_event_that_was_set_aside_is_mended_and_replayed(office: Office) -> None:
    sale = Sold(sku=SHIELD.sku)
    admin = office.ledger.admin
    claim = {"user_id": sale.user_id, **sale.claim, "caller": {"role": "service_role"}}
    office.ledger.one("claim_purchase", **claim, accepted=True)
    admin.execute(
        "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE 'not today'; END$$;"
        "CREATE TRIGGER a_trap BEFORE UPDATE ON user_wallet_balances"
        " FOR EACH ROW EXECUTE FUNCTION trap()"
    )
    assert office.tell(sale.bought()) == "kept"
    page = office.at_the_console()
    office.open(page, "console/inbox")
    page.get_by_role("link", name="Carry out what waits").click()
    carry_out(page, "the queue stands", "Carry out what waits")
    expect(page.locator("#outcome")).to_contain_text("Set aside: 1 now")
    row = page.locator("tbody tr", has_text="set aside")
    expect(row).to_contain_text("not today")
    admin.execute("DROP TRIGGER a_trap ON user_wallet_balances; DROP FUNCTION trap()")

    row.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("NON_RENEWING_PURCHASE")
    page.get_by_role("link", name="Try again").click()
    carry_out(page, "the trigger is gone", "Try again")

    expect(page.locator("#outcome")).to_contain_text("Carried out; the event is applied.")
    expect(page.locator("main")).to_contain_text("granted: transaction")
    expect(page.get_by_role("link", name="Try again")).to_have_count(0)
    assert office.ledger.wallet(sale.user_id, "streak_shield") == (1, 0, 0)


def test_a_switch_is_turned_by_keyboard_alone(office: Office) -> None:
    page = office.at_the_console()
    tab_to(page, page.get_by_role("link", name="Switches"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/switches")
    tab_to(page, page.get_by_role("link", name="Turn off XP booster"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Reason"))
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    do = page.get_by_role("button", name="Turn a product on or off")
    expect(do).to_be_visible()
    tab_to(page, do)
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text(f"{BOOSTER.sku} is off.")
    assert office.last_operation()[3] == "Turn a product on or off: by keyboard"
    tab_to(page, page.get_by_role("button", name="Sign out"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Token")).to_be_visible()
