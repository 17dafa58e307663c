"""The state of N grid levels as whole arrays, and the random numbers that make them.

Kernels get the arrays and a row index and never slice: a slice inside compiled code costs more than
the step itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY, WALL
from operant.envs.gridworld.jit import compiled

VIEW = 7
PAD = VIEW - 1
"""Cells of wall around the grid, so that a view never needs a bounds test."""

X, Y, DIRECTION, CARRY, STEPS = range(5)
"""Columns of :attr:`World.agent`."""


class Size(NamedTuple):
    """Constants of a level.

    Attributes:
        width: Cells in x, outer walls included.
        height: Cells in y, outer walls included.
        stride: Padded row length; cell (x, y) has index ``(y + PAD) * stride + x + PAD``.
        max_steps: Time limit in env steps, and the scale of MiniGrid's reward.
        limit: When episodes are cut: ``max_steps``, or less if an outer limit asks for it.
        minigrid_reward: 1 for MiniGrid's ``1 - 0.9 t / max_steps`` at success, 0 for exactly 1.
    """

    width: int
    height: int
    stride: int
    max_steps: int
    limit: int
    minigrid_reward: int


class World(NamedTuple):
    """N levels.

    Attributes:
        grid: (N, stride * padded height) uint8 cell codes.
        agent: (N, 5) int32 x, y, direction, carried code (``EMPTY`` for none), steps taken.
        rng: (N, 2) uint64 key and counter.
        memory: (N, M) int16, whatever the family tracks (positions, distance fields).
        scratch: (N, width * height * 4) int32, working space of searches.
    """

    grid: npt.NDArray[np.uint8]
    agent: npt.NDArray[np.int32]
    rng: npt.NDArray[np.uint64]
    memory: npt.NDArray[np.int16]
    scratch: npt.NDArray[np.int32]


def new_world(num: int, size: Size, memory: int) -> World:
    """Allocate N levels of walls.

    Args:
        num: N.
        size: Constants of the levels.
        memory: Length of the family's memory per level.
    """
    cells = size.stride * (size.height + 2 * PAD)
    return World(
        grid=np.full((num, cells), WALL, np.uint8),
        agent=np.zeros((num, 5), np.int32),
        rng=np.zeros((num, 2), np.uint64),
        memory=np.zeros((num, memory), np.int16),
        scratch=np.zeros((num, size.width * size.height * 4), np.int32),
    )


@compiled
def cell_index(size: Size, x: int, y: int) -> int:
    """Return the padded index of cell (x, y)."""
    return (y + PAD) * size.stride + x + PAD


@compiled
def position(world: World, n: int, stride: int) -> int:
    """Return the padded index of row n's agent."""
    index: int = (world.agent[n, Y] + PAD) * stride + world.agent[n, X] + PAD
    return index


@compiled
def delta(direction: int, stride: int) -> int:
    """Return the index step of a direction (0 right, 1 down, 2 left, 3 up)."""
    if direction == 0:
        return 1
    if direction == 1:
        return stride
    if direction == 2:
        return -1
    return -stride


@compiled
def mix(z: Any) -> Any:
    """Scramble a 64-bit word.

    Source: Fast splittable pseudorandom number generators (Steele, Lea, Flood, 2014), ``mix64``.
    """
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def seed_row(rng: npt.NDArray[np.uint64], n: int, seed: np.uint64) -> None:
    """Start row n's stream at a seed; streams do not depend on N or on other rows."""
    rng[n, 0] = mix(seed + np.uint64(0x9E3779B97F4A7C15))
    rng[n, 1] = np.uint64(0)


@compiled
def counter_integers(rng: npt.NDArray[np.uint64], n: int, low: int, high: int) -> int:
    """Draw an integer in [low, high) from row n's counter-based stream."""
    rng[n, 1] += np.uint64(1)
    word = mix(rng[n, 0] + rng[n, 1] * np.uint64(0x9E3779B97F4A7C15))
    drawn: Any = low + np.int64(((word >> np.uint64(32)) * np.uint64(high - low)) >> np.uint64(32))
    return int(drawn)


def generator_integers(
    rng: np.random.Generator,
    n: int,  # noqa: ARG001 (the signature of counter_integers)
    low: int,
    high: int,
) -> int:
    """Draw as MiniGrid does, for layouts that are run as Python."""
    return int(rng.integers(low, high))


@compiled
def clear(world: World, n: int, size: Size) -> None:
    """Make row n an empty room with outer walls, and the agent (0, 0) and empty-handed."""
    for y in range(size.height):
        for x in range(size.width):
            border = x == 0 or y == 0 or x == size.width - 1 or y == size.height - 1
            world.grid[n, cell_index(size, x, y)] = WALL if border else EMPTY
    world.agent[n, X], world.agent[n, Y] = 0, 0
    world.agent[n, CARRY] = EMPTY
    world.agent[n, STEPS] = 0
