"""From a family to the two factories that its table rows name."""

from __future__ import annotations

import re
from typing import Any, Protocol

import gymnasium as gym
from gymnasium.vector import VectorEnv

from operant.envs.delayed import STEP, DelayedEnv, DelayedVectorEnv, payment
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.scalar import GridEnv
from operant.envs.gridworld.vector import GridVectorEnv


class MakeScalar(Protocol):
    """Builds a scalar env; keyword arguments of :class:`~operant.envs.gridworld.scalar.GridEnv`.

    With ``reward="delayed"`` it is a :class:`~operant.envs.delayed.DelayedEnv`; ``"step"`` is the
    same as None.
    """

    def __call__(self, *, reward: str | None = STEP, **kwargs: Any) -> gym.Env[Any, Any]:
        """Build it."""


class MakeVector(Protocol):
    """Builds a batched env; those of :class:`~operant.envs.gridworld.vector.GridVectorEnv`.

    With ``device="cuda"`` or ``"cuda:<index>"`` it is one on a GPU,
    :class:`~operant.envs.gridworld.cuda.env.CudaVectorEnv`. With ``reward="delayed"`` it is a
    :class:`~operant.envs.delayed.DelayedVectorEnv`, which there is on the CPU only.
    """

    def __call__(
        self, *, reward: str | None = STEP, device: Any = "cpu", **kwargs: Any
    ) -> VectorEnv[Any, Any, Any]:
        """Build it."""


def makers(family: Family) -> tuple[MakeScalar, MakeVector]:
    """Return the factories ``make`` and ``make_vector`` of a family."""

    def make(*, reward: str | None = STEP, **kwargs: Any) -> gym.Env[Any, Any]:
        delayed, own = payment(reward, family.rewards)
        env = GridEnv(family=family, reward=own, **kwargs)
        return DelayedEnv(env) if delayed else env

    def make_vector(
        *, reward: str | None = STEP, device: Any = "cpu", **kwargs: Any
    ) -> VectorEnv[Any, Any, Any]:
        delayed, own = payment(reward, family.rewards)
        if str(device) == "cpu":
            env = GridVectorEnv(family=family, reward=own, **kwargs)
            return DelayedVectorEnv(env) if delayed else env
        if not re.fullmatch(r"cuda(:\d+)?", str(device)):
            raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:<index>', got {device!r}")
        if delayed:
            raise ValueError(f"device must be 'cpu' for reward='delayed', got {device!r}")
        from operant.envs.gridworld.cuda.env import CudaVectorEnv  # loads torch and numba-cuda

        return CudaVectorEnv(family=family, device=str(device), reward=own, **kwargs)

    return make, make_vector
