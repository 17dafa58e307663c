"""Cells: MiniGrid's (type, colour, state) triples packed into one byte.

A code is an index into a table of all triples; bit 7 marks the cells one cannot see through. One
byte per cell keeps a level in a few cache lines, and opacity needs no lookup. A box with a key
inside has codes of its own that show the same triple as an empty box.

Source: MiniGrid 3.2 ``core/constants.py`` (Chevalier-Boisvert et al., 2023) for the numbers.
"""

from __future__ import annotations

import numpy as np

from operant.envs.gridworld.jit import compiled

OBJECTS = (
    "unseen",
    "empty",
    "wall",
    "floor",
    "door",
    "key",
    "ball",
    "box",
    "goal",
    "lava",
    "agent",
)
COLORS = ("red", "green", "blue", "purple", "yellow", "grey")
SORTED_COLORS = tuple(COLORS.index(name) for name in sorted(COLORS))
"""Colour numbers in alphabetical order of their names, in which MiniGrid draws a random colour."""
OPEN, CLOSED, LOCKED = 0, 1, 2

LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(7)
ACTIONS = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
DIRECTIONS = ("right", "down", "left", "up")

OPAQUE = 128
WALKABLE, PORTABLE, DOOR_FLAG, BOX_FLAG = 1, 2, 4, 8


def _all_triples() -> list[tuple[int, int, int]]:
    triples = [(0, 0, 0), (1, 0, 0)]
    for kind in ("wall", "floor", "door", "key", "ball", "box", "goal", "lava"):
        states = (OPEN, CLOSED, LOCKED) if kind == "door" else (0,)
        triples += [(OBJECTS.index(kind), c, s) for c in range(len(COLORS)) for s in states]
    return triples


def _is_opaque(triple: tuple[int, int, int]) -> bool:
    kind = OBJECTS[triple[0]]
    return kind == "wall" or (kind == "door" and triple[2] != OPEN)


_CODES = {
    triple: index | (OPAQUE if _is_opaque(triple) else 0)
    for index, triple in enumerate(_all_triples())
}


def code(kind: str, color: str = "red", state: int = 0) -> int:
    """Return the byte of a cell.

    >>> code("unseen"), code("empty")
    (0, 1)

    Args:
        kind: One of ``OBJECTS`` except ``"agent"``.
        color: One of ``COLORS``.
        state: ``OPEN``, ``CLOSED`` or ``LOCKED`` for doors, else 0.

    Raises:
        KeyError: If there is no such cell.
    """
    return _CODES[(OBJECTS.index(kind), COLORS.index(color), state)]


def box(color: str, key_color: str | None = None) -> int:
    """Return the byte of a box, empty or with a key inside."""
    if key_color is None:
        return code("box", color)
    return len(_CODES) + COLORS.index(color) * len(COLORS) + COLORS.index(key_color)


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    triples, flags = np.zeros((256, 3), np.uint8), np.zeros(256, np.uint8)
    inside = np.full(256, code("empty"), np.uint8)
    for triple, byte in _CODES.items():
        kind = OBJECTS[triple[0]]
        triples[byte] = triple
        if kind in ("empty", "floor", "goal", "lava") or (kind == "door" and triple[2] == OPEN):
            flags[byte] |= WALKABLE
        if kind in ("key", "ball", "box"):
            flags[byte] |= PORTABLE
        if kind == "door":
            flags[byte] |= DOOR_FLAG
        if kind == "box":
            flags[byte] |= BOX_FLAG
    for color in COLORS:
        for key_color in COLORS:
            full, empty = box(color, key_color), box(color)
            triples[full], flags[full] = triples[empty], flags[empty]
            inside[full] = code("key", key_color)
    return triples, flags, inside


TRIPLES, FLAGS, INSIDE = _tables()
"""Code -> (type, colour, state) uint8 (256, 3); -> property bits; -> what breaking a box leaves."""

UNSEEN, EMPTY = code("unseen"), code("empty")
WALL, GOAL, LAVA = code("wall", "grey"), code("goal", "green"), code("lava")
FIRST_DOOR, FIRST_KEY = code("door", "red", OPEN), code("key", "red")
FIRST_BALL, FIRST_BOX = code("ball", "red"), code("box", "red")
"""Bytes of the first colour; the other colours follow, doors with three states each."""


@compiled
def closed_door(color: int) -> int:
    """Return the byte of a closed door of a colour number."""
    return (FIRST_DOOR + 3 * color + CLOSED) | OPAQUE


@compiled
def locked_door(color: int) -> int:
    """Return the byte of a locked door of a colour number."""
    return (FIRST_DOOR + 3 * color + LOCKED) | OPAQUE


def key(color: str) -> int:
    """Return the byte of a key."""
    return code("key", color)


def ball(color: str) -> int:
    """Return the byte of a ball."""
    return code("ball", color)


def door(color: str, state: int) -> int:
    """Return the byte of a door in a state."""
    return code("door", color, state)
