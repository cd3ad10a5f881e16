"""How pictures of pages are taken: in light and in dark, and small enough to keep with the code."""

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize

# Tall enough for most of a page, and for a message below it.
WIDE = ViewportSize(width=1120, height=1260)
PHONE = ViewportSize(width=390, height=844)
# A page has a few colours, and very many mixtures of them at the edges of letters.
_COLOURS = 256
_ALIKE = 8


class Camera:
    """Takes pictures into a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def take(self, page: Page, name: str) -> None:
        """Take a page as it is."""
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        palette = Image.new("P", (1, 1))
        palette.putpalette(_palette_of(picture))
        small = picture.quantize(palette=palette, dither=Image.Dither.NONE)
        small.save(self._directory / f"{name}.png", optimize=True)

    def take_both(self, page: Page, name: str) -> None:
        """Take a page in light and in dark; it is in light again then."""
        for scheme, suffix in (("dark", "-dark"), ("light", "")):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # it is one of them
            self.take(page, f"{name}{suffix}")


def _palette_of(picture: Image.Image) -> list[int]:
    """Return the most frequent colours that can be told apart: what is rare and bright stays."""
    counted = picture.getcolors(picture.width * picture.height) or []
    palette: list[tuple[int, int, int]] = []
    for _, colour in sorted(counted, reverse=True):
        assert isinstance(colour, tuple)
        red, green, blue = colour[:3]
        if all(abs(red - r) + abs(green - g) + abs(blue - b) > _ALIKE for r, g, b in palette):
            palette.append((red, green, blue))
        if len(palette) == _COLOURS:
            break
    return [channel for each in palette for channel in each]
