"""How transitions become rows of numbers that a worker reads."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.types import Features, Float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RowLayout:
    """What a program is given of a transition.

    Attributes:
        obs_size: Numbers in an observation, >= 0; 0 if the program reads none.
        action_size: Numbers in an action, >= 0; 0 if it is one number.
        whole_actions: Whether that one number is an int.
        features: Keys of ``info``, with ``prev_`` where they are meant; identifiers, distinct.
    """

    obs_size: int = 0
    action_size: int = 0
    whole_actions: bool = False
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If one is outside its range.
        """
        for name, size in (("obs_size", self.obs_size), ("action_size", self.action_size)):
            if not 0 <= size < 2**20:
                raise ValueError(f"{name} must lie in [0, 2**20), got {size}")
        if self.whole_actions and self.action_size:
            raise ValueError(
                f"whole_actions needs action_size 0, got {self.action_size}: vectors hold floats"
            )
        for key in self.features:
            if not key.isidentifier() or self.features.count(key) > 1:
                raise ValueError(f"features must be distinct identifiers, got {key!r}")

    @property
    def width(self) -> int:
        """Numbers in a row, >= 1."""
        return 2 * self.obs_size + max(self.action_size, 1) + len(self.features)

    def rows(self, obs: Any, action: npt.ArrayLike, next_obs: Any, info: Features) -> Float:
        """Return N transitions as (N, width) float64, a copy.

        Args:
            obs: (N, obs_size) observations before the actions; anything if ``obs_size`` is 0.
            action: (N,) or (N, action_size) actions.
            next_obs: (N, obs_size) observations after them.
            info: The features, (N,) each.

        Raises:
            ValueError: If an argument has the wrong form.
        """
        acted = np.asarray(action, np.float64)
        size = len(acted) if acted.ndim else 0
        _require_shape("action", acted, (size, self.action_size)[: 2 if self.action_size else 1])
        rows = np.empty((size, self.width))
        before, after = self.obs_size, self.obs_size + max(self.action_size, 1)
        rows[:, before:after] = acted.reshape(size, after - before)
        if self.obs_size:
            for name, given, start in (("obs", obs, 0), ("next_obs", next_obs, after)):
                values = np.asarray(given, np.float64)
                _require_shape(name, values, (size, self.obs_size))
                rows[:, start : start + self.obs_size] = values
        for column, key in enumerate(self.features, start=self.width - len(self.features)):
            if key not in info:
                raise ValueError(f"info lacks {key!r}; the program is given {self.features}")
            values = np.asarray(info[key], np.float64)
            _require_shape(f"info[{key!r}]", values, (size,))
            rows[:, column] = values
        return rows


def _require_shape(name: str, values: Float, shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {values.shape}")
