"""What a decoder sees of a step: the factors of a program, all features, or the raw observation."""

from __future__ import annotations

import functools
import math
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.reward_design.base import DesignContext
from operant.reward_design.llm.language.program import FactorProgram, compile_factors
from operant.reward_design.llm.vectors import vector_size
from operant.types import Feature, Features, Float, Obs

MANY = 64
"""Rows from which on compiling a program, about a second once, is worth it."""


class Inputs(Protocol):
    """Numbers that describe a step."""

    @property
    def size(self) -> int:
        """How many."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the features that they depend on."""

    def __call__(
        self, obs: Obs, action: Any, next_obs: Obs, before: Features, after: Features
    ) -> Float:
        """Return (B, size) for B steps, given the features before and after them."""


class ProgramInputs:
    """The factors of a program in the closed language, ``factors(obs, action, next_obs, info)``."""

    def __init__(self, source: str, context: DesignContext) -> None:
        """Compile the program for an env.

        Raises:
            UnsafeRewardCodeError: If the source is no program, or reads what the env has not.
            ValueError: If it remembers something.
        """
        sizes = vector_size(context.observation_space), vector_size(context.action_space)
        self._few = _compiled(source, *sizes, context.features, "python")
        self._many = _compiled(source, *sizes, context.features, "numba")
        if self._few.mem_size:
            raise ValueError("source must not use mem: a factor is a function of one step")

    @property
    def size(self) -> int:
        """Number of factors."""
        return self._few.size

    @property
    def reads(self) -> tuple[str, ...]:
        """Features that the program reads."""
        return tuple(self._few.reads)

    def __call__(
        self, obs: Obs, action: Any, next_obs: Obs, before: Features, after: Features
    ) -> Float:
        """Return the factors, (B, size).

        Raises:
            RewardProgramError: If the program fails in a step; says where in its text.
        """
        info = {name: np.asarray(after[name], np.float64) for name in self.reads}
        info |= {f"prev_{name}": np.asarray(before[name], np.float64) for name in self.reads}
        program = self._many if len(action) >= MANY else self._few
        return program.batch(obs, action, next_obs, info)


class RawInputs:
    """``[s, a, s' - s]``, everything flat; discrete parts are one-hot.

    Images stay numbers, as they are what the agent is shown.
    """

    reads: tuple[str, ...] = ()

    def __init__(self, context: DesignContext) -> None:
        """Look at the spaces."""
        self._seen, self._acted = context.observation_space, context.action_space
        self.size = 2 * _width(self._seen) + _width(self._acted)

    def __call__(
        self,
        obs: Obs,
        action: Any,
        next_obs: Obs,
        before: Features,  # noqa: ARG002
        after: Features,  # noqa: ARG002
    ) -> Float:
        """Return (B, size)."""
        now, then = _flat(self._seen, obs), _flat(self._seen, next_obs)
        return np.concatenate([now, _flat(self._acted, action), then - now], axis=1)


class FeatureInputs:
    """All features before and after the step, and the action."""

    def __init__(self, context: DesignContext) -> None:
        """Look at the feature table.

        Raises:
            ValueError: If the env publishes no features.
        """
        if not context.features:
            raise ValueError("inputs must be 'obs' where the env publishes no features")
        self.reads = tuple(feature.name for feature in context.features)
        self._acted = context.action_space
        width = sum(int(np.prod(feature.shape)) for feature in context.features)
        self.size = 2 * width + _width(self._acted)

    def __call__(
        self,
        obs: Obs,  # noqa: ARG002
        action: Any,
        next_obs: Obs,  # noqa: ARG002
        before: Features,
        after: Features,
    ) -> Float:
        """Return (B, size)."""
        told = [side[name] for side in (before, after) for name in self.reads]
        parts = [_wide(np.asarray(value, np.float64)) for value in told]
        return np.concatenate([*parts, _flat(self._acted, action)], axis=1)


@functools.lru_cache(maxsize=32)  # designs of one run share what was compiled
def _compiled(
    source: str, obs_size: int, action_size: int, features: tuple[Feature, ...], backend: Any
) -> FactorProgram:
    return compile_factors(
        source, obs_size=obs_size, action_size=action_size, features=features, backend=backend
    )


def _width(space: gym.Space[Any]) -> int:
    return int(spaces.flatdim(space))


def _flat(space: gym.Space[Any], values: Any) -> Float:
    """Return a batch of values of a space as (B, width) numbers, one-hot where it is discrete."""
    if isinstance(space, spaces.Dict):
        parts = [_flat(space.spaces[name], values[name]) for name in space.spaces]
        return np.concatenate(parts, axis=1)
    array = np.asarray(values)
    if isinstance(space, spaces.Discrete):
        return np.eye(int(space.n))[array.astype(np.int64) - int(space.start)]
    if isinstance(space, spaces.MultiDiscrete):
        columns = _wide(array).astype(np.int64) - space.start.ravel()
        hot = [np.eye(n)[columns[:, i]] for i, n in enumerate(space.nvec.ravel().tolist())]
        return np.concatenate(hot, axis=1)
    return _wide(array).astype(np.float64)


def _wide(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return (B, ...) numbers as (B, width); there is none where all rows are being reset."""
    return array.reshape(len(array), math.prod(array.shape[1:]))
