"""From observations to one flat row of floats each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
CLIP = 10.0
"""Normalised observations lie in [-CLIP, CLIP], as in SB3's ``VecNormalize``."""
EPSILON = 1e-8
"""Added to variances, which may be 0."""
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
        moments: With ``normalize=True`` what is known of the columns that are magnitudes, else
            None. It changes when :meth:`Moments.observe` is called, and at no other time.
    """

    def __init__(self, space: gym.Space[Any], *, encoder: str, normalize: bool = False) -> None:
        """Build the index tables.

        Args:
            space: Box, Discrete, MultiDiscrete, MultiBinary, or a Dict of such spaces.
            encoder: ``"flat"`` or ``"onehot"``.
            normalize: True to shift and scale magnitudes (entries of Boxes that are neither images
                nor one-hot) by running moments.

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
        self.moments = Moments(self._magnitudes()) if normalize else None

    def _magnitudes(self) -> Tensor:
        """Return which columns are magnitudes, (width,) bool."""
        known = [
            torch.full((width,), self._is_magnitude(key)) for key, width in self._widths.items()
        ]
        return torch.cat(known)

    def _is_magnitude(self, key: str) -> bool:
        flat = self._firsts[key] not in self._buffers and key not in self._images
        return flat and isinstance(self.spaces[key], spaces.Box)

    def forward(self, obs: Tensors) -> Tensor:
        """Encode a batch: (B, ...) per key to (B, width) float32."""
        rows = self.raw(obs)
        return rows if self.moments is None else self.moments(rows)

    def raw(self, obs: Tensors) -> Tensor:
        """Encode a batch without normalising it: (B, ...) per key to (B, width) float32."""
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


class Moments(nn.Module):
    """Running means and variances of columns, which shift and scale them.

    They are part of the network's state, so a saved policy sees what the trained one saw.

    Attributes:
        mean: (width,) float64.
        var: (width,) float64, of the population.
        count: () float64, rows seen.
    """

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, magnitudes: Tensor) -> None:
        """Start from mean 0 and variance 1, which count for nothing.

        Args:
            magnitudes: (width,) bool; the other columns stay as they are.
        """
        super().__init__()
        wide = torch.zeros(len(magnitudes), dtype=torch.float64)
        self.register_buffer("mean", wide)
        self.register_buffer("var", torch.ones_like(wide))
        self.register_buffer("count", wide.new_zeros(()))
        self.register_buffer("_magnitudes", magnitudes, persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the rows normalised and clipped to :data:`CLIP`, (B, width)."""
        scale = torch.rsqrt(self.var + EPSILON).float()
        normal = ((rows - self.mean.float()) * scale).clamp_(-CLIP, CLIP)
        return torch.where(self.get_buffer("_magnitudes"), normal, rows)

    def observe(self, rows: Tensor, total: Callable[[Tensor], Tensor]) -> None:
        """Learn from rows, (B, width).

        Args:
            rows: What was seen since the last call, not normalised.
            total: Sums a tensor over all processes that learn together.

        Source: Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (Chan,
        Golub & LeVeque, 1979), eq. 1.5.
        """
        shift = rows.double() - self.mean
        size = torch.full_like(self.mean, len(rows))
        first, second, added = total(torch.stack([shift.sum(0), shift.square().sum(0), size]))
        count = self.count + added
        step = first / count
        self.var = (self.var * self.count + second) / count - step.square()
        self.mean, self.count = self.mean + step, count[0]


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
