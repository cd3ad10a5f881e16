"""Chromium without a window, driven by Playwright: it looks at pages for pictures and tests."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

# Debian has Chromium twice. The program that has no windows at all takes a third less time.
PROGRAMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))


def installed_browser() -> Path | None:
    """The program that is used here, or `None` where there is none."""
    return next((program for program in PROGRAMS if program.exists()), None)


@contextlib.contextmanager
def chromium(patience_ms: float, *arguments: str) -> Iterator[Browser]:
    """Start a browser, with further command-line arguments, and close it in the end.

    `patience_ms` is how long whoever looks at its pages waits for what they expect there. Raises
    `RuntimeError` where no browser is installed.
    """
    program = installed_browser()
    if program is None:
        raise RuntimeError(f"None of {', '.join(map(str, PROGRAMS))} is installed.")
    expect.set_options(timeout=patience_ms)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", *arguments]
        )
        yield browser
        browser.close()
