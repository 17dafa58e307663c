"""Worlds about loose objects, by kind and colour: placing them, reaching them, saying so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operant.envs.gridworld.cells import COLORS, DONE, FIRST_KEY, SORTED_COLORS, TOGGLE, WALL
from operant.envs.gridworld.distances import steps_to_reach
from operant.envs.gridworld.draws import Draws, free_cell
from operant.envs.gridworld.family import success_reward
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import (
    DIRECTION,
    Size,
    World,
    X,
    Y,
    column_of,
    delta,
    position,
    row_of,
)

KINDS = ("key", "ball", "box")
"""Kinds of loose objects, in the order in which MiniGrid lists and draws them."""


@compiled
def thing(kind: int, color: int) -> int:
    """Return the code of an object: index into ``KINDS``, number of ``cells.COLORS``."""
    return FIRST_KEY + len(COLORS) * kind + color


@compiled
def kind_of(cell: int) -> int:
    """Return the index into ``KINDS`` of an object's code."""
    return (cell - FIRST_KEY) // len(COLORS)


@compiled
def color_of(cell: int) -> int:
    """Return the colour number of an object's code."""
    return (cell - FIRST_KEY) % len(COLORS)


@compiled
def nearness(size: Size, here: int, there: int) -> int:
    """Return the Chebyshev distance of two padded indices in cells: 1 for the 8 neighbours."""
    across = abs(column_of(size, here) - column_of(size, there))
    return max(across, abs(row_of(size, here) - row_of(size, there)))


@compiled
def _repeated(world: World, n: int, num: int, cell: int) -> bool:
    """Tell whether one of the first so many places in row n's scratch holds such an object."""
    found = False
    for placed in range(num):
        found = found or world.grid[n, world.scratch[n, placed]] == cell
    return found


@compiled
def _crowded(world: World, n: int, size: Size, num: int, at: int) -> bool:
    """Tell whether one of the first so many places in row n's scratch is a neighbour of a cell."""
    found = False
    for placed in range(num):
        found = found or nearness(size, at, world.scratch[n, placed]) <= 1
    return found


def scatter(draws: Draws, *, kinds: int, distinct: bool, apart: bool) -> Callable[..., None]:
    """Return ``(world, n, size, rng, num)``: puts so many objects on empty cells of a level.

    It writes the padded index of object i into row n's scratch at i.

    Args:
        draws: Source of randomness.
        kinds: Objects are of the first so many ``KINDS``.
        distinct: No two objects share kind and colour.
        apart: No two objects are neighbours, diagonal ones included.

    Source: MiniGrid 3.2 ``_gen_grid`` of Fetch, GoToObject and PutNear (Chevalier-Boisvert et al.,
    2023), for the order of the draws.
    """
    integers, free = draws.integers, free_cell(draws)

    def place(world: World, n: int, size: Size, rng: Any, num: int) -> None:
        placed = 0
        while placed < num:
            kind = integers(rng, n, 0, kinds)
            cell = thing(kind, SORTED_COLORS[integers(rng, n, 0, len(COLORS))])
            if distinct and _repeated(world, n, placed, cell):
                continue
            at = free(world, n, size, rng, 0, 0, size.width, size.height)
            while apart and _crowded(world, n, size, placed, at):
                at = free(world, n, size, rng, 0, 0, size.width, size.height)
            world.grid[n, at] = cell
            world.scratch[n, placed] = at
            placed += 1

    scattered: Callable[..., None] = draws.inline(place)
    return scattered


@compiled
def steps_beside(world: World, n: int, size: Size, at: int) -> int:
    """Return the fewest actions, on an open floor, to stand on a cell that shares a side with one.

    Args:
        world: Levels.
        n: Row.
        size: Constants of the level.
        at: Padded index of the cell; walls beside it do not count.
    """
    heading = world.agent[n, DIRECTION]
    dx = column_of(size, at) - world.agent[n, X]
    dy = row_of(size, at) - world.agent[n, Y]
    fewest = 2 * (size.width + size.height)
    for side in range(4):
        if world.grid[n, at + delta(side, size.stride)] != WALL:
            # With stride 0 an index step is its x part; a quarter turn makes y of x.
            right, down = delta(side, 0), delta((side + 3) & 3, 0)
            fewest = min(fewest, steps_to_reach(dx + right, dy + down, heading))
    return fewest


def done_beside(target: int) -> Callable[..., tuple[float, bool, bool]]:
    """Return the outcome of worlds where ``done`` must be said beside a place.

    ``done`` ends the episode, and succeeds on the cells that share a side with the place whose
    padded index is in memory column ``target``; ``toggle`` ends it without success.

    Source: MiniGrid 3.2 ``step`` of GoToDoor and GoToObject (Chevalier-Boisvert et al., 2023).
    """

    @compiled
    def outcome(
        world: World,
        n: int,
        size: Size,
        action: int,
        front: int,  # noqa: ARG001 (the signature of every outcome)
    ) -> tuple[float, bool, bool]:
        if action == DONE:
            here, there = position(world, n, size.stride), world.memory[n, target]
            across = abs(column_of(size, here) - column_of(size, there))
            if across + abs(row_of(size, here) - row_of(size, there)) == 1:
                return success_reward(world, n, size), True, True
            return 0.0, True, False
        return 0.0, action == TOGGLE, False

    judged: Callable[..., tuple[float, bool, bool]] = outcome
    return judged
