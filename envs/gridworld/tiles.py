"""The pictures of single cells, drawn with NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import COLORS, EMPTY, INSIDE, LOCKED, OBJECTS, OPEN, TRIPLES

TILE = 24
"""Pixels per cell."""
_SUPERSAMPLE = 4
Mask: TypeAlias = npt.NDArray[np.bool_]
Coordinates: TypeAlias = npt.NDArray[np.float64]
Shape: TypeAlias = Callable[[Coordinates, Coordinates], Mask]
Color: TypeAlias = tuple[int, int, int]

PALETTE: dict[str, Color] = {
    "red": (224, 62, 56),
    "green": (60, 175, 95),
    "blue": (72, 125, 235),
    "purple": (160, 92, 214),
    "yellow": (240, 192, 50),
    "grey": (160, 167, 180),
}
FLOOR, SEEN_FLOOR = (26, 29, 36), (60, 64, 73)
LINE, MASONRY, MAGMA = (46, 50, 60), (103, 110, 123), (236, 112, 34)
AGENT, OUTLINE = (250, 248, 240), (16, 18, 24)


def shade(color: Color, brightness: float) -> Color:
    """Return a colour made darker (below 1) or moved towards white (above 1)."""
    if brightness <= 1:
        return tuple(round(part * brightness) for part in color)  # type: ignore[return-value]
    lift = brightness - 1
    return tuple(round(part + (255 - part) * lift) for part in color)  # type: ignore[return-value]


def tint(cell: int) -> Color:
    """Return the main colour of a cell's picture."""
    kind, color, _ = (int(part) for part in TRIPLES[cell])
    if (OBJECTS[kind], COLORS[color]) == ("wall", "grey"):
        return MASONRY
    if (OBJECTS[kind], COLORS[color]) == ("lava", "red"):
        return MAGMA
    return PALETTE[COLORS[color]]


def _rectangle(x0: float, x1: float, y0: float, y1: float) -> Shape:
    return lambda x, y: (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)


def _frame(x0: float, x1: float, y0: float, y1: float, width: float) -> Shape:
    outer = _rectangle(x0, x1, y0, y1)
    inner = _rectangle(x0 + width, x1 - width, y0 + width, y1 - width)
    return lambda x, y: outer(x, y) & ~inner(x, y)


def _ring(cx: float, cy: float, radius: float, hole: float = 0.0) -> Shape:
    def inside(x: Coordinates, y: Coordinates) -> Mask:
        distance = np.hypot(x - cx, y - cy)
        ring: Mask = (distance <= radius) & (distance >= hole)
        return ring

    return inside


def _wave(height: float) -> Shape:
    return lambda x, y: np.abs(y - height - 0.07 * np.sin(2 * np.pi * x)) <= 0.045


def _dart(direction: int, grow: float = 0.0) -> Shape:
    """A dart that points along a direction (0 right, 1 down, 2 left, 3 up)."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[direction]

    def inside(x: Coordinates, y: Coordinates) -> Mask:
        along = (x - 0.5) * cos + (y - 0.5) * sin
        across = np.abs(-(x - 0.5) * sin + (y - 0.5) * cos)
        notch = along >= -0.32 - grow + 0.35 * (0.33 - across).clip(0)
        dart: Mask = notch & (along <= 0.38 + grow) & (across <= 0.5 * (0.38 + 2.5 * grow - along))
        return dart

    return inside


_KEY = (
    _ring(0.5, 0.28, 0.2, 0.09),
    _rectangle(0.45, 0.55, 0.42, 0.88),
    _rectangle(0.55, 0.7, 0.64, 0.72),
    _rectangle(0.55, 0.7, 0.79, 0.87),
)
_KEYHOLE = (_ring(0.5, 0.42, 0.13), _rectangle(0.44, 0.56, 0.42, 0.74))


def _parts(cell: int) -> list[tuple[Shape, Color]]:
    """Return a cell's picture as shapes with colours, from back to front."""
    kind, _, state = (int(part) for part in TRIPLES[cell])
    name, color = OBJECTS[kind], tint(cell)
    whole = _rectangle(0, 1, 0, 1)
    if name == "wall":
        return [(whole, color), (_frame(0, 1, 0, 1, 0.06), shade(color, 0.82))]
    if name == "goal":
        return [
            (_rectangle(0.06, 0.94, 0.06, 0.94), shade(color, 0.75)),
            (_rectangle(0.2, 0.8, 0.2, 0.8), color),
        ]
    if name == "floor":
        return [(_rectangle(0.04, 0.96, 0.04, 0.96), shade(color, 0.45))]
    if name == "lava":
        waves = [(_wave(height), shade(color, 0.55)) for height in (0.22, 0.5, 0.78)]
        return [(whole, color), *waves]
    if name == "key":
        return [(shape, color) for shape in _KEY]
    if name == "ball":
        return [(_ring(0.5, 0.5, 0.32), color), (_ring(0.4, 0.4, 0.08), shade(color, 1.5))]
    if name == "box":
        return _box_parts(color, int(INSIDE[cell]))
    return _door_parts(color, state) if name == "door" else []


