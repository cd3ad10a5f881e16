"""Answers that come late, or in another order than they were asked for, change nothing back."""

import os
from collections.abc import Iterator

import pytest

from bursar.db.embedded import Cluster
from bursar.db.scratch import ScratchDatabase, scratch_database
from bursar.demo.artists import APPRENTICE
from bursar.demo.assortment import FIELD_NOTEBOOK
from bursar.demo.learners import NEW_LEARNER
from bursar.demo.members import MODERATOR, READER, REGULAR
from bursar.demo.stage import stage_with_provider
from bursar.demo.visitors import COLLECTOR
from bursar.stand_ins.provider.process import LocalProvider

try:
    from playwright.sync_api import Browser, Route, expect

    from tests import studio_front
    from tests.late_answers import Late, look_again, never_give_up, wait_for
    from tests.storefront import button, settle
    from tests.street import PARTS_OF, Street
except ImportError as error:
    if os.environ.get("BURSAR_REQUIRE_ALL") == "1":
        raise
    pytest.skip(f"there is no browser: {error}", allow_module_level=True)


Served = tuple[ScratchDatabase, str, LocalProvider]


@pytest.fixture(scope="module")
def served(cluster: Cluster, template: str) -> Iterator[Served]:
    with (
        scratch_database(cluster, template) as database,
        stage_with_provider(database.service_url) as (address, provider),
    ):
        database.sql("UPDATE generation_products SET rate_limit_seconds = 0")
        yield database, address, provider


@pytest.fixture
def street(browser: Browser, served: Served) -> Iterator[Street]:
    made = Street(browser, *served[:2])
    yield made
    made.close()


def test_older_apps_ask_for_a_refund_however_quickly_a_job_has_ended(street: Street) -> None:
    page = street.open("studio", APPRENTICE)
    submitted = Late(page, "**/functions/v1/submit-generation")
    page.get_by_role("switch", name="Deduct first").check()

    studio_front.generate(page, fault="is refused (HTTP 400)")
    submitted.wait_for()
    job = "SELECT status FROM generation_jobs WHERE user_id = %s"
    while street.sql(job, APPRENTICE.user_id) != [("refunded",)]:
        page.wait_for_timeout(50)
    submitted.end()

    expect(page.locator("#calls li").nth(2)).to_have_text(
        "refund-credit 409 nothing_to_refund · the credit was back already"
    )


def test_a_switch_stays_as_it_was_turned_whatever_was_read_before(street: Street) -> None:
    page = street.open("shop", NEW_LEARNER)
    read = Late(page, "**/functions/v1/shop")
    turned = Late(page, "**/demo/desk/mode")
    down = page.get_by_role("switch", name="The store is down")
    read.wait_for()
    down.click()
    turned.wait_for()

    read.hand_on()

    expect(down).to_be_checked()
    turned.end()
    read.end()
    expect(page.locator("#notice")).to_contain_text("The store is down.")
    expect(down).to_be_checked()
    down.click()
    expect(page.locator("#notice")).to_be_hidden()


def test_how_the_service_was_before_a_loss_is_no_news_after_it(street: Street) -> None:
    page = street.open("rewards", COLLECTOR)
    health = Late(page, "**/health")
    page.reload()
    settle(page)
    health.wait_for()
    page.route("**/rpc/purchase_reward", lambda route: route.abort())
    button(page, FIELD_NOTEBOOK).click()
    strip = page.locator("#strip")
    expect(strip).to_contain_text("The connection is lost.")

    health.hand_on()

    assert strip.is_visible()
    health.end()
    expect(strip).to_be_hidden()


def test_nobody_takes_the_session_between_a_sign_in_and_what_it_was_for(street: Street) -> None:
    page = street.open("community", READER)
    with page.expect_popup() as opened:
        page.evaluate(f"() => {{ window.open('?as={MODERATOR.slug}'); }}")
    moderator = opened.value
    settle(moderator, PARTS_OF["community"])
    for asked in ("feed*", "me"):
        page.route(f"**/community/{asked}", lambda route: route.abort())
    held: list[Route] = []
    never_give_up(page)
    page.route("**/community/posts", lambda route: held.append(route))
    page.get_by_label("What do you want to say?").fill("a quiet word")
    page.get_by_role("button", name="Post", exact=True).click()

    # The other window asks for something each time before the post gets through.
    for kind in ("love", "wow", "laugh"):
        wait_for(page, held)
        moderator.locator(f"#feed [data-kind='{kind}']").first.click()
        moderator.wait_for_timeout(1_000)
        with page.expect_response("**/community/posts") as answered:
            held.pop().continue_()
        if answered.value.ok:
            break

    assert street.sql("SELECT user_id::text FROM posts WHERE body = 'a quiet word'") == [
        (READER.user_id,)
    ]
    moderator.close()


def test_a_job_that_has_ended_does_not_begin_again(street: Street, served: Served) -> None:
    page = street.open("studio", APPRENTICE)
    with studio_front.stands_still(served[2]):
        studio_front.generate(page)
        studio_front.state(page, "Working")
        listed = Late(page, "**/functions/v1/generation-jobs")
        look_again(page, "studio")
        listed.wait_for()
    studio_front.state(page, "Finished")
    save = page.get_by_role("link", name="Save: ")
    expect(save).to_be_visible()

    listed.hand_on()

    expect(save).to_be_visible()
    studio_front.state(page, "Finished")
    listed.end()
    expect(studio_front.available(page)).to_have_text("0")


def test_while_a_post_is_on_its_way_it_is_not_posted_again(street: Street) -> None:
    page = street.open("community", REGULAR)
    posted = Late(page, "**/community/posts")
    page.get_by_label("What do you want to say?").fill("only once")
    post = page.get_by_role("button", name="Post", exact=True)
    post.click()
    posted.wait_for()
    page.wait_for_timeout(700)  # Longer than a double click takes.

    post.click()
    posted.wait_for(2)
    posted.end()

    expect(page.locator("#feed > li.post").filter(has_text="only once")).to_have_count(1)
    assert street.sql("SELECT count(*) FROM posts WHERE body = 'only once'") == [(1,)]


def test_what_was_held_earlier_is_not_shown_over_what_is_held_now(street: Street) -> None:
    page = street.open("rewards", COLLECTOR)
    wallets = Late(page, "**/v1/wallets/**")
    page.locator("#add").click()
    wallets.wait_for(1)
    street.sql(
        "SELECT bursar.hold(jsonb_build_array(jsonb_build_object('owner_id', %s::text,"
        " 'asset', 'credit', 'amount', 10, 'key', 'late')))",
        COLLECTOR.user_id,
    )
    page.locator("#add").click()
    wallets.wait_for(2)
    wallets.hand_on(1)
    expect(page.locator("#held")).to_contain_text("10 held of ")

    wallets.hand_on()

    expect(page.locator("#held")).to_contain_text("10 held of ")
    expect(page.locator("#held")).to_be_visible()
