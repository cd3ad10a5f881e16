"""What every page keeps to: contrast, weight, and nothing that a strict policy would stop."""

import re
from importlib.resources import files

import pytest

STATIC = files("bursar.demo") / "static"
TEMPLATES = files("bursar.demo") / "templates"
TOKEN = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
PAGE_BYTES_MAX = 150_000


def tokens(dark: bool) -> dict[str, str]:
    sheet = (STATIC / "bursar.css").read_text("utf-8")
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


def test_all_files_of_all_pages_are_light_and_from_here() -> None:
    texts = [
        entry.read_text("utf-8")
        for folder in (STATIC, TEMPLATES)
        for entry in folder.iterdir()
        if entry.is_file()
    ]

    assert len(texts) > 8
    assert sum(len(text.encode()) for text in texts) < PAGE_BYTES_MAX
    for text in texts:
        assert not re.search(r"(?:src|href|url\(|import|from)\s*[=(]?\s*[\"'](?:https?:)?//", text)


def test_templates_hold_no_inline_script_style_or_handler() -> None:
    for entry in TEMPLATES.iterdir():
        text = entry.read_text("utf-8")

        assert not re.search(r"<script(?![^>]*\bsrc=)", text), entry.name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), entry.name