def _box_parts(color: Color, inside: int) -> list[tuple[Shape, Color]]:
    """Return a crate; a key that lies in it shows through."""
    parts = [
        (_rectangle(0.1, 0.9, 0.1, 0.9), shade(color, 0.42)),
        (_frame(0.1, 0.9, 0.1, 0.9, 0.1), color),
    ]
    if inside == EMPTY:
        return [*parts, (_rectangle(0.1, 0.9, 0.45, 0.55), color)]
    small = [(_moved(shape, 0.24, 0.24, 0.52), tint(inside)) for shape in _KEY]
    return parts + small


def _door_parts(color: Color, state: int) -> list[tuple[Shape, Color]]:
    """Return a door: a leaf with a knob or a keyhole; open, its frame and the leaf at the side."""
    if state == OPEN:
        return [
            (_frame(0, 1, 0, 1, 0.08), shade(color, 0.7)),
            (_rectangle(0, 0.22, 0, 1), color),
            (_ring(0.11, 0.82, 0.06), OUTLINE),
        ]
    parts = [
        (_rectangle(0, 1, 0, 1), shade(color, 0.42)),
        (_frame(0, 1, 0, 1, 0.11), color),
    ]
    if state == LOCKED:
        return [
            *parts,
            (_ring(0.5, 0.42, 0.13), color),
            (_rectangle(0.44, 0.56, 0.42, 0.74), color),
        ]
    return [*parts, (_ring(0.74, 0.5, 0.08), color)]


def _moved(shape: Shape, left: float, top: float, scale: float) -> Shape:
    """Return a shape made smaller, its corner at (left, top)."""
    return lambda x, y: shape((x - left) / scale, (y - top) / scale)


_FULL = ("wall", "floor", "lava")
"""What leaves no floor to show that the agent sees the cell."""
SEEN = 1.18
"""Brightness of those where it does."""


@functools.lru_cache(maxsize=4096)
def tile(
    cell: int, seen: bool = False, direction: int | None = None, carried: int = EMPTY
) -> npt.NDArray[np.uint8]:
    """Draw one cell.

    Args:
        cell: Its code.
        seen: True to draw it brighter: the agent sees it.
        direction: Draws the agent on it, looking there.
        carried: Code of what the agent carries, drawn in small beside it.

    Returns:
        A read-only (TILE, TILE, 3) uint8 picture.
    """
    n = TILE * _SUPERSAMPLE
    y, x = np.mgrid[0:n, 0:n] / (n - 1)
    image = np.empty((n, n, 3))
    image[:] = SEEN_FLOOR if seen else FLOOR
    image[(x < 0.03) | (y < 0.03)] = LINE
    brightness = SEEN if seen and OBJECTS[TRIPLES[cell, 0]] in _FULL else 1.0
    parts = [(shape, shade(color, brightness)) for shape, color in _parts(cell)]
    if direction is not None:
        parts += [(_dart(direction, 0.07), OUTLINE), (_dart(direction), AGENT)]
        if carried != EMPTY:
            parts.append((_ring(0.74, 0.74, 0.27), OUTLINE))
            parts += [(_moved(shape, 0.53, 0.53, 0.42), color) for shape, color in _parts(carried)]
    for shape, color in parts:
        image[shape(x, y)] = color
    small = image.reshape(TILE, _SUPERSAMPLE, TILE, _SUPERSAMPLE, 3).mean(axis=(1, 3))
    drawn: npt.NDArray[np.uint8] = small.round().astype(np.uint8)
    drawn.setflags(write=False)  # the cache hands it out again
    return drawn
