"""Earlier versions of a policy, kept to play against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from operant.agents.base import Array, Arrays, Json
from operant.agents.games.policies import NetworkSeat
from operant.arrays import joined, section

MakeSeat = Callable[[Mapping[str, Array]], NetworkSeat]
"""Builds what plays from a network's arrays."""


class OpponentPool:
    """Snapshots of a network.

    Attributes:
        size: Snapshots kept at most.
        keep: ``"latest"`` forgets the oldest; ``"spread"`` keeps a uniform sample of all so far.
        seen: Snapshots taken so far.
        numbers: Which of them are kept, counted from 0, in the order of :attr:`seats`.
        seats: What plays.
    """

    def __init__(self, *, size: int, keep: Literal["latest", "spread"], make: MakeSeat) -> None:
        """Start empty.

        Args:
            size: Snapshots kept at most, >= 0.
            keep: Which.
            make: Builds what plays.
        """
        self.size, self.keep, self._make = size, keep, make
        self.seen = 0
        self.numbers: list[int] = []
        self.seats: list[NetworkSeat] = []
        self._arrays: list[Arrays] = []

    def __len__(self) -> int:
        """Return the number of snapshots kept."""
        return len(self.seats)

    def add(self, arrays: Arrays, rng: np.random.Generator) -> None:
        """Take a snapshot; where it may fall out again, chance decides.

        Source of the uniform sample: Random Sampling with a Reservoir (Vitter, 1985), algorithm R.
        """
        number, self.seen = self.seen, self.seen + 1
        if len(self) < self.size:
            place = len(self)
            self.numbers.append(number)
            self._arrays.append(arrays)
            self.seats.append(self._make(arrays))
            return
        place = number % self.size if self.keep == "latest" and self.size else 0
        if self.keep == "spread":
            place = int(rng.integers(number + 1))
        if place < self.size:
            self.numbers[place], self._arrays[place] = number, arrays
            self.seats[place] = self._make(arrays)

    def state(self) -> tuple[Arrays, Json]:
        """Return the snapshots."""
        return joined(self._arrays), {"seen": self.seen, "numbers": list(self.numbers)}

    def load_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Restore what :meth:`state` returned."""
        self.seen, self.numbers = int(meta["seen"]), [int(number) for number in meta["numbers"]]
        self._arrays = [section(arrays, str(place)) for place in range(len(self.numbers))]
        self.seats = [self._make(part) for part in self._arrays]
