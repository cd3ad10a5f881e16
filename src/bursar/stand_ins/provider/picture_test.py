"""Pictures are real, the same for the same words, and heed a few of them."""

import struct
import zlib

import pytest

from bursar.stand_ins.provider.picture import draw, side_lengths
from bursar.stand_ins.provider.png import SIGNATURE
from bursar.stand_ins.provider.story import tell


def pixels(picture: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and rows of a PNG file, every chunk of which is checked."""
    assert picture.startswith(SIGNATURE)
    at, found = len(SIGNATURE), {}
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        kind, data = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", picture, at + 8 + length)
        assert check == zlib.crc32(kind + data)
        found[kind] = data
        at += length + 12
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", found[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    rows = zlib.decompress(found[b"IDAT"])
    line = 3 * width + 1
    assert len(rows) == line * height
    assert set(rows[::line]) == {0}
    return width, height, [rows[y * line + 1 : (y + 1) * line] for y in range(height)]


@pytest.mark.parametrize(("width", "height"), [(64, 48), (16, 16), (31, 97)])
def test_a_picture_is_a_png_of_its_size(width: int, height: int) -> None:
    found = pixels(draw("a fox", width, height))

    assert found[:2] == (width, height)
    assert len({row[n : n + 3] for row in found[2] for n in range(0, len(row), 3)}) > 20


def test_the_same_words_draw_the_same_picture_and_others_another() -> None:
    assert draw("a fox", 64, 64) == draw("a fox", 64, 64)
    assert len({draw(f"fox {n}", 64, 64) for n in range(20)}) == 20


def test_night_is_darker_than_day() -> None:
    def light(prompt: str) -> float:
        rows = pixels(draw(prompt, 48, 48))[2]
        return sum(map(sum, rows)) / (48 * 48 * 3)

    assert (
        light("a hill at night") < light("a hill at dusk") < light("a hill at noon, a summer day")
    )


@pytest.mark.parametrize("prompt", ["", "\x00", "ш" * 5000, "sea mountains forest night snow"])
def test_whatever_the_words_are_there_is_a_picture(prompt: str) -> None:
    pixels(draw(prompt, 40, 30))


@pytest.mark.parametrize("size", ["", "15x16", "1025x16", "512", "9999x9999", "axb", "-1x64"])
def test_sizes_that_are_none_are_refused(size: str) -> None:
    with pytest.raises(ValueError, match="Sizes are"):
        side_lengths(size)


def test_sizes_are_width_and_height() -> None:
    assert side_lengths("1024x16") == (1024, 16)


def test_a_story_has_something_of_its_prompt_and_is_told_again_the_same() -> None:
    assert tell("a Fox and a lighthouse") == tell("a Fox and a lighthouse")
    assert "fox" in tell("a Fox and a lighthouse")
    assert "lighthouse" in tell("a Fox and a lighthouse")
    assert tell("42").count(".") == 3
