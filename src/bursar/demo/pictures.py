"""Takes the pictures of every page of the store-fronts and the console: light, dark, on a phone.

`python -m bursar.demo.pictures [directory [fronts]]`, by default into docs/pictures; with `fronts`
those of the store-fronts alone.
It needs the extras `dev` and `embedded`, and Debian's chromium; it makes a database of its own and
deletes it again. A page that cannot be taken ends it with an error.
"""

import secrets
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from bursar.db.embedded import Cluster
from bursar.db.scratch import SERVICE_ROLE
from bursar.demo.artists import ILLUSTRATOR
from bursar.demo.assortment import BRASS_BOOKMARK, FIELD_NOTEBOOK, DemoReward
from bursar.demo.browser import chromium
from bursar.demo.camera import PHONE, WIDE, Camera
from bursar.demo.console_pictures import take_console
from bursar.demo.leads import GUTTERS_BRADFORD, ROOF_HULL, ROOF_LEEDS, SOLAR_YORK, DemoLead
from bursar.demo.learners import BOOSTED, DAILY
from bursar.demo.members import READER, REGULAR
from bursar.demo.stage import stage_with_cards, stage_with_provider
from bursar.demo.wares import BOOSTER
from bursar.demo.workspaces import BUILDING, ROOFING
from bursar.ops.migrate import apply_all

DIRECTORY = Path("docs/pictures")
DRAWN_MS = 30_000


def main(arguments: list[str]) -> None:
    """Take all pictures, or those of the store-fronts."""
    directory = Path(arguments[0]) if arguments else DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bursar-pictures-") as home:
        Path(home).chmod(0o711)  # the embedded server may run as another user
        cluster = Cluster(Path(home) / "cluster")
        try:
            cluster.start()
            apply_all(cluster.url())
            cluster.give_password(SERVICE_ROLE)
            take_all(
                cluster.url(SERVICE_ROLE), Camera(directory), fronts_alone="fronts" in arguments[1:]
            )
        finally:
            cluster.remove()


def take_all(url: str, camera: Camera, *, fronts_alone: bool) -> None:
    """Take the pictures on a database."""
    secret = secrets.token_urlsafe(32)
    with chromium(DRAWN_MS, "--disable-lcd-text") as browser:
        with stage_with_cards(url) as (address, _):
            # The console shows what these have left behind.
            take_rewards(browser, f"{address}/demo/rewards", camera)
            take_marketplace(browser, f"{address}/demo/marketplace", camera)
            take_shop(browser, f"{address}/demo/shop", camera)
            take_community(browser, f"{address}/demo/community", camera)
        with stage_with_provider(url, secret=secret) as (address, _):
            take_studio(browser, f"{address}/demo/studio", camera)
            if not fronts_alone:
                take_console(browser, address, secret, camera)
            # Last, as the console would tell of so many conflicts at once.
            take_race(browser, f"{address}/demo/rewards", camera)


def take_rewards(browser: Browser, address: str, camera: Camera) -> None:
    """Buy one reward of two, and take the page in light, in dark, and on a phone."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1)
    page.goto(address)
    click(page, FIELD_NOTEBOOK, 1)
    page.get_by_role("button", name="Dismiss").click()
    click(page, BRASS_BOOKMARK, 1)
    camera.take_both(page, "rewards")
    page.get_by_role("button", name="Dismiss").click()
    page.locator("#drawer summary").click()
    expect(page.locator("#happenings table")).to_have_count(2)
    rest(page)
    camera.take_both(page, "drawer")
    phone = browser.new_page(viewport=PHONE, device_scale_factor=2)
    phone.goto(address)
    expect(phone.locator("#history")).to_have_attribute("aria-busy", "false")
    camera.take(phone, "rewards-phone")


def take_race(browser: Browser, address: str, camera: Camera) -> None:
    """Have fifty requests race for one reward, and take what came of them."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1)
    page.goto(address)
    page.locator("#race-reward").select_option(label="Printed star map, 35")
    page.get_by_role("button", name="Race it").click()
    expect(page.locator("#verdict .verdict")).to_be_visible()
    rest(page)
    camera.take_both(page, "race")


def click(page: Page, reward: DemoReward, toasts: int) -> None:
    """Click a reward's button and wait until the page has settled."""
    page.locator(f"[data-id='{reward.reward_id}'] button").click()
    expect(page.locator(".toast")).to_have_count(toasts)
    rest(page)


