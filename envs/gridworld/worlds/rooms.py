"""A grid of equal rooms with random doorways, and how MiniGrid furnishes it.

Rooms share walls: with rooms of ``side`` cells, walls included, room (i, j) begins at cell
(i (side - 1), j (side - 1)). The place of a doorway in each inner wall is drawn with the rooms,
whether or not a door is put there later; the scratch keeps the places at :func:`slot`.

Source: MiniGrid 3.2 ``core/roomgrid.py`` (Chevalier-Boisvert et al., 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operant.envs.gridworld.cells import (
    EMPTY,
    SORTED_COLORS,
    WALL,
)
from operant.envs.gridworld.distances import LEFT, UP
from operant.envs.gridworld.draws import Draws, place_agent
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import (
    DIRECTION,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
    front_index,
)

SIDE = 6
"""Cells along each side of a room, walls included, where a family does not choose."""


@compiled
def columns_of_rooms(size: Size, side: int) -> int:
    """Return how many rooms lie side by side."""
    return (size.width - 1) // (side - 1)


@compiled
def rows_of_rooms(size: Size, side: int) -> int:
    """Return how many rooms lie above each other."""
    return (size.height - 1) // (side - 1)


@compiled
def slot(columns: int, i: int, j: int, wall: int) -> int:
    """Return where the scratch keeps the doorway in a wall of room (i, j).

    Walls are numbered like directions. A room owns the doorways to its right and below; there the
    scratch holds 0 if the room has no such neighbour. To the left and above it must have one.
    """
    if wall == LEFT:
        i -= 1
    if wall == UP:
        j -= 1
    return 2 * (j * columns + i) + (wall & 1)


@compiled
def slots(size: Size, side: int) -> int:
    """Return how much scratch :func:`draw_rooms` fills."""
    return 2 * columns_of_rooms(size, side) * rows_of_rooms(size, side)


def draw_rooms(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng, side)``: walls and doorways of all rooms, and no door yet.

    The agent waits in the middle of the middle room: objects keep away from there even where it
    starts in another room in the end.
    """
    integers = draws.integers

    def generate(world: World, n: int, size: Size, rng: Any, side: int) -> None:
        clear(world, n, size)
        step = side - 1
        columns, rows = columns_of_rooms(size, side), rows_of_rooms(size, side)
        for i in range(1, columns):
            for y in range(size.height):
                world.grid[n, cell_index(size, i * step, y)] = WALL
        for j in range(1, rows):
            for x in range(size.width):
                world.grid[n, cell_index(size, x, j * step)] = WALL
        for j in range(rows):
            for i in range(columns):
                right, below = 0, 0
                if i < columns - 1:
                    y = integers(rng, n, j * step + 1, (j + 1) * step)
                    right = cell_index(size, (i + 1) * step, y)
                if j < rows - 1:
                    x = integers(rng, n, i * step + 1, (i + 1) * step)
                    below = cell_index(size, x, (j + 1) * step)
                first = 2 * (j * columns + i)
                world.scratch[n, first], world.scratch[n, first + 1] = right, below
        world.agent[n, X] = columns // 2 * step + side // 2
        world.agent[n, Y] = rows // 2 * step + side // 2
        world.agent[n, DIRECTION] = 0

    drawn: Callable[..., None] = draws.outline(generate)
    return drawn


def draw_color(draws: Draws) -> Callable[..., int]:
    """Return ``(rng, n) -> colour number``."""
    integers = draws.integers

    def draw(rng: Any, n: int) -> int:
        return SORTED_COLORS[integers(rng, n, 0, len(SORTED_COLORS))]

    drawn: Callable[..., int] = draws.inline(draw)
    return drawn


def place_object(draws: Draws) -> Callable[..., int]:
    """Return ``(world, n, size, rng, side, i, j, cell) -> index``: puts an object into room (i, j).

    It comes to lie on a free cell that is at least two steps from the agent. MiniGrid gives up
    after 1000 tries; with at least one free cell in nine that does not happen.
    """
    integers = draws.integers

    def place(
        world: World, n: int, size: Size, rng: Any, side: int, i: int, j: int, cell: int
    ) -> int:
        left, top = i * (side - 1), j * (side - 1)
        while True:
            x = integers(rng, n, left, left + side)
            y = integers(rng, n, top, top + side)
            at = cell_index(size, x, y)
            apart = abs(x - world.agent[n, X]) + abs(y - world.agent[n, Y])
            if world.grid[n, at] == EMPTY and apart >= 2:
                world.grid[n, at] = cell
                return at

    placed: Callable[..., int] = draws.outline(place)
    return placed


def start_in_room(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng, side, i, j)``: puts the agent into room (i, j).

    It faces a wall or a free cell, never an object or a door.
    """
    place = place_agent(draws)

    def start(world: World, n: int, size: Size, rng: Any, side: int, i: int, j: int) -> None:
        left, top = i * (side - 1), j * (side - 1)
        settled = False
        while not settled:
            place(world, n, size, rng, left, top, left + side, top + side)
            front = world.grid[n, front_index(world, n, size)]
            settled = front in (EMPTY, WALL)

    started: Callable[..., None] = draws.outline(start)
    return started
