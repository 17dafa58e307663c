"""A tree of independent random streams. No module of this library touches a global generator."""

from __future__ import annotations

import zlib

import numpy as np


class SeedTree:
    """Named, independent seeds below one root.

    Children are addressed by name, so adding a consumer never shifts the stream of another
    (``seed + i`` would make run 0's env 1 and run 1's env 0 the same).

    >>> SeedTree(7).seed("env") == SeedTree(7).seed("env")
    True
    >>> SeedTree(7).seed("env") == SeedTree(7).seed("eval")
    False
    """

    def __init__(self, root: int, path: tuple[str, ...] = ()) -> None:
        """Create a node.

        Args:
            root: Non-negative root seed.
            path: Names from the root to this node.

        Raises:
            ValueError: If ``root`` is negative.
        """
        if root < 0:
            raise ValueError(f"root seed must be >= 0, got {root}")
        self.root, self.path = root, path

    def child(self, name: str) -> SeedTree:
        """Return the subtree of that name."""
        return SeedTree(self.root, (*self.path, name))

    def sequence(self, name: str) -> np.random.SeedSequence:
        """Return the ``SeedSequence`` of a leaf."""
        # crc32 is stable across processes and versions; hash() is salted.
        key = tuple(zlib.crc32(part.encode()) for part in (*self.path, name))
        return np.random.SeedSequence(self.root, spawn_key=key)

    def seed(self, name: str) -> int:
        """Return a leaf's integer seed in [0, 2**31), valid for Gymnasium and torch."""
        return int(self.sequence(name).generate_state(1, np.uint32)[0] >> 1)

    def generator(self, name: str) -> np.random.Generator:
        """Return a leaf's NumPy generator."""
        return np.random.default_rng(self.sequence(name))
