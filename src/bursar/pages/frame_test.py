"""What every page keeps to: contrast, weight, and nothing that a strict policy would stop."""

import re
from importlib.resources import files

import pytest

from bursar.demo.site import STORE_FRONTS

ROOMS = ("bursar.pages", "bursar.demo", "bursar.console")
STATIC, TEMPLATES = (
    {
        entry.name: entry
        for room in ROOMS
        for entry in (files(room) / folder).iterdir()
        if entry.is_file()
    }
    for folder in ("static", "templates")
)
# Not ours: a page may load them or not.
VENDORED = {
    entry.name: entry
    for entry in (files("bursar.console") / "static" / "vendor").iterdir()
    if entry.name.endswith((".js", ".css"))
}
TOKEN = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
OF_THE_DEMO = ("landing", *(front.path.rpartition("/")[2] for front in STORE_FRONTS))
OF_THE_CONSOLE = tuple(
    entry.name.removesuffix(".html")
    for entry in (files("bursar.console") / "templates").iterdir()
    if "{% block title %}" in entry.read_text("utf-8")
)
PAGES = (*OF_THE_DEMO, *OF_THE_CONSOLE)
LOADED = re.compile(
    r"""(?:from|import|src=|href=|extends|include)\s*["'][^"']*?([\w.-]+\.(?:js|css|svg|html))\b"""
)
PAGE_BYTES_MAX = 150_000


def tokens(dark: bool) -> dict[str, str]:
    sheet = STATIC["bursar.css"].read_text("utf-8")
    return {name: pair[dark] for name, *pair in TOKEN.findall(sheet)}


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2, section 1.4.3."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["background", "surface"])
@pytest.mark.parametrize(
    ("ink", "ratio"),
    [
        ("text", 7),
        ("muted", 4.5),
        ("accent", 4.5),
        ("good", 4.5),
        ("warn", 4.5),
        ("bad", 4.5),
        ("edge", 3),
    ],
)
def test_colours_can_be_told_apart(dark: bool, ground: str, ink: str, ratio: float) -> None:
    colours = tokens(dark)

    assert contrast(colours[ink], colours[ground]) >= ratio


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_on_buttons_can_be_read(dark: bool) -> None:
    colours = tokens(dark)

    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5


def loaded_by(page: str) -> dict[str, str]:
    """Every file that a browser reads to show a page, by name: its template, the frame, and what
    these load, which loads more.
    """
    texts = {f"{page}.html": read(f"{page}.html")}
    waiting = list(texts.values())
    while waiting:
        for name in LOADED.findall(waiting.pop()):
            if name not in texts:
                texts[name] = read(name)
                waiting.append(texts[name])
    return texts


def read(name: str) -> str:
    return (TEMPLATES if name.endswith(".html") else STATIC | VENDORED)[name].read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_all_files_of_a_page_are_light_and_from_here(page: str) -> None:
    texts = loaded_by(page)

    assert "bursar.css" in texts
    assert "theme.js" in texts
    assert sum(len(text.encode()) for text in texts.values()) < PAGE_BYTES_MAX
    for text in texts.values():
        assert not re.search(r"(?:src|href|url\(|import|from)\s*[=(]?\s*[\"'](?:https?:)?//", text)


def test_every_file_belongs_to_a_page() -> None:
    used = {name for page in PAGES for name in loaded_by(page)} | {"toast.html"}

    assert STATIC.keys() | TEMPLATES.keys() == used - VENDORED.keys()


def test_no_two_rooms_have_a_file_of_the_same_name() -> None:
    names = [
        entry.name
        for room in ROOMS
        for folder in ("static", "templates")
        for entry in (files(room) / folder).iterdir()
    ]

    assert len(names) == len(set(names))


def test_templates_hold_no_inline_script_style_or_handler() -> None:
    for name in TEMPLATES:
        text = read(name)

        assert not re.search(r"<script(?![^>]*\bsrc=)", text), name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), name
