"""Random draws for level generation, from two sources behind one interface.

The same layout code runs compiled on a counter-based stream per row (fast, independent of N and of
the order of rows) and as plain Python on NumPy's generator (MiniGrid's level for a seed, bit by
bit). A layout therefore takes its draws as an argument and keeps MiniGrid's order of draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY
from operant.envs.gridworld.jit import compiled, outlined
from operant.envs.gridworld.world import DIRECTION, Size, World, X, Y, cell_index, position

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: the step of the counter."""


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
    rng[n, 0] = mix(seed + GOLDEN)
    rng[n, 1] = np.uint64(0)


def seed_rows(
    rng: npt.NDArray[np.uint64], rows: npt.NDArray[np.int64], seeds: npt.NDArray[np.uint64]
) -> None:
    """Start the streams of several rows from Python: :func:`seed_row` as array arithmetic."""
    plain: Any = mix
    rng[rows, 0] = plain.py_func(seeds + GOLDEN)
    rng[rows, 1] = 0


@compiled
def next_word(rng: npt.NDArray[np.uint64], n: int) -> Any:
    """Draw 64 random bits from row n's stream."""
    rng[n, 1] += np.uint64(1)
    return mix(rng[n, 0] + rng[n, 1] * GOLDEN)


@compiled
def counter_integers(rng: npt.NDArray[np.uint64], n: int, low: int, high: int) -> int:
    """Draw an integer in [low, high) from row n's counter-based stream."""
    high_bits = next_word(rng, n) >> np.uint64(32)
    drawn: Any = low + np.int64((high_bits * np.uint64(high - low)) >> np.uint64(32))
    return int(drawn)


@compiled
def uniform(rng: npt.NDArray[np.uint64], n: int) -> float:
    """Draw a float in [0, 1) from row n's counter-based stream."""
    drawn: float = np.int64(next_word(rng, n) >> np.uint64(11)) * 2.0**-53
    return drawn


@compiled
def counter_shuffle(
    world: World, n: int, rng: npt.NDArray[np.uint64], offset: int, count: int
) -> None:
    """Shuffle ``world.scratch[n, offset : offset + count]`` in place."""
    for i in range(count - 1, 0, -1):
        j = counter_integers(rng, n, 0, i + 1)
        held = world.scratch[n, offset + i]
        world.scratch[n, offset + i] = world.scratch[n, offset + j]
        world.scratch[n, offset + j] = held


def generator_integers(
    rng: np.random.Generator,
    n: int,  # noqa: ARG001 (the signature of counter_integers)
    low: int,
    high: int,
) -> int:
    """Draw as MiniGrid does, for layouts that are run as Python."""
    return int(rng.integers(low, high))


def generator_shuffle(
    world: World, n: int, rng: np.random.Generator, offset: int, count: int
) -> None:
    """Shuffle as MiniGrid does: NumPy's shuffle of a list."""
    items = world.scratch[n, offset : offset + count].tolist()
    rng.shuffle(items)
    world.scratch[n, offset : offset + count] = items


def _as_is(function: Any) -> Any:
    return function


class Draws(NamedTuple):
    """Where a layout's randomness comes from.

    Attributes:
        integers: ``(rng, n, low, high)`` -> integer in [low, high).
        shuffle: ``(world, n, rng, offset, count)``: shuffles a stretch of row n's scratch.
        inline: Decorator of small functions that draw.
        outline: Decorator of long ones, or of those called from many places.
        inset: Width of the grid's rim that draws of cells leave out. The outer walls are never
            free, so trying them costs time and changes nothing, except for MiniGrid's levels.
    """

    integers: Callable[..., int]
    shuffle: Callable[..., None]
    inline: Callable[[Any], Any]
    outline: Callable[[Any], Any]
    inset: int


COUNTER = Draws(counter_integers, counter_shuffle, compiled, outlined, inset=1)
"""Compiled code over ``world.rng``."""
GENERATOR = Draws(generator_integers, generator_shuffle, _as_is, _as_is, inset=0)
"""Plain Python over a ``np.random.Generator``."""


def free_cell(draws: Draws) -> Callable[..., int]:
    """Return ``(world, n, size, rng, left, top, right, bottom) -> index`` of an empty cell.

    Draws x in [left, right), then y in [top, bottom), until the cell is empty and not the agent's.

    Source: MiniGrid 3.2 ``MiniGridEnv.place_obj`` (Chevalier-Boisvert et al., 2023).
    """
    integers, inset = draws.integers, draws.inset

    def find(
        world: World, n: int, size: Size, rng: Any, left: int, top: int, right: int, bottom: int
    ) -> int:
        here = position(world, n, size.stride)
        left, right = max(left, inset), min(right, size.width - inset)
        top, bottom = max(top, inset), min(bottom, size.height - inset)
        while True:
            x = integers(rng, n, left, right)
            at = cell_index(size, x, integers(rng, n, top, bottom))
            if world.grid[n, at] == EMPTY and at != here:
                return at

    found: Callable[..., int] = draws.inline(find)
    return found


def place_agent(draws: Draws) -> Callable[..., None]:
    """Return ``(world, n, size, rng, left, top, right, bottom)``: puts the agent, facing anywhere.

    Source: MiniGrid 3.2 ``MiniGridEnv.place_agent`` (Chevalier-Boisvert et al., 2023).
    """
    integers, inset = draws.integers, draws.inset

    def place(
        world: World, n: int, size: Size, rng: Any, left: int, top: int, right: int, bottom: int
    ) -> None:
        left, right = max(left, inset), min(right, size.width - inset)
        top, bottom = max(top, inset), min(bottom, size.height - inset)
        free = False
        while not free:
            world.agent[n, X] = integers(rng, n, left, right)
            world.agent[n, Y] = integers(rng, n, top, bottom)
            free = world.grid[n, position(world, n, size.stride)] == EMPTY
        world.agent[n, DIRECTION] = integers(rng, n, 0, 4)

    placed: Callable[..., None] = draws.inline(place)
    return placed
