"""Chains of rooms, each sharing a wall with the next, in which there is a door.

Source: MiniGrid's MultiRoom, in MiniHack's version; the drawing is ours.
"""

from __future__ import annotations

import functools

import numpy as np

from operant.envs.minihack.texts import Room

WIDTH, HEIGHT = 60, 20
"""Bounds of a layout with its walls."""
Layout = tuple[str, tuple[Room, ...], tuple[tuple[int, int], ...]]


@functools.cache
def chains(count: int, largest: int, layouts: int) -> tuple[Layout, ...]:
    """Return up to so many different layouts, always the same ones.

    Args:
        count: Rooms of each.
        largest: Cells along the longest side of a room's inside; the shortest has 2.
        layouts: Number of layouts.
    """
    rng = np.random.default_rng([count, largest, layouts])
    found: dict[str, Layout] = {}
    for _ in range(100 * layouts):  # of small rooms there are few
        drawn = _chain(rng, count, largest)
        if drawn is not None:
            found.setdefault(drawn[0], drawn)
        if len(found) == layouts:
            break
    return tuple(found.values())


def _chain(rng: np.random.Generator, count: int, largest: int) -> Layout | None:
    """Draw one, or give up where the next room finds no place."""
    wide, high = (int(rng.integers(2, largest + 1)) for _ in range(2))
    chain, doors = [(0, 0, wide - 1, high - 1)], []
    while len(chain) < count:
        for _ in range(20):
            door, room = _next(rng, chain[-1], largest)
            if _fits(room, chain):
                chain.append(room)
                doors.append(door)
                break
        else:
            return None
    return _drawn(chain, doors)


def _next(rng: np.random.Generator, room: Room, largest: int) -> tuple[tuple[int, int], Room]:
    """Draw a door in a wall of a room, and a room behind it."""
    left, top, right, bottom = room
    wide, high = (int(rng.integers(2, largest + 1)) for _ in range(2))
    side = int(rng.integers(4))
    if side % 2 == 0:  # to the right or to the left
        x = right + 1 if side == 0 else left - 1
        y = int(rng.integers(top, bottom + 1))
        begin = y - int(rng.integers(high))
        first = x + 1 if side == 0 else x - wide
        return (x, y), (first, begin, first + wide - 1, begin + high - 1)
    y = bottom + 1 if side == 1 else top - 1
    x = int(rng.integers(left, right + 1))
    begin = x - int(rng.integers(wide))
    first = y + 1 if side == 1 else y - high
    return (x, y), (begin, first, begin + wide - 1, first + high - 1)


def _fits(room: Room, chain: list[Room]) -> bool:
    """Tell whether a wall remains between a room and all others, and all stay inside the bounds."""
    for left, top, right, bottom in chain:
        if (
            room[0] <= right + 1
            and room[2] >= left - 1
            and room[1] <= bottom + 1
            and room[3] >= top - 1
        ):
            return False
    both = np.array([*chain, room])
    width = both[:, 2].max() - both[:, 0].min() + 3
    height = both[:, 3].max() - both[:, 1].min() + 3
    return bool(width <= WIDTH and height <= HEIGHT)


def _drawn(chain: list[Room], doors: list[tuple[int, int]]) -> Layout:
    """Return a chain as a map whose corner is (0, 0)."""
    left, top = (min(room[k] for room in chain) - 1 for k in (0, 1))
    right, bottom = (max(room[k] for room in chain) + 1 for k in (2, 3))
    cells = np.full((bottom - top + 1, right - left + 1), " ")
    moved = [(a - left, b - top, c - left, d - top) for a, b, c, d in chain]
    for a, b, c, d in moved:
        cells[b - 1 : d + 2, a - 1 : c + 2] = "|"
        cells[[b - 1, d + 1], a - 1 : c + 2] = "-"
    for a, b, c, d in moved:
        cells[b : d + 1, a : c + 1] = "."
    gates = tuple((x - left, y - top) for x, y in doors)
    for x, y in gates:
        cells[y, x] = "+"
    return "\n".join("".join(row) for row in cells.tolist()), tuple(moved), gates
