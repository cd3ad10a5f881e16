"""`python -m bench.pages`: how heavy every page is, and how soon something is seen of it.

A server of its own on an empty cluster, and Debian's chromium, which has kept nothing: each page is
opened anew a few times, and the medians are printed. Weight is what goes over the wire for the page
and its files, in bytes, without what its scripts ask the service for afterwards.
"""

import argparse
import statistics
from typing import Any

from playwright.sync_api import Browser
from rich.console import Console
from rich.table import Table

from bench.machine import describe_machine
from bench.prepare import running_cluster
from bursar.db.scratch import SERVICE_ROLE
from bursar.ops.migrate import apply_all
from tests.every_page import EVERY_PAGE, SIGN_IN, Site, opened_site
from tests.storefront import chromium

WEIGHT_MAX, PAINT_MAX_MS = 150_000, 300
_ROUNDS_MAX = 100
_READ = """async () => {
  const painted = () => performance.getEntriesByName('first-paint')[0];
  for (let tries = 0; !painted() && tries < 200; tries += 1) {
    await new Promise(resume => setTimeout(resume, 20));
  }
  const files = [...performance.getEntriesByType('navigation'),
    ...performance.getEntriesByType('resource').filter(({name}) => name.includes('/static/'))];
  return {weight: files.reduce((sum, {transferSize}) => sum + transferSize, 0),
    files: files.length, paint: painted()?.startTime ?? Infinity};
}"""


def main() -> int:
    """Print the figures; return 1 when a page is too heavy or too slow."""
    parser = argparse.ArgumentParser(prog="bench.pages", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each page is opened")
    rounds = parser.parse_args().rounds
    if not 1 <= rounds <= _ROUNDS_MAX:
        parser.error(f"There can be from 1 to {_ROUNDS_MAX} rounds.")
    console = Console()
    table = Table("page", "files", "kB", "first paint, ms", "slowest")
    sound = True
    with running_cluster() as cluster, chromium() as browser:
        console.print(describe_machine(cluster.url()))
        apply_all(cluster.url())
        cluster.give_password(SERVICE_ROLE)
        with opened_site(browser, cluster.url(SERVICE_ROLE)) as site:
            for path in (*EVERY_PAGE, SIGN_IN):
                if path == SIGN_IN or site.is_page(path):
                    sound &= _add(table, path, [_open(site, browser, path) for _ in range(rounds)])
    console.print(table)
    return 0 if sound else 1


def _open(site: Site, browser: Browser, path: str) -> dict[str, Any]:
    """Open a page with an empty cache; how many files and bytes it took, and its first paint."""
    context = browser.new_context() if path == SIGN_IN else site.anew(browser)
    page = context.new_page()
    page.goto(f"{site.address}/{path}", wait_until="load")
    found: dict[str, Any] = page.evaluate(_READ)
    context.close()
    return found


def _add(table: Table, path: str, found: list[dict[str, Any]]) -> bool:
    """Add a page's row; whether it keeps to both bounds."""
    weight = max(each["weight"] for each in found)
    paint = statistics.median(each["paint"] for each in found)
    table.add_row(
        f"/{path}",
        f"{found[0]['files']}",
        f"{weight / 1000:.1f}",
        f"{paint:.0f}",
        f"{max(each['paint'] for each in found):.0f}",
    )
    return bool(weight < WEIGHT_MAX and paint < PAINT_MAX_MS)


if __name__ == "__main__":
    raise SystemExit(main())
