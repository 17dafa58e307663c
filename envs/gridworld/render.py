"""Pictures of a level: an RGB frame, text, and coloured text for a terminal. No display is needed.

Cells that the agent sees are brighter, in worlds whose agent has MiniGrid's egocentric view.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import OBJECTS, OPEN, TRIPLES
from operant.envs.gridworld.maps import ARROWS, GLYPHS, Scene, scene_of, write_map
from operant.envs.gridworld.tiles import (
    AGENT,
    FLOOR,
    LINE,
    OUTLINE,
    SEEN,
    SEEN_FLOOR,
    TILE,
    Color,
    shade,
    tile,
    tint,
)
from operant.envs.gridworld.views import EGOCENTRIC, THROUGH_WALLS, View
from operant.envs.gridworld.world import VIEW, Size, World
from operant.types import Bool

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

FPS = 8
"""Frames per second of the envs' ``human`` mode and, by default, of recordings."""
CLEAR = "\x1b[H\x1b[J"
"""Escape sequence that empties a terminal."""


def _seen(scene: Scene, view: View | None, image: npt.NDArray[Any] | None) -> Bool:
    """Return which cells the agent sees, (height, width), from what its view shows."""
    seen = np.zeros(scene.cells.shape, np.bool_)
    if image is None or view not in (EGOCENTRIC, THROUGH_WALLS):
        return seen
    column, row = np.nonzero(image[:, :, 0])
    ahead, right = VIEW - 1 - row, column - VIEW // 2
    dx, dy = ((1, 0), (0, 1), (-1, 0), (0, -1))[scene.direction]
    x, y = scene.x + ahead * dx - right * dy, scene.y + ahead * dy + right * dx
    height, width = scene.cells.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    seen[y[inside], x[inside]] = True
    return seen


def render_rgb(
    world: World,
    n: int,
    size: Size,
    view: View | None = None,
    image: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw row n.

    Args:
        world: The levels.
        n: Row.
        size: Constants of the levels.
        view: What its agent sees.
        image: What it saw last; None to show nothing of that.

    Returns:
        An (height * TILE, width * TILE, 3) uint8 picture.
    """
    scene = scene_of(world, n, size)
    seen, (height, width) = _seen(scene, view, image), scene.cells.shape
    kinds, which = np.unique(scene.cells + 256 * seen, return_inverse=True)
    tiles = np.stack([tile(kind & 255, kind > 255) for kind in kinds.tolist()])
    picture = tiles[which.reshape(scene.cells.shape)]
    below, lit = int(scene.cells[scene.y, scene.x]), bool(seen[scene.y, scene.x])
    picture[scene.y, scene.x] = tile(below, lit, scene.direction, scene.carried)
    return picture.swapaxes(1, 2).reshape(height * TILE, width * TILE, 3)


def frame(simulator: Simulator, n: int) -> npt.NDArray[np.uint8]:
    """Draw row n of a simulator with what its agent sees, as :func:`render_rgb` does."""
    view, image = simulator.family.view, simulator.out.image[n]
    return render_rgb(simulator.world, n, simulator.size, view, image)


def render_ansi(simulator: Simulator, n: int) -> str:
    """Write row n as text: the map (see :mod:`operant.envs.gridworld.maps`) and the mission."""
    scene = scene_of(simulator.world, n, simulator.size)
    return "\n".join([write_map(scene), *_mission(simulator, n)])


def render_terminal(simulator: Simulator, n: int) -> str:
    """Write row n as :func:`render_ansi` does, in the colours of :func:`render_rgb`.

    The colours are ANSI escape sequences with 24 bits per colour.
    """
    scene = scene_of(simulator.world, n, simulator.size)
    seen = _seen(scene, simulator.family.view, simulator.out.image[n]).tolist()
    rows = [
        [_painted(cell, seen[y][x]) for x, cell in enumerate(row)]
        for y, row in enumerate(scene.cells.tolist())
    ]
    rows[scene.y][scene.x] = _inked(OUTLINE, AGENT) + ARROWS[scene.direction]
    lines = ["".join(row) + "\x1b[0m" for row in rows]
    lines += write_map(scene).split("\n")[len(lines) :]  # what it carries and stands on
    return "\n".join([*lines, *_mission(simulator, n)])


def show(simulator: Simulator, n: int = 0) -> None:
    """Print row n to standard output, for people.

    On a terminal it takes the place of what is shown, in colours (unless ``NO_COLOR`` is set), and
    stays for a moment. Elsewhere it is plain text, frame below frame.
    """
    live = sys.stdout.isatty()
    draw = render_terminal if live and not os.environ.get("NO_COLOR") else render_ansi
    sys.stdout.write(f"{CLEAR if live else ''}{draw(simulator, n)}\n\n")
    sys.stdout.flush()
    if live:
        time.sleep(1 / FPS)


def _mission(simulator: Simulator, n: int) -> list[str]:
    words = tuple(simulator.out.mission[n].tolist())
    text = simulator.family.mission_text(words)
    return [f"mission: {text}"] if text else []


@functools.lru_cache(maxsize=1024)
def _painted(cell: int, seen: bool) -> str:
    """Return a cell's two characters in its colours."""
    kind, _, state = (int(part) for part in TRIPLES[cell])
    name, color, paper = OBJECTS[kind], tint(cell), SEEN_FLOOR if seen else FLOOR
    brightness = SEEN if seen else 1.0
    if name == "wall":
        color = paper = shade(color, brightness)
    elif name in ("lava", "goal"):
        paper, color = shade(color, 0.8 * brightness), shade(color, 1.5)
    elif name == "floor" or (name == "door" and state != OPEN):
        paper = shade(color, 0.42)
    elif name == "empty":
        color = shade(LINE, 1.2)
    return _inked(color, paper) + GLYPHS[cell]


def _inked(color: Color, paper: Color) -> str:
    """Return the escape sequence that sets the colours of characters and of what is behind them."""
    return "\x1b[38;2;{};{};{};48;2;{};{};{}m".format(*color, *paper)
