"""A text as a picture, for games that have no board to draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MARGIN = 8
"""Pixels around the text."""


def drawn(text: str, size: int = 18) -> npt.NDArray[np.uint8]:
    """Return a text as a picture, black on white, (H, W, 3) uint8.

    Args:
        text: One or more lines.
        size: Height of the letters in pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    canvas = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    _, _, right, bottom = canvas.multiline_textbbox((MARGIN, MARGIN), text, font)
    image = Image.new("RGB", (int(right) + MARGIN, int(bottom) + MARGIN), "white")
    ImageDraw.Draw(image).multiline_text((MARGIN, MARGIN), text, "black", font)
    return np.asarray(image, np.uint8).copy()
