"""PNG files of three colours, eight bits each, without a library."""

import struct
import zlib
from collections.abc import Sequence

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Gradients pack well at any level; the quick ones do.
LEVEL = 6
# How a row was made ready for packing: not at all.
_AS_IT_IS = b"\x00"


def png(planes: Sequence[bytes | bytearray], width: int, height: int) -> bytes:
    """Return a picture as a PNG file.

    `planes` are red, green and blue, each column by column, from the top of the left one.
    """
    rows = bytearray()
    row = bytearray(3 * width)
    for y in range(height):
        for colour, plane in enumerate(planes):
            row[colour::3] = plane[y::height]
        rows += _AS_IT_IS + row
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (
            SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(bytes(rows), LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
