"""The state of N grid levels as whole arrays.

Kernels get the arrays and a row index and never slice: a slice inside compiled code costs more than
the step itself.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY, WALL
from operant.envs.gridworld.jit import compiled, tiny

VIEW = 7
PAD = VIEW - 1
"""Cells of wall around the grid, so that a view never needs a bounds test. What pads a row on the
right also pads the next one on the left."""

X, Y, DIRECTION, CARRY, STEPS = range(5)
"""Columns of :attr:`World.agent`."""

MAX_OPTIONS = 6
Options: TypeAlias = tuple[int, int, int, int, int, int]


class Size(NamedTuple):
    """Constants of a level.

    Attributes:
        width: Cells in x, outer walls included.
        height: Cells in y, outer walls included.
        stride: Padded row length; cell (x, y) has index ``(y + PAD) * stride + x + PAD``.
        max_steps: Time limit in env steps, and the scale of MiniGrid's reward.
        limit: When episodes are cut: ``max_steps``, or less if an outer limit asks for it.
        num_actions: A; actions are 0 .. A - 1.
        reward: Index into the family's ``rewards``: which reward the env pays.
        options: The family's options in the order in which it declares them, then zeros.
    """

    width: int
    height: int
    stride: int
    max_steps: int
    limit: int
    num_actions: int
    reward: int
    options: Options


class World(NamedTuple):
    """N levels.

    Attributes:
        grid: (N, cells) uint8 codes, padded; see :class:`Size`.
        agent: (N, 5) int32 x, y, direction, carried code (``EMPTY`` for none), steps taken.
        rng: (N, 2) uint64 key and counter.
        memory: (N, M) int16, whatever the family tracks; it begins with the mission's words.
        scratch: (N, S) int32, working space of level generation, of no meaning between calls.
    """

    grid: npt.NDArray[np.uint8]
    agent: npt.NDArray[np.int32]
    rng: npt.NDArray[np.uint64]
    memory: npt.NDArray[np.int16]
    scratch: npt.NDArray[np.int32]


def new_world(num: int, size: Size, memory: int, scratch: int = 0) -> World:
    """Allocate N levels of walls.

    Args:
        num: N.
        size: Constants of the levels.
        memory: Length of the family's memory per level.
        scratch: Length of its working space per level.
    """
    cells = size.stride * (size.height + 2 * PAD) + PAD
    return World(
        grid=np.full((num, cells), WALL, np.uint8),
        agent=np.zeros((num, 5), np.int32),
        rng=np.zeros((num, 2), np.uint64),
        memory=np.zeros((num, memory), np.int16),
        scratch=np.zeros((num, scratch), np.int32),
    )


@tiny
def cell_index(size: Size, x: int, y: int) -> int:
    """Return the padded index of cell (x, y)."""
    return (y + PAD) * size.stride + x + PAD


@tiny
def column_of(size: Size, index: int) -> int:
    """Return x of a padded index."""
    return index % size.stride - PAD


@tiny
def row_of(size: Size, index: int) -> int:
    """Return y of a padded index."""
    return index // size.stride - PAD


@tiny
def position(world: World, n: int, stride: int) -> int:
    """Return the padded index of row n's agent."""
    index: int = (world.agent[n, Y] + PAD) * stride + world.agent[n, X] + PAD
    return index


@tiny
def delta(direction: int, stride: int) -> int:
    """Return the index step of a direction (0 right, 1 down, 2 left, 3 up)."""
    length = stride if direction & 1 else 1  # without branches, which random turns would mispredict
    return length * (1 - (direction & 2))


@tiny
def front_index(world: World, n: int, size: Size) -> int:
    """Return the padded index of the cell that row n's agent faces."""
    return position(world, n, size.stride) + delta(world.agent[n, DIRECTION], size.stride)


@compiled
def fill(world: World, n: int, size: Size, cell: int) -> None:
    """Set every cell of row n."""
    for y in range(size.height):
        start = cell_index(size, 0, y)
        for x in range(size.width):
            world.grid[n, np.uint64(start + x)] = cell


@compiled
def wall_rectangle(
    world: World, n: int, size: Size, left: int, top: int, width: int, height: int
) -> None:
    """Draw the outline of a rectangle in wall."""
    start = cell_index(size, left, top)
    down, right = (height - 1) * size.stride, width - 1
    for x in range(width):
        world.grid[n, np.uint64(start + x)] = WALL
        world.grid[n, np.uint64(start + x + down)] = WALL
    for _ in range(height):
        world.grid[n, np.uint64(start)] = WALL
        world.grid[n, np.uint64(start + right)] = WALL
        start += size.stride


@compiled
def clear(world: World, n: int, size: Size) -> None:
    """Make row n an empty room with outer walls, and the agent absent (-1, -1), empty-handed."""
    start = cell_index(size, 0, 0)
    below = start + (size.height - 1) * size.stride
    for x in range(size.width):
        world.grid[n, np.uint64(start + x)] = WALL
        world.grid[n, np.uint64(below + x)] = WALL
    for _ in range(size.height - 2):
        start += size.stride
        world.grid[n, np.uint64(start)] = WALL
        for x in range(1, size.width - 1):
            world.grid[n, np.uint64(start + x)] = EMPTY
        world.grid[n, np.uint64(start + size.width - 1)] = WALL
    world.agent[n, X], world.agent[n, Y] = -1, -1
    world.agent[n, CARRY] = EMPTY
    world.agent[n, STEPS] = 0
