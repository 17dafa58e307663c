"""What is known about the states met so far: growing columns, a row for every different state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.reward_design.intrinsic.visits import state_keys
from operant.types import Features, Int, Obs

Array = npt.NDArray[Any]


class StateTable:
    """Numbers states in the order in which they appear, and keeps columns of zeros about them.

    States are told apart by the bytes of their observation, or of chosen features; see
    :func:`~operant.reward_design.intrinsic.visits.hash_rows` for the chance of a collision.
    """

    def __init__(self, columns: Mapping[str, Array], *, key: tuple[str, ...] = ()) -> None:
        """Start with no state.

        Args:
            columns: Name -> an array of shape (0, ...), which tells dtype and shape of a row.
            key: Features that tell states apart; none for the observation.
        """
        self._columns, self._key = dict(columns), key
        self._numbers: dict[int, int] = {}

    def __getitem__(self, name: str) -> Array:
        """Return a column; it may be longer than there are states, by rows of zeros."""
        return self._columns[name]

    def numbers(self, obs: Obs, features: Features) -> Int:
        """Return the numbers of B states, (B,); new ones get the next numbers.

        Args:
            obs: Observations.
            features: Their features; not read unless they are the key.
        """
        known, keys = self._numbers, state_keys(obs, features, self._key)
        found = [known.setdefault(key, len(known)) for key in keys.tolist()]
        for name, column in self._columns.items():
            if len(known) > len(column):
                rows = np.zeros((max(64, len(known)), *column.shape[1:]), column.dtype)
                self._columns[name] = np.concatenate([column, rows])  # at least doubled
        return np.array(found, np.int64)

    def state_dict(self) -> dict[str, Array]:
        """Return the columns, (S, ...), and the hashes of the states, ``key``, (S,) uint64."""
        size = len(self._numbers)
        columns = {name: column[:size].copy() for name, column in self._columns.items()}
        return {"key": np.array(list(self._numbers), np.uint64), **columns}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Restore what :meth:`state_dict` returned; other entries are not read."""
        self._numbers = {key: number for number, key in enumerate(state["key"].tolist())}
        self._columns = {name: state[name].copy() for name in self._columns}
