"""The chance of many rows at once: counters and a mixing function instead of generators.

Source: SplitMix64, of Fast Splittable Pseudorandom Number Generators (Steele, Lea, Flood, 2014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.types import Int

Words = npt.NDArray[np.uint64]

STEP = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BITS = 32
"""A draw is an integer below 2^32, which is enough for chances of small games."""


def mixed(words: Words) -> Words:
    """Scramble 64-bit words one to one, the output function of SplitMix64.

    >>> hex(mixed(np.array([STEP]))[0])
    '0xe220a8397b1dcdaf'
    """
    words = (words ^ (words >> np.uint64(30))) * FIRST
    words = (words ^ (words >> np.uint64(27))) * SECOND
    return words ^ (words >> np.uint64(31))


def thresholds(odds: Sequence[float]) -> Int:
    """Return cumulated probabilities in units of 2^-32, so that comparing draws is exact.

    >>> thresholds([0.25, 0.75]).tolist() == [2**30, 2**32]
    True
    """
    bounds = np.rint(np.cumsum(odds) * 2.0**BITS).astype(np.int64)
    bounds[-1] = 2**BITS
    return bounds


class RowDraws:
    """Endless random numbers of N rows; those of a row depend on its seed alone.

    Attributes:
        keys: (N,) uint64, from the seeds.
        counts: (N,) uint64, how many numbers were drawn.
    """

    def __init__(self, num: int) -> None:
        """Prepare rows of seed 0.

        Args:
            num: N.
        """
        self.keys: Words = mixed(np.full(num, STEP))
        self.counts: Words = np.zeros(num, np.uint64)

    def seed(self, rows: Int, seeds: Sequence[int]) -> None:
        """Start the numbers of some rows anew.

        Args:
            rows: (B,) indices.
            seeds: B integers >= 0; only their lowest 64 bits count.

        Raises:
            ValueError: If there are not B of them, or one is negative or no integer.
        """
        if len(seeds) != len(rows):
            raise ValueError(f"there must be one seed per row, {len(rows)}, got {len(seeds)}")
        for seed in seeds:
            if not isinstance(seed, (int, np.integer)) or seed < 0:
                raise ValueError(f"a seed must be an integer >= 0, got {seed!r}")
        # mixed twice: a row's numbers must not be those of the next seed, one later
        words = np.array([(int(seed) + 1) % 2**64 for seed in seeds], np.uint64)
        self.keys[rows] = mixed(mixed(words * STEP) ^ FIRST)
        self.counts[rows] = 0

    def draw(self, rows: Int) -> Int:
        """Return the next number of some rows, (B,) in [0, 2^32)."""
        counts = self.counts[rows] + np.uint64(1)
        self.counts[rows] = counts
        words = mixed(self.keys[rows] + counts * STEP)
        return (words >> np.uint64(64 - BITS)).astype(np.int64)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return where all rows stand, as copies."""
        return {"keys": self.keys.copy(), "counts": self.counts.copy()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.keys[:], self.counts[:] = state["keys"], state["counts"]
