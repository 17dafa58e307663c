"""Compass worlds: an action is a direction, and takes the agent one cell that way.

Worlds outside MiniGrid have no turning and no carrying. What they share is here: the step, actions
that slip, and maps given as text.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import WALL
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import (
    DIRECTION,
    Size,
    World,
    X,
    Y,
    cell_index,
    clear,
    delta,
    front_index,
)

MOVES = ("right", "down", "left", "up")
"""Names of the actions; an action's number is its direction (see ``world.delta``)."""

SLIP = 0
"""Memory column of worlds whose actions slip: 1 + the action that happens instead, or 0. It is 0
between steps, so it is no part of the state."""


@compiled
def go(world: World, n: int, size: Size, direction: int) -> int:
    """Look in a direction and step there unless it is a wall.

    Returns:
        The code of the cell ahead as it was; ``WALL`` means that the agent has not moved.
    """
    world.agent[n, DIRECTION] = direction
    ahead = int(world.grid[n, front_index(world, n, size)])
    if ahead != WALL:
        # With stride 0 an index step is its x part; a quarter turn makes y of x.
        world.agent[n, X] += delta(direction, 0)
        world.agent[n, Y] += delta((direction + 3) & 3, 0)
    return ahead


def slips(option: int, num_actions: int) -> Callable[[Draws], Callable[..., None]]:
    """Return a family's ``drift`` that sometimes puts a random action in the place of the chosen.

    The family's ``act`` must ask :func:`taken` for what happens.

    Args:
        option: Index of the option that holds the percentage of steps with a random action.
        num_actions: A; the random action is uniform over all of them.
    """

    def drift_from(draws: Draws) -> Callable[..., None]:
        integers = draws.integers

        def drift(world: World, n: int, size: Size, action: int, rng: Any) -> None:  # noqa: ARG001
            percent = size.options[option]
            if percent > 0 and integers(rng, n, 0, 100) < percent:
                world.memory[n, SLIP] = 1 + integers(rng, n, 0, num_actions)

        return draws.inline(drift)  # type: ignore[no-any-return]

    return drift_from


@compiled
def taken(world: World, n: int, action: int) -> int:
    """Return the action that happens when one is chosen, and forget the slip."""
    slip = int(world.memory[n, SLIP])
    world.memory[n, SLIP] = 0
    return action if slip == 0 else slip - 1


def find(rows: Sequence[str], letter: str) -> list[tuple[int, int]]:
    """Return the (x, y) of every cell with a letter, row by row."""
    return [(x, y) for y, row in enumerate(rows) for x, found in enumerate(row) if found == letter]


def codes(rows: Sequence[str], legend: Mapping[str, int]) -> npt.NDArray[np.uint8]:
    """Return the cell codes of a map, indexed [y, x]."""
    return np.array([[legend[letter] for letter in row] for row in rows], np.uint8)


def steps_to(rows: Sequence[str], letter: str) -> npt.NDArray[np.int16]:
    """Return the fewest moves from every cell to the nearest one with a letter, indexed [y, x].

    ``#`` is wall; there, and where no way leads, the entry is -1.
    """
    steps = np.full((len(rows), len(rows[0])), -1, np.int16)
    frontier = deque(find(rows, letter))
    for x, y in frontier:
        steps[y, x] = 0
    while frontier:
        x, y = frontier.popleft()
        for to_x, to_y in ((x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1)):
            if rows[to_y][to_x] != "#" and steps[to_y, to_x] < 0:
                steps[to_y, to_x] = steps[y, x] + 1
                frontier.append((to_x, to_y))
    return steps


@compiled
def draw_map(world: World, n: int, size: Size, boards: npt.NDArray[np.uint8], level: int) -> None:
    """Fill row n from ``boards[level]``, codes indexed [y, x]; the agent is absent, at step 0."""
    clear(world, n, size)
    for y in range(size.height):
        for x in range(size.width):
            world.grid[n, cell_index(size, x, y)] = boards[level, y, x]
