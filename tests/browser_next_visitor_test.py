"""Whoever the reader becomes is told nothing of who they were, and acts as nobody else."""

import os
import re
from collections.abc import Callable, Iterator

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.demo.artists import APPRENTICE, NEW_ARTIST
from bursar.demo.assortment import FIELD_NOTEBOOK
from bursar.demo.leads import ROOF_LEEDS
from bursar.demo.learners import DAILY, NEW_LEARNER
from bursar.demo.members import READER, REGULAR
from bursar.demo.stage import stage_with_provider
from bursar.demo.visitors import COLLECTOR, CREATOR, Visitor
from bursar.demo.wares import SHIELD
from bursar.demo.workspaces import ROOFING

try:
    from playwright.sync_api import Browser, Page, expect

    from tests import market_front, shop_front
    from tests.late_answers import Late
    from tests.storefront import button, settle
    from tests.street import PARTS_OF, Street
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)


@pytest.fixture(scope="module")
def served(cluster: Cluster, template: str) -> Iterator[tuple[ScratchDatabase, str]]:
    with (
        scratch_database(cluster, template) as database,
        stage_with_provider(database.service_url) as (address, _),
    ):
        yield database, address


@pytest.fixture
def street(browser: Browser, served: tuple[ScratchDatabase, str]) -> Iterator[Street]:
    made = Street(browser, *served)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("button", "asked"), [("#pay-card", "purchase"), ("#top-ups button", "top-up")]
)
def test_another_offices_payment_page_takes_nobody_away(
    browser: Browser, database: ScratchDatabase, button: str, asked: str
) -> None:
    with market_front.opened_market(browser, database) as market:
        page = market.open(ROOFING)
        market_front.add(page, ROOF_LEEDS)
        opened = Late(page, f"**/api/marketplace/{asked}")
        page.locator(button).first.click()
        opened.wait_for()
        page.locator("#visitors input:not(:checked)").first.check()
        market_front.all_there(page)
        ours = page.url

        opened.end()

        assert page.url == ours
        expect(page.locator("#balance")).to_be_visible()


def claim_notebook(page: Page) -> None:
    button(page, FIELD_NOTEBOOK).click()


def buy_shield(page: Page) -> None:
    shop_front.buy(page, SHIELD)


def get_credits(page: Page) -> None:
    page.locator("#add").click()


def applaud(page: Page) -> None:
    page.locator("#feed [data-kind='love']").last.click()


@pytest.mark.parametrize(
    ("name", "visitor", "other", "act", "asked"),
    [
        ("rewards", COLLECTOR, CREATOR, claim_notebook, "**/rpc/purchase_reward"),
        ("shop", NEW_LEARNER, DAILY, buy_shield, "**/functions/v1/claim"),
        ("studio", NEW_ARTIST, APPRENTICE, get_credits, "**/demo/studio/credits"),
        ("community", READER, REGULAR, applaud, "**/community/react/*"),
    ],
    ids=["rewards", "shop", "studio", "community"],
)
def test_what_one_visitor_did_is_not_said_to_the_next(
    street: Street,
    name: str,
    visitor: Visitor,
    other: Visitor,
    act: Callable[[Page], None],
    asked: str,
) -> None:
    page = street.open(name, visitor)
    act(page)
    said = page.locator("#news" if name == "community" else ".toast .sentence").last
    expect(said).to_have_text(re.compile("."))
    answers = Late(page, asked)
    act(page)
    answers.wait_for()

    page.get_by_label(other.name, exact=True).check()
    settle(page, PARTS_OF[name])

    expect(page.locator(".toast")).to_have_count(0)
    answers.end()
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.locator("#news:not(:empty)")).to_have_count(0)


def test_older_entries_are_read_once_and_only_whose_they_are(street: Street) -> None:
    for number in range(25):
        street.sql(
            "SELECT bursar.grant(jsonb_build_array(jsonb_build_object('owner_id', %s::text,"
            " 'asset', 'credit', 'amount', 1, 'key', %s::text)))",
            CREATOR.user_id,
            f"older {number}",
        )
    [[entries]] = street.sql(
        "SELECT count(*) FROM credit_transactions WHERE user_id = %s", CREATOR.user_id
    )
    page = street.open("rewards", CREATOR)
    rows = page.locator("#history tr")
    expect(rows).to_have_count(20)
    older = Late(page, re.compile(r"/credit_transactions.*reference=lt"))

    page.locator("#older").dblclick()
    older.wait_for(2)
    older.end()

    expect(rows).to_have_count(entries)
    first = Late(page, re.compile(r"/credit_transactions"))
    page.get_by_label(COLLECTOR.name, exact=True).check()
    first.wait_for()
    page.evaluate("document.getElementById('older').click()")
    first.end()
    settle(page)
    expect(rows.filter(has_text="Opening credits")).to_have_count(1)
    page.wait_for_timeout(200)
    assert rows.count() < 20
