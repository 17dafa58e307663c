"""Pictures of a level: RGB frames drawn with NumPy, and text. No display is needed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import COLORS, EMPTY, LOCKED, OBJECTS, OPEN, TRIPLES
from operant.envs.gridworld.vision import ROWS, observe
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    VIEW,
    Size,
    World,
    X,
    Y,
    cell_index,
    delta,
    position,
)

TILE = 24
"""Pixels per cell."""
_SUPERSAMPLE = 4
Mask: TypeAlias = npt.NDArray[np.bool_]
Shape: TypeAlias = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], Mask]

PALETTE = {
    "red": (220, 70, 60),
    "green": (60, 170, 95),
    "blue": (65, 115, 220),
    "purple": (140, 80, 190),
    "yellow": (240, 190, 50),
    "grey": (105, 112, 125),
}
FLOOR, LINE, AGENT = (30, 33, 40), (46, 50, 60), (235, 90, 70)


def _box(x0: float, x1: float, y0: float, y1: float) -> Shape:
    return lambda x, y: (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)


def _disc(cx: float, cy: float, r: float, hole: float = 0.0) -> Shape:
    return lambda x, y: (
        ((x - cx) ** 2 + (y - cy) ** 2 <= r * r) & ((x - cx) ** 2 + (y - cy) ** 2 >= hole * hole)
    )


def _arrow(direction: int) -> Shape:
    """A dart that points along a direction (0 right, 1 down, 2 left, 3 up)."""
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[direction]

    def inside(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
        along = (x - 0.5) * cos + (y - 0.5) * sin
        across = np.abs(-(x - 0.5) * sin + (y - 0.5) * cos)
        notch = along >= -0.3 + 0.35 * (0.3 - across).clip(0)
        dart: Mask = notch & (along <= 0.36) & (across <= 0.5 * (0.36 - along))
        return dart

    return inside


def _shapes(kind: str, state: int) -> list[tuple[Shape, float]]:
    """Return the parts of a picture as (shape, brightness of the object's colour)."""
    if kind == "wall":
        return [(_box(0, 1, 0, 1), 0.85), (_box(0.06, 0.94, 0.06, 0.94), 1.0)]
    if kind == "goal":
        return [(_box(0.08, 0.92, 0.08, 0.92), 0.8), (_box(0.22, 0.78, 0.22, 0.78), 1.0)]
    if kind == "floor":
        return [(_box(0.04, 0.96, 0.04, 0.96), 0.45)]
    if kind == "lava":
        return [(_box(0, 1, 0, 1), 1.0)]
    if kind == "key":
        shaft, teeth = _box(0.46, 0.56, 0.4, 0.86), _box(0.56, 0.7, 0.68, 0.75)
        return [
            (_disc(0.51, 0.29, 0.19, 0.085), 1),
            (shaft, 1),
            (teeth, 1),
            (_box(0.56, 0.7, 0.8, 0.86), 1),
        ]
    if kind == "ball":
        return [(_disc(0.5, 0.5, 0.31), 1)]
    if kind == "box":
        return [
            (_box(0.12, 0.88, 0.12, 0.88), 1),
            (_box(0.2, 0.8, 0.2, 0.8), 0.3),
            (_box(0.2, 0.8, 0.46, 0.54), 1),
        ]
    if kind == "door" and state == OPEN:
        return [(_box(0.86, 1, 0, 1), 1.0)]
    if kind == "door":
        parts = [(_box(0, 1, 0, 1), 1.0), (_box(0.09, 0.91, 0.09, 0.91), 0.42)]
        if state == LOCKED:
            return [*parts, (_disc(0.5, 0.42, 0.12), 1.0), (_box(0.45, 0.55, 0.45, 0.7), 1.0)]
        return [*parts, (_disc(0.74, 0.5, 0.08), 1.0)]
    return []


@functools.lru_cache(maxsize=1024)
def _tile(cell: int, direction: int | None, carried: int, lit: bool) -> npt.NDArray[np.uint8]:
    """Draw one cell; the agent if ``direction`` is given, with what it carries in small."""
    n = TILE * _SUPERSAMPLE
    y, x = np.mgrid[0:n, 0:n] / (n - 1)
    image = np.empty((n, n, 3))
    image[:] = FLOOR
    image[(x < 0.03) | (y < 0.03)] = LINE
    kind, color, state = (int(v) for v in TRIPLES[cell])
    tint = np.array(PALETTE[COLORS[color]], float)
    for shape, brightness in _shapes(OBJECTS[kind], state):
        image[shape(x, y)] = tint * brightness
    if direction is not None:
        image[_arrow(direction)(x, y)] = AGENT
        if carried != EMPTY:
            held, color, state = (int(v) for v in TRIPLES[carried])
            for shape, brightness in _shapes(OBJECTS[held], state):
                image[shape((x - 0.55) / 0.42, (y - 0.55) / 0.42)] = (
                    np.array(PALETTE[COLORS[color]], float) * brightness
                )
    if lit:
        image += 0.14 * (255 - image)
    small = image.reshape(TILE, _SUPERSAMPLE, TILE, _SUPERSAMPLE, 3).mean(axis=(1, 3))
    tile: npt.NDArray[np.uint8] = small.round().astype(np.uint8)
    return tile


def _lit_cells(world: World, n: int, size: Size) -> set[int]:
    """Return the padded indices of the cells in the agent's view."""
    view = np.zeros((n + 1, VIEW, VIEW, 3), np.uint8)
    observe(world, n, size.stride, view, ROWS)
    direction, here = int(world.agent[n, DIRECTION]), int(position(world, n, size.stride))
    ahead, right = delta(direction, size.stride), delta((direction + 1) % 4, size.stride)
    return {
        here + ahead * (VIEW - 1 - row) + right * (column - VIEW // 2)
        for column in range(VIEW)
        for row in range(VIEW)
        if view[n, column, row, 0]
    }


def render_rgb(world: World, n: int, size: Size) -> npt.NDArray[np.uint8]:
    """Draw row n as an (H * TILE, W * TILE, 3) uint8 image; the agent's view is brighter."""
    image = np.empty((size.height * TILE, size.width * TILE, 3), np.uint8)
    lit, agent = _lit_cells(world, n, size), world.agent[n]
    for y in range(size.height):
        for x in range(size.width):
            at = int(cell_index(size, x, y))
            here = int(agent[DIRECTION]) if (x, y) == (agent[X], agent[Y]) else None
            tile = _tile(int(world.grid[n, at]), here, int(agent[CARRY]), at in lit)
            image[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE] = tile
    return image


_LETTERS = {"empty": " .", "wall": "##", "goal": " G", "key": " k", "ball": " o", "box": " b"}


def render_ansi(world: World, n: int, size: Size) -> str:
    """Draw row n as text, two characters per cell; ``> v < ^`` is the agent (``*``: it carries)."""
    lines = []
    for y in range(size.height):
        line = ""
        for x in range(size.width):
            at = cell_index(size, x, y)
            kind, _, state = TRIPLES[world.grid[n, at]]
            if (x, y) == (world.agent[n, X], world.agent[n, Y]):
                line += (
                    "* "[int(world.agent[n, CARRY] == EMPTY)] + ">v<^"[world.agent[n, DIRECTION]]
                )
            elif OBJECTS[kind] == "door":
                line += (" _", " D", " L")[state]
            else:
                line += _LETTERS.get(OBJECTS[kind], " ~")
        lines.append(line)
    return "\n".join(lines)
