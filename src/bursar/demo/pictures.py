"""Takes the pictures of the Rewards page that the documents show.

`python -m bursar.demo.pictures [directory]`, by default into docs/pictures. It needs the extras
`dev` and `embedded`, and Debian's chromium; it makes a database of its own and deletes it again.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from bursar.db.embedded import Cluster
from bursar.db.scratch import SERVICE_ROLE
from bursar.demo.assortment import BRASS_BOOKMARK, FIELD_NOTEBOOK, DemoReward
from bursar.demo.stage import stage
from bursar.ops.migrate import apply_all

CHROMIUM = "/usr/bin/chromium"
DIRECTORY = Path("docs/pictures")
# Tall enough for the whole page, and for a message below it.
WIDE = ViewportSize(width=1120, height=1260)
PHONE = ViewportSize(width=390, height=844)


def main(arguments: list[str]) -> None:
    """Take all pictures."""
    directory = Path(arguments[0]) if arguments else DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bursar-pictures-") as home:
        Path(home).chmod(0o711)  # the embedded server may run as another user
        cluster = Cluster(Path(home) / "cluster")
        try:
            cluster.start()
            apply_all(cluster.url())
            cluster.give_password(SERVICE_ROLE)
            with stage(cluster.url(SERVICE_ROLE)) as address, sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox", "--disable-lcd-text"]
                )
                take(browser, f"{address}/demo/rewards", directory)
                browser.close()
        finally:
            cluster.remove()


def take(browser: Browser, address: str, directory: Path) -> None:
    """Buy one reward of two, and take the page in light, in dark, and on a phone."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1)
    page.goto(address)
    click(page, FIELD_NOTEBOOK, 1)
    page.get_by_role("button", name="Dismiss").click()
    click(page, BRASS_BOOKMARK, 1)
    page.screenshot(path=directory / "rewards.png")
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=directory / "rewards-dark.png")
    phone = browser.new_page(viewport=PHONE, device_scale_factor=2)
    phone.goto(address)
    expect(phone.locator("#history")).to_have_attribute("aria-busy", "false")
    phone.screenshot(path=directory / "rewards-phone.png")


def click(page: Page, reward: DemoReward, toasts: int) -> None:
    """Click a reward's button and wait until the page has settled."""
    page.locator(f"[data-id='{reward.reward_id}'] button").click()
    expect(page.locator(".toast")).to_have_count(toasts)
    page.mouse.move(0, 0)
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main(sys.argv[1:])