def take_marketplace(browser: Browser, address: str, camera: Camera) -> None:
    """Have a cart that somebody was quicker with; take it in light, in dark, and on a phone."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1)
    page.goto(f"{address}?as={ROOFING.slug}")
    add(page, SOLAR_YORK)
    page.locator("#pay-card").click()
    page.get_by_role("button", name="Go back").click()
    page.locator("#receipt-done").click()
    page.locator("#cart-items button").click()
    add(page, GUTTERS_BRADFORD)
    page.locator("#pay-credits").click()
    page.locator("#receipt .stand.good").wait_for()
    page.locator("#receipt-done").click()
    add(page, ROOF_LEEDS)
    add(page, ROOF_HULL)
    rival = browser.new_page(viewport=WIDE)
    rival.goto(f"{address}?as={BUILDING.slug}")
    add(rival, ROOF_LEEDS)
    rival.locator("#pay-credits").click()
    rival.locator("#receipt .stand.good").wait_for()
    page.locator("#pay-credits").click()
    expect(page.locator("#refusal button")).to_be_visible()
    rest(page)
    camera.take_both(page, "marketplace")
    phone = browser.new_page(viewport=PHONE, device_scale_factor=2)
    phone.goto(f"{address}?as={ROOFING.slug}")
    add(phone, ROOF_HULL)
    rest(phone)
    camera.take(phone, "marketplace-phone")


def add(page: Page, lead: DemoLead) -> None:
    """Put a lead into the cart."""
    page.locator(f"#leads [data-id='{lead.lead_id()}'] button").click()


def take_shop(browser: Browser, address: str, camera: Camera) -> None:
    """Claim a booster and one shield too many, and have operators say something; take it thrice."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1)
    page.goto(f"{address}?as={DAILY.slug}")
    page.get_by_label("Message to users").fill("Boosters are paused until noon, for repairs.")
    page.get_by_role("button", name="Tell them").click()
    expect(page.locator("#notice")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    page.locator(f"#wares [data-sku='{BOOSTER.sku}'] button").click()
    expect(page.locator("#booster time")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_role("switch", name=BOOSTER.title).uncheck()
    page.locator(".toast .close").click()
    page.locator("#claimable .button").click()
    expect(page.locator(".toast")).to_have_count(1)
    rest(page)
    camera.take_both(page, "shop")
    phone = browser.new_page(viewport=PHONE, device_scale_factor=2)
    phone.goto(f"{address}?as={BOOSTED.slug}")
    expect(phone.locator("#claims")).to_have_attribute("aria-busy", "false")
    camera.take(phone, "shop-phone")


def take_community(browser: Browser, address: str, camera: Camera) -> None:
    """Have a post boosted and reacted to, and a round begun; take the page thrice."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1)
    page.goto(f"{address}?as={READER.slug}")
    page.locator("#feed [data-kind='wow']").last.click()
    expect(page.locator("#news")).to_contain_text("Wow.")
    page.get_by_label(REGULAR.name, exact=True).check()
    expect(page.locator("#feed")).to_have_attribute("aria-busy", "false")
    page.get_by_role("button", name="Boost for 5 credits").first.click()
    expect(page.locator("#feed .boosted")).to_have_count(1)
    page.get_by_role("button", name="Start a round").click()
    rest(page)
    camera.take_both(page, "community")
    phone = browser.new_page(viewport=PHONE, device_scale_factor=2)
    phone.goto(f"{address}?as={REGULAR.slug}")
    expect(phone.locator("#feed")).to_have_attribute("aria-busy", "false")
    camera.take(phone, "community-phone")


def take_studio(browser: Browser, address: str, camera: Camera) -> None:
    """Have a picture made, another one come late, and take the page thrice meanwhile."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1)
    page.goto(f"{address}?as={ILLUSTRATOR.slug}")
    expect(page.locator("#jobs img")).to_have_count(2, timeout=DRAWN_MS)
    expect(page.locator("#go")).to_have_text("Generate", timeout=DRAWN_MS)
    page.get_by_role("switch", name="Deduct first").check()
    page.get_by_label("What should it show?").fill("mountains at sunrise, in the mist")
    page.locator("#go").click()
    expect(page.locator("#jobs img")).to_have_count(3, timeout=DRAWN_MS)
    page.get_by_role("switch", name="Deduct first").uncheck()
    expect(page.locator("#go")).to_have_text("Generate", timeout=DRAWN_MS)
    page.get_by_label("What should it show?").fill("an owl over a quiet lake")
    page.get_by_label("hangs", exact=True).check()
    page.locator("#go").click()
    expect(page.locator("#jobs .clock")).to_have_text("3 s", timeout=DRAWN_MS)
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")
    camera.take_both(page, "studio")
    phone = browser.new_page(viewport=PHONE, device_scale_factor=2)
    phone.goto(f"{address}?as={ILLUSTRATOR.slug}")
    expect(phone.locator("#jobs img")).to_have_count(3, timeout=DRAWN_MS)
    phone.locator("#new-name").evaluate("heading => heading.scrollIntoView()")
    camera.take(phone, "studio-phone")
    page.get_by_role("button", name="Cancel: ").click()
    expect(page.locator("#jobs .clock")).to_have_count(0)


def rest(page: Page) -> None:
    """Wait until nothing moves and nothing is on its way, with the pointer out of the way."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main(sys.argv[1:])
