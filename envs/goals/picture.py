"""A maze from above, as a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from operant.envs.goals.layouts import Maze
from operant.types import Float

_WALL, _FLOOR, _GOAL, _RIM = (70, 78, 92), (238, 240, 243), (168, 222, 178), (38, 140, 70)
_BODY, _EDGE = (38, 98, 190), (16, 44, 92)
_FINE = 4
"""Drawn so many times as large and shrunk, for smooth edges."""


class Canvas:
    """Draws one maze; what never changes is drawn once."""

    def __init__(self, maze: Maze, pixels: int = 48) -> None:
        """Draw the walls.

        Args:
            maze: The maze.
            pixels: Side of a cell in the picture.
        """
        self._half, self._scale = maze.half, pixels * _FINE / maze.cell
        width, height = (2 * maze.half / maze.cell * pixels).astype(int).tolist()
        self._size = width, height
        self._ground = Image.new("RGB", (width * _FINE, height * _FINE), _FLOOR)
        pen = ImageDraw.Draw(self._ground)
        for box in maze.boxes:
            pen.rectangle([self._pixel(box[[0, 3]]), self._pixel(box[[2, 1]])], fill=_WALL)

    def frame(
        self, at: Float, speed: Float, goal: Float, tolerance: float, body: float
    ) -> npt.NDArray[np.uint8]:
        """Return a picture, (H, W, 3) uint8.

        Args:
            at: (2,) middle of the body, m.
            speed: (2,) its velocity, m/s, drawn as a line to where it is in half a second.
            goal: (2,), m.
            tolerance: Radius of the goal, m.
            body: Half of the body's side, m.
        """
        image = self._ground.copy()
        pen = ImageDraw.Draw(image)
        low, high = self._pixel(goal - tolerance * _DOWN), self._pixel(goal + tolerance * _DOWN)
        pen.ellipse([low, high], fill=_GOAL, outline=_RIM, width=2 * _FINE)
        low, high = self._pixel(at - body * _DOWN), self._pixel(at + body * _DOWN)
        pen.line([self._pixel(at), self._pixel(at + speed / 2)], fill=_EDGE, width=2 * _FINE)
        pen.rectangle([low, high], fill=_BODY, outline=_EDGE, width=_FINE)
        small = image.resize(self._size, Image.Resampling.BOX)
        return np.asarray(small, np.uint8).copy()

    def _pixel(self, point: Float) -> tuple[float, float]:
        x, y = (point - self._half * (-1, 1)) * (1, -1) * self._scale
        return float(x), float(y)


_DOWN = np.array([1.0, -1.0])
"""From a picture's upper left towards its lower right, in metres."""
