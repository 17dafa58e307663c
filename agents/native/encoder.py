"""From observations to one flat row of floats each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeGuard

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from operant.agents.base import Array, Arrays
from operant.types import Obs

Tensors: TypeAlias = dict[str, Tensor]
"""A batch of observations by key; a space that is no Dict has the empty key alone."""

LEVELS = 21
"""Integer Boxes with more values per entry than this are magnitudes, not categories."""
_NARROW = {"float64": "float32", "uint16": "int32", "uint32": "int64", "uint64": "int64"}


class Encoder(nn.Module):
    """Turns observations into rows of float32.

    Boxes are flattened (8-bit images divided by 255), Discrete and MultiDiscrete become one-hot
    vectors, and the parts of a Dict are concatenated in the order of its keys. With
    ``encoder="onehot"`` each entry of a small-integer Box is one-hot as well, over its own bounds:
    object and colour codes are categories, not magnitudes.

    Attributes:
        spaces: The parts of the observation space.
        width: Columns of the result.
    """

    def __init__(self, space: gym.Space[Any], *, encoder: str) -> None:
        """Build the index tables.

        Args:
            space: Box, Discrete, MultiDiscrete, MultiBinary, or a Dict of such spaces.
            encoder: ``"flat"`` or ``"onehot"``.

        Raises:
            ValueError: If the space is or holds another.
        """
        super().__init__()
        self.spaces = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
        self._widths: dict[str, int] = {}
        self._images = {key for key, part in self.spaces.items() if _is_image(part)}
        self._firsts = {key: f"first_{i}" for i, key in enumerate(self.spaces)}
        for key, part in self.spaces.items():
            levels, first = _categories(key, part, onehot=encoder == "onehot")
            self._widths[key] = int(np.prod(part.shape or ())) if levels is None else levels
            if first is not None:  # not part of the state: the space determines it
                self.register_buffer(self._firsts[key], torch.from_numpy(first), persistent=False)
        self.width = sum(self._widths.values())

    def forward(self, obs: Tensors) -> Tensor:
        """Encode a batch: (B, ...) per key to (B, width) float32."""
        first = next(iter(obs.values()))
        rows = torch.empty(len(first), self.width, device=first.device)
        parts = rows.split_with_sizes(list(self._widths.values()), 1)
        for (key, buffer), part in zip(self._firsts.items(), parts, strict=True):
            start = self._buffers.get(buffer)
            value = obs[key].reshape(len(part), -1)
            if start is not None:
                part.zero_().scatter_(1, value + start, 1.0)
            elif key in self._images:
                torch.div(value, 255, out=part)
            else:
                part.copy_(value)
        return rows

    def parts(self, obs: Obs) -> Arrays:
        """Return a batch of observations by key, in types that torch computes with.

        Raises:
            ValueError: If a key is missing, a shape is wrong, or a number is not finite.
        """
        found = obs if isinstance(obs, Mapping) else {"": obs}
        if found.keys() != self.spaces.keys():
            raise ValueError(
                f"observations must have the keys {sorted(self.spaces)}, got {sorted(found)}"
            )
        return {key: self.array(key, found[key]) for key in self.spaces}

    def array(self, key: str, value: Any) -> Array:
        """Return one part of a batch in a type that torch computes with; see :meth:`parts`."""
        name = f"observation[{key!r}]" if key else "observation"
        array = np.asarray(value)
        shape = self.spaces[key].shape
        if array.shape[1:] != shape or array.ndim == 0:
            raise ValueError(f"{name} must have the shape (B, *{shape}), got {array.shape}")
        if array.dtype.kind == "f":
            check_finite(name, array)
        elif array.dtype.kind not in "biu":
            raise ValueError(f"{name} must hold numbers, got dtype {array.dtype}")
        return array.astype(_NARROW.get(array.dtype.name, array.dtype), copy=False)

    def tensors(self, obs: Obs, device: str) -> Tensors:
        """Return a batch of observations as tensors; see :meth:`parts`."""
        return {key: torch.from_numpy(part).to(device) for key, part in self.parts(obs).items()}


def check_finite(name: str, array: Array) -> None:
    """Check a batch of numbers, leading axis (B,).

    Raises:
        ValueError: If one is NaN or infinite; it names the first such row.
    """
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(np.argwhere(~finite)[0].tolist())
        raise ValueError(f"{name} must be finite, got {array[place]} in row {place[0]}")


def _is_image(space: gym.Space[Any]) -> bool:
    return (
        isinstance(space, spaces.Box)
        and space.dtype == np.uint8
        and bool((space.low == 0).all() and (space.high == 255).all())
    )


def _categories(key: str, space: gym.Space[Any], *, onehot: bool) -> tuple[Any, Any]:
    """Return the width of a one-hot part and the first column of each entry; None if it is flat."""
    if isinstance(space, spaces.Discrete):
        return int(space.n), np.array([-space.start], np.int64)
    if isinstance(space, spaces.MultiDiscrete):
        levels, low = space.nvec.ravel().astype(np.int64), space.start.ravel()
    elif onehot and _is_small_integers(space):
        low = space.low.ravel().astype(np.int64)
        levels = space.high.ravel().astype(np.int64) - low + 1
    elif isinstance(space, spaces.Box | spaces.MultiBinary):
        return None, None
    else:
        raise ValueError(
            "the observation space must be Box, Discrete, MultiDiscrete, MultiBinary or a Dict of "
            f"these, got {space}" + (f" under {key!r}" if key else "")
        )
    return int(levels.sum()), (np.cumsum(levels) - levels - low).astype(np.int64)


def _is_small_integers(space: gym.Space[Any]) -> TypeGuard[spaces.Box]:
    return (
        isinstance(space, spaces.Box)
        and np.issubdtype(space.dtype, np.integer)
        and bool((space.high.astype(np.int64) - space.low.astype(np.int64) < LEVELS).all())
    )
