"""Copies for a caller, in memory that is used again as soon as nobody refers to it.

Allocating a new array for every part of every observation takes a tenth of a step. Whoever keeps an
observation, or a view of a part, keeps it unchanged: it has a reference then, which is counted.

No array owns its memory, so that not even ``resize(refcheck=False)`` can move it.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import getrefcount
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.types import Int


class Copies:
    """A set of copies of some arrays, and room for a screen.

    Attributes:
        moves: (K, 3) where each array lies, where its copy lies, and how many bytes it has.
        named: The copies by name; who hands them out hands out a copy of this dict.
        screen: The room.
        counted: All of these arrays.
        free: How often each is referred to while nobody has it: while
            ``list(map(getrefcount, counted)) == free``.
    """

    __slots__ = ("_sources", "counted", "free", "moves", "named", "screen")

    def __init__(self, sources: Mapping[str, npt.NDArray[Any]], room: int) -> None:
        """Make room.

        Args:
            sources: Name -> what is copied, in one piece each.
            room: Bytes of a screen.
        """
        self._sources = dict(sources)  # which moves point at
        self.named: dict[str, npt.NDArray[Any]] = {
            name: np.ndarray(part.shape, part.dtype, bytearray(part.nbytes))
            for name, part in sources.items()
        }
        self.screen = np.frombuffer(bytearray(room), np.uint8)
        self.counted = *self.named.values(), self.screen
        both = zip(sources.values(), self.named.values(), strict=True)
        self.moves: Int = np.array(
            [(old.ctypes.data, new.ctypes.data, new.nbytes) for old, new in both], np.int64
        ).reshape(-1, 3)
        del both
        self.free = list(map(getrefcount, self.counted))
