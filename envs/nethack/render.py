"""Pictures of NetHack's terminal: text with ANSI colours, or an image drawn with Pillow's font."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 16, 8
"""Pixels of one character cell."""
COLOURS = np.array(
    [
        (0, 0, 0),
        (205, 49, 49),
        (13, 188, 121),
        (190, 140, 40),
        (66, 110, 230),
        (188, 63, 188),
        (17, 168, 205),
        (200, 200, 200),
        (110, 110, 110),
        (255, 110, 100),
        (60, 230, 110),
        (245, 240, 80),
        (110, 160, 255),
        (240, 130, 240),
        (60, 220, 230),
        (255, 255, 255),
    ],
    np.uint8,
)
"""The terminal's 16 colours; black letters would not show, so they are drawn as dark grey."""
_INK = 8  # what colour 0 is drawn as

Screen = npt.NDArray[np.uint8]


def text(chars: Screen, colors: npt.NDArray[Any], cursor: Screen) -> str:
    """Return a terminal as lines with ANSI colours; the cursor's place is inverted.

    Args:
        chars: (24, 80) codes of characters.
        colors: (24, 80) their colours, 0 to 15.
        cursor: (2,) row and column.
    """
    lines = []
    at = (int(cursor[0]), int(cursor[1]))
    for i, (codes, inks) in enumerate(zip(chars.tolist(), colors.tolist(), strict=True)):
        line, last = [], ""
        for j, (code, ink) in enumerate(zip(codes, inks, strict=True)):
            here, blank = (i, j) == at, code <= 32
            style = last if blank else f";{int(ink & 8 > 0)};{30 + (ink & 7)}"
            style = style.removesuffix(";7") + ";7" * here
            if style != last:
                line.append(f"\033[0{style}m")
                last = style
            line.append(" " if blank else chr(code))
        lines.append("".join(line).rstrip() + "\033[0m" * bool(last))
    return "\n".join(lines)


def frame(chars: Screen, colors: npt.NDArray[Any], cursor: Screen) -> Screen:
    """Return a terminal as a picture, (24 * 16, 80 * 8, 3) uint8; arguments as in :func:`text`."""
    rows, columns = chars.shape
    glyphs = _letters()[chars].transpose(0, 2, 1, 3).reshape(rows * HEIGHT, columns * WIDTH)
    inks = colors.astype(np.int64) & 15
    ink = COLOURS[np.where(inks == 0, _INK, inks)]
    ink = ink.repeat(HEIGHT, axis=0).repeat(WIDTH, axis=1)
    picture: Screen = (ink.astype(np.uint16) * glyphs[:, :, None] // 255).astype(np.uint8)
    y, x = int(cursor[0]) * HEIGHT, int(cursor[1]) * WIDTH
    picture[y + HEIGHT - 2 : y + HEIGHT, x : x + WIDTH] = COLOURS[-1]
    return picture


@functools.cache
def _letters() -> npt.NDArray[np.uint8]:
    """Return how much ink each pixel of each character has, (256, HEIGHT, WIDTH) uint8."""
    font = ImageFont.load_default_imagefont()  # a bitmap font whose letters are all 6 pixels wide
    letters = np.zeros((256, HEIGHT, WIDTH), np.uint8)
    for code in (*range(33, 127), *range(161, 256)):
        tile = Image.new("L", (WIDTH, HEIGHT))
        ImageDraw.Draw(tile).text((1, 2), chr(code), fill=255, font=font)
        letters[code] = np.asarray(tile)
    return letters
