"""One-hot input for grids of small integers."""

from __future__ import annotations

from typing import Any, TypeGuard

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
)

LEVELS = 21
"""Boxes with more values per entry than this are magnitudes, not categories."""


class _Whole(BaseFeaturesExtractor):
    """Says its width as an ``int``: SB3's may be a NumPy integer, which torch's LSTM refuses."""

    @property
    def features_dim(self) -> int:
        return int(self._features_dim)


class Flat(_Whole, FlattenExtractor):
    """SB3's input of all spaces but Dict."""


class FlatDict(_Whole, CombinedExtractor):
    """SB3's input of Dict spaces."""


class OneHotGrid(_Whole):
    """Flattens observations, each entry of a small-integer Box as a one-hot vector.

    Object, colour and state codes are categories: as magnitudes, "key" (5) would be five times
    "empty" (1). The width of an entry is ``high - low + 1`` of its own bounds, so a space with
    tight bounds per channel makes a smaller network. Other spaces are flattened as SB3 does.
    """

    def __init__(self, observation_space: gym.Space[Any]) -> None:
        """Build the index tables.

        Args:
            observation_space: A Box, a Discrete, ..., or a Dict of such spaces.
        """
        parts = subspaces(observation_space)
        widths = {key: _width(space) for key, space in parts.items()}
        super().__init__(observation_space, features_dim=sum(widths.values()))
        self._widths = widths
        for key, space in parts.items():
            if is_categorical(space):
                levels = _levels(space)
                first = np.cumsum(levels) - levels - space.low.ravel()
                table = torch.from_numpy(first.astype(np.int64))
                # Not part of the state: the space determines it.
                self.register_buffer(f"first_{key}", table, persistent=False)

    def forward(self, obs: Any) -> torch.Tensor:
        """Encode a batch: (B, ...) per key to (B, features_dim) float32."""
        parts = obs if isinstance(obs, dict) else {"": obs}
        return torch.cat([self._encode(key, parts[key]) for key in self._widths], dim=1)

    def _encode(self, key: str, value: torch.Tensor) -> torch.Tensor:
        first = getattr(self, f"first_{key}", None)
        if first is None:
            return value.flatten(1)
        index = value.flatten(1).long() + first
        out = torch.zeros(len(value), self._widths[key], device=value.device)
        return out.scatter_(1, index, 1.0)


def is_categorical(space: gym.Space[Any]) -> TypeGuard[spaces.Box]:
    """Tell whether a space is an integer Box with at most :data:`LEVELS` values per entry."""
    return (
        isinstance(space, spaces.Box)
        and np.issubdtype(space.dtype, np.integer)
        and bool((_levels(space) <= LEVELS).all())
    )


def has_categorical(space: gym.Space[Any]) -> bool:
    """Tell whether a space is, or a Dict contains, a small-integer Box."""
    return any(is_categorical(part) for part in subspaces(space).values())


def subspaces(space: gym.Space[Any]) -> dict[str, gym.Space[Any]]:
    """Return the spaces of a Dict by key, or the space itself under the empty name."""
    return dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}


def _levels(space: spaces.Box) -> np.ndarray[Any, np.dtype[np.int64]]:
    return (space.high.astype(np.int64) - space.low.astype(np.int64) + 1).ravel()


def _width(space: gym.Space[Any]) -> int:
    return int(_levels(space).sum()) if is_categorical(space) else get_flattened_obs_dim(space)
