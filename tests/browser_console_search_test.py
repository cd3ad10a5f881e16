"""The console in a browser: a wallet is found and explained, a repair seen before it is made."""

import os
from collections.abc import Iterator

import pytest

from bursar.demo.stage import stage
from bursar.http.auth import mint
from tests.ledger_in_sql import Ledger, done

try:
    from playwright.sync_api import Browser, Page, expect

    from tests.storefront import chromium
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)

SECRET = "a secret that only these tests know, of forty"
INDEX = "public.leads_listed_created_at_idx"


@pytest.fixture(scope="module")
def page(ledger: Ledger) -> Iterator[Page]:
    """A page of an operator who has signed in, for all tests of this file."""
    with stage(ledger.database.service_url, SECRET) as address, chromium() as browser:
        yield signed_in(browser, address)


def signed_in(browser: Browser, address: str) -> Page:
    page = browser.new_page(base_url=address)
    page.goto("/console/sign-in")
    page.get_by_label("Token").fill(mint("operator", "ann", SECRET, 600))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Is money safe?")).to_be_visible()
    return page


def test_a_wallet_is_found_while_one_types_and_its_balance_explained(
    page: Page, ledger: Ledger
) -> None:
    owner = ledger.funded(100)
    ledger.funded(7)
    done(ledger.one("spend", owner_id=owner, asset="credit", amount=60, reason="a poster"))
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Wallets").click()
    expect(page.get_by_role("heading", name="Which wallet?")).to_be_visible()
    page.wait_for_load_state()  # The script that searches is there by then.

    page.get_by_label("Owner, transaction").press_sequentially(owner[:8])
    page.wait_for_url(f"**/console/wallets?q={owner[:8]}*")
    found = page.locator("#found tbody tr")
    expect(found).to_have_count(1)
    found.get_by_role("link").first.click()

    expect(page.get_by_role("heading", name="Why is this balance 40?")).to_be_visible()
    expect(page.get_by_text("All of it agrees")).to_be_visible()
    row = page.get_by_role("row", name="a poster")
    expect(row).to_contain_text("−60")
    row.get_by_role("link").last.click()
    expect(page.get_by_role("heading", name="Transaction")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("+60")


def test_a_repair_is_seen_before_it_is_made(page: Page, ledger: Ledger) -> None:
    ledger.admin.execute(f"DROP INDEX {INDEX}".encode())
    page.goto("/console/checks")

    page.get_by_role("link", name="Examine the schema").click()
    page.get_by_label("Reason").fill("pages of leads have become slow")
    page.get_by_role("button", name="Show what it will do").click()
    page.get_by_role("button", name="Examine the schema").click()

    expect(page.locator("#checks")).to_contain_text(f"The index {INDEX}")
    expect(page.locator("pre.sql")).to_contain_text("CREATE INDEX CONCURRENTLY")
    expect(page.locator("#checks")).to_contain_text("bursar repair")
    assert ledger.value("SELECT to_regclass(%s) IS NULL", INDEX)
