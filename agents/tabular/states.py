"""Gives every different observation a row of a growing table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.agents.base import Array
from operant.types import Obs

Ids: TypeAlias = npt.NDArray[np.int64]
Bytes: TypeAlias = npt.NDArray[np.uint8]


class States:
    """Numbers observations in the order in which they appear; equal ones get the same number."""

    def __init__(self, space: gym.Space[Any]) -> None:
        """Start with no state known.

        Args:
            space: Of one observation: numbers of a fixed shape, or a Dict of such spaces.

        Raises:
            ValueError: If the space is or holds another.
        """
        self._spaces = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
        for key, part in self._spaces.items():
            if part.shape is None or part.dtype is None or part.dtype.kind not in "biuf":
                place = f" under {key!r}" if key else ""
                raise ValueError(
                    f"the observation space must hold numbers of a fixed shape, got {part}{place}"
                )
        self._numbers: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Return the number S of states known."""
        return len(self._numbers)

    def ids(self, obs: Obs) -> Ids:
        """Return the numbers of a batch of observations, (B,); new ones get the next numbers."""
        numbers = self._numbers
        return np.array([numbers.setdefault(key, len(numbers)) for key in self._keys(obs)])

    def known(self, obs: Obs) -> Ids:
        """Return the numbers of a batch of observations, (B,), with -1 for those never seen."""
        return np.array([self._numbers.get(key, -1) for key in self._keys(obs)])

    def _keys(self, obs: Obs) -> list[bytes]:
        parts = obs if isinstance(obs, Mapping) else {"": obs}
        columns = [
            np.ascontiguousarray(parts[key], space.dtype) for key, space in self._spaces.items()
        ]
        size = len(columns[0])
        rows = [np.ascontiguousarray(column.reshape(size, -1)) for column in columns]
        joined = np.concatenate([row.view(np.uint8) for row in rows], axis=1)
        keys: list[bytes] = [row.tobytes() for row in joined]
        return keys

    # ---- state ------------------------------------------------------------------------------

    def array(self) -> Bytes:
        """Return the known states, (S, W) bytes in the order of their numbers."""
        width = sum(
            int(np.prod(part.shape or ())) * np.dtype(part.dtype).itemsize
            for part in self._spaces.values()
        )
        return np.frombuffer(b"".join(self._numbers), np.uint8).reshape(-1, width).copy()

    def load(self, array: Array) -> None:
        """Restore what :meth:`array` returned.

        Raises:
            ValueError: If the states belong to another observation space.
        """
        width = self.array().shape[1]
        if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != width:
            raise ValueError(
                f"saved states must be (S, {width}) uint8 for this observation space, got "
                f"{array.shape} {array.dtype}"
            )
        self._numbers = {row.tobytes(): number for number, row in enumerate(array)}
