"""A landscape for a prompt: the same words draw the same picture, other words another one.

Hills lie behind hills in a haze, under a sky with a sun or a moon. Some words are heeded: night,
sunset, sea, mountains, forest.
"""

import hashlib
import math
import random
import re
from typing import NamedTuple

from bursar.stand_ins.provider.png import png

SIDE_MIN, SIDE_MAX = 16, 1024
_Colour = tuple[float, float, float]
_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")


class _Light(NamedTuple):
    """Top and foot of the sky, the sun or moon, and the nearest hills."""

    top: _Colour
    foot: _Colour
    disc: _Colour
    near: _Colour


_LIGHTS = {
    "day": _Light((74, 144, 217), (214, 234, 248), (255, 246, 214), (38, 92, 66)),
    "dusk": _Light((58, 44, 92), (247, 158, 108), (255, 214, 150), (44, 34, 66)),
    "dawn": _Light((120, 140, 196), (252, 214, 200), (255, 236, 210), (58, 76, 96)),
    "night": _Light((8, 12, 34), (40, 58, 104), (236, 240, 250), (10, 20, 34)),
}
_WORDS = {
    "night": r"night|moon|stars?|midnight|dark",
    "dusk": r"sunset|dusk|evening|autumn|fire|dragon",
    "dawn": r"sunrise|dawn|morning|spring|mist|fog",
    "day": r"day|noon|summer|sunny",
    "sea": r"sea|ocean|lake|water|river|beach|ship|boat|whale|island|harbou?r",
    "peaks": r"mountains?|peaks?|alps?|snow|winter|castle|goat",
    "trees": r"forest|trees?|woods?|fox|deer|bear|owl|pines?",
}


def side_lengths(size: str) -> tuple[int, int]:
    """Width and height that `size` asks for, as "512x512" does. Raises `ValueError`."""
    match = _SIZE.fullmatch(size)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(SIDE_MIN <= side <= SIDE_MAX for side in sides):
        raise ValueError(f"Sizes are 16x16 to {SIDE_MAX}x{SIDE_MAX}.")
    return sides


def draw(prompt: str, width: int, height: int) -> bytes:
    """Return the picture for `prompt` as a PNG file."""
    dice = random.Random(hashlib.sha256(prompt.encode()).digest())  # noqa: S311 - repeatable
    found = {name for name, words in _WORDS.items() if re.search(rf"\b({words})\b", prompt.lower())}
    chance = dice.choice(tuple(_LIGHTS))
    light = _LIGHTS[next((name for name in _LIGHTS if name in found), chance)]
    light = _Light(*(_tinted(colour, dice) for colour in light))
    canvas = _Canvas(width, height)
    horizon = dice.uniform(0.5, 0.62)
    canvas.paint_sky(light.top, light.foot, horizon)
    if light.top[2] < 100:
        canvas.scatter_stars(dice, horizon)
    canvas.paint_disc(
        dice.uniform(0.2, 0.8), dice.uniform(0.16, 0.38), dice.uniform(0.05, 0.09), light.disc
    )
    layers = 3 if "sea" in found else 5
    for layer in range(layers):
        depth = (layer + 1) / layers
        rough = 0.9 if "peaks" in found and layer < 2 else 0.35
        ridge = _ridge(dice, width, rough)
        if "trees" in found and layer >= layers - 2:
            ridge = _wooded(dice, ridge, height)
        top = horizon + (0.03 if "sea" in found else 0.34) * depth**1.3
        canvas.paint_below(
            [top - 0.16 * rough * bump for bump in ridge],
            _between(light.foot, light.near, 0.3 + 0.7 * depth),
            _between(light.foot, light.near, 0.12 + 0.6 * depth),
        )
    if "sea" in found:
        shore = horizon + 0.05
        canvas.paint_below([shore] * width, _between(light.foot, light.top, 0.35), light.top)
    return png(canvas.planes, width, height)


class _Canvas:
    """Three planes of a picture, column by column, so that what is below a line is one slice."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.planes = [bytearray(width * height) for _ in range(3)]

    def paint_sky(self, top: _Colour, foot: _Colour, horizon: float) -> None:
        for plane, a, b in zip(self.planes, top, foot, strict=True):
            steps = (min(1.0, y / (horizon * self.height)) for y in range(self.height))
            plane[:] = bytes(int(a + (b - a) * step) for step in steps) * self.width

    def scatter_stars(self, dice: random.Random, horizon: float) -> None:
        for _ in range(self.width * self.height // 900):
            x, y = dice.randrange(self.width), dice.random() ** 1.5 * horizon
            self._blend(x, int(y * self.height), (255, 255, 240), dice.uniform(0.2, 0.9))

    def paint_disc(self, x: float, y: float, radius: float, colour: _Colour) -> None:
        side = min(self.width, self.height)
        middle, centre, wide = x * self.width, y * self.height, radius * side
        glow = wide * 2.6
        for column in range(max(0, int(middle - glow)), min(self.width, int(middle + glow) + 1)):
            for row in range(max(0, int(centre - glow)), min(self.height, int(centre + glow) + 1)):
                away = math.hypot(column - middle, row - centre)
                inside = min(1.0, max(0.0, wide - away + 0.5))
                halo = 0.35 * max(0.0, 1 - away / glow) ** 2
                if inside or halo:
                    self._blend(column, row, colour, max(inside, halo))

    def paint_below(self, tops: list[float], near: _Colour, far: _Colour) -> None:
        """Paint what is below a line, which is `near` at its top and fades to `far`."""
        fades = [
            bytes(int(a + (b - a) * y / self.height) for y in range(self.height))
            for a, b in zip(near, far, strict=True)
        ]
        for x, top in enumerate(tops):
            exact = min(max(top * self.height, 0.0), self.height - 1.0)
            begin = int(exact)
            start, stop = x * self.height + begin + 1, (x + 1) * self.height
            for plane, fade in zip(self.planes, fades, strict=True):
                plane[start:stop] = fade[: stop - start]
            self._blend(x, begin, near, 1.0 - (exact - begin))

    def _blend(self, x: int, y: int, colour: _Colour, share: float) -> None:
        at = x * self.height + y
        for plane, value in zip(self.planes, colour, strict=True):
            plane[at] = int(plane[at] + (value - plane[at]) * share)


def _tinted(colour: _Colour, dice: random.Random) -> _Colour:
    red, green, blue = (min(255.0, max(0.0, value + dice.uniform(-14, 14))) for value in colour)
    return red, green, blue


def _between(a: _Colour, b: _Colour, share: float) -> _Colour:
    red, green, blue = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return red, green, blue


def _ridge(dice: random.Random, width: int, rough: float) -> list[float]:
    """The line of hills, about -1 to 1 for each column: waves, each half as high as the last."""
    waves = [
        (0.5**n, (1.3 + dice.random()) * 2**n, dice.uniform(0, math.tau))
        for n in range(3 + round(4 * rough))
    ]
    return [
        sum(high * math.sin(math.tau * often * x / width + shift) for high, often, shift in waves)
        for x in range(width)
    ]


def _wooded(dice: random.Random, ridge: list[float], height: int) -> list[float]:
    """The same line with firs on it."""
    wooded, x = list(ridge), 0
    while x < len(ridge):
        half, tall = dice.randint(2, max(3, height // 40)), dice.uniform(0.5, 1.3)
        for column in range(x, min(len(ridge), x + 2 * half)):
            rise = tall * (1 - abs(column - x - half) / half)
            wooded[column] = max(wooded[column], ridge[column] + rise)
        x += half + dice.randint(0, half)
    return wooded
