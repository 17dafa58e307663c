"""Which keys an env slot has seen in its episode: 64-bit hashes in a compiled hash table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from operant.types import Bool, Features, Int, Obs

UInt: TypeAlias = npt.NDArray[np.uint64]


def key_features(key: str | Sequence[str]) -> tuple[str, ...]:
    """Return the features that tell states apart: none for ``"obs"``, the observation.

    Raises:
        ValueError: If ``key`` is neither ``"obs"`` nor a list of names.
    """
    if key != "obs" and (isinstance(key, str) or not key):
        raise ValueError(f"key must be 'obs' or a non-empty list of feature names, got {key!r}")
    return () if key == "obs" else tuple(key)


def state_keys(obs: Obs, features: Features, names: Sequence[str]) -> UInt:
    """Return the hashes of B states, (B,), by the named features or, without names, by ``obs``."""
    if names:
        # Scalar envs publish floats, batched ones ints; adding 0.0 turns -0.0 into 0.0.
        return hash_rows([np.asarray(features[name], np.float64) + 0.0 for name in names])
    return hash_rows([obs[name] for name in sorted(obs)] if isinstance(obs, dict) else [obs])


def hash_rows(columns: Sequence[npt.NDArray[Any]]) -> UInt:
    """Hash the bytes of each row.

    Two rows that differ in one 8-byte word never collide; other pairs do with probability 2^-64, so
    n distinct rows contain a collision with probability below n^2 / 2^65 (1e-11 for 10^4 rows).
    ``-0.0`` and ``0.0`` are different bytes.

    Args:
        columns: Arrays with leading axis (B,) of any numeric dtype; their order matters.

    Returns:
        (B,) uint64.

    Raises:
        ValueError: If a column holds objects or text.

    Source: the mixing step is the finaliser of SplitMix64 (Fast splittable pseudorandom number
    generators; Steele, Lea, Flood, 2014), figure 16.
    """
    rows = len(columns[0])
    parts = []
    for column in columns:
        if column.dtype.kind not in "biuf":
            raise ValueError(f"cannot hash an array of dtype {column.dtype}; numbers are needed")
        flat = np.ascontiguousarray(column).reshape(rows, math.prod(column.shape[1:]))
        parts.append(flat.view(np.uint8))
    width = sum(part.shape[1] for part in parts)
    packed = np.zeros((rows, -(-width // 8) * 8), np.uint8)
    np.concatenate(parts, axis=1, out=packed[:, :width])
    hashed: UInt = _hash_words(packed.view(np.uint64))
    return hashed


class VisitTable:
    """For each of N env slots, the set of keys seen since the slot was last cleared.

    Open addressing with linear probing, one row of memory per slot; a row that becomes half full
    doubles the capacity of all. An entry counts only while its stamp equals its slot's epoch, so
    clearing a slot is one addition.
    """

    def __init__(self, num_envs: int, *, capacity: int = 64) -> None:
        """Allocate.

        Args:
            num_envs: N >= 1.
            capacity: Initial entries per slot, a power of two.

        Raises:
            ValueError: If ``capacity`` is not a power of two >= 2.
        """
        if capacity < 2 or capacity & (capacity - 1):
            raise ValueError(f"capacity must be a power of two >= 2, got {capacity}")
        self._allocate(num_envs, capacity)

    @property
    def capacity(self) -> int:
        """Entries of memory per slot, twice what a slot can remember before all grow."""
        return int(self._keys.shape[1])

    def add(self, env_ids: Int, keys: UInt) -> Bool:
        """Insert one key per row, in order.

        Args:
            env_ids: (B,) slots in [0, N).
            keys: (B,) keys.

        Returns:
            (B,) bool, True where the slot had not seen the key.
        """
        fresh = np.zeros(len(keys), np.bool_)
        done = 0
        while True:
            done = _insert(
                self._keys, self._stamps, self._epochs, self._counts, env_ids, keys, fresh, done
            )
            if done == len(keys):
                return fresh
            entries = self.entries()
            self._allocate(len(self._epochs), 2 * self.capacity)
            self.add(*entries)

    def clear(self, mask: Bool) -> None:
        """Forget everything the slots in ``mask``, (N,) bool, have seen."""
        self._epochs[mask] += 1
        self._counts[mask] = 0

    def entries(self) -> tuple[Int, UInt]:
        """Return all remembered (slot, key) pairs as two arrays, sorted."""
        slots, places = np.nonzero(self._stamps == self._epochs[:, None])
        keys = self._keys[slots, places]
        order = np.lexsort((keys, slots))
        return slots[order], keys[order]

    def _allocate(self, num_envs: int, capacity: int) -> None:
        self._keys = np.zeros((num_envs, capacity), np.uint64)
        self._stamps = np.zeros((num_envs, capacity), np.int64)
        self._epochs = np.ones(num_envs, np.int64)
        self._counts = np.zeros(num_envs, np.int64)


@numba.njit(cache=True)
def _hash_words(words: UInt) -> UInt:
    out = np.empty(words.shape[0], np.uint64)
    for row in range(words.shape[0]):
        h = np.uint64(0x9E3779B97F4A7C15)
        for column in range(words.shape[1]):  # each step is a bijection of h
            h = (h ^ words[row, column]) * np.uint64(0xBF58476D1CE4E5B9)
            h ^= h >> np.uint64(32)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[row] = h ^ (h >> np.uint64(31))
    return out


@numba.njit(cache=True)
def _insert(
    keys: UInt,
    stamps: Int,
    epochs: Int,
    counts: Int,
    env_ids: Int,
    new: UInt,
    fresh: Bool,
    start: int,
) -> int:
    """Insert rows from ``start`` on; return the first row that needs more capacity, or B."""
    capacity = keys.shape[1]
    wrap = capacity - 1
    for row in range(start, len(new)):
        slot, key = env_ids[row], new[row]
        at = np.int64(key & np.uint64(wrap))
        while stamps[slot, at] == epochs[slot] and keys[slot, at] != key:
            at = (at + 1) & wrap
        if stamps[slot, at] == epochs[slot]:
            continue
        if 2 * (counts[slot] + 1) > capacity:
            return row
        keys[slot, at], stamps[slot, at] = key, epochs[slot]
        counts[slot] += 1
        fresh[row] = True
    return len(new)
