"""From a world to the two factories that its table rows name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
from gymnasium.vector import AutoresetMode, VectorEnv

from operant.envs.batched.scalar import WorldEnv
from operant.envs.batched.vector import WorldVectorEnv
from operant.envs.batched.world import BatchWorld
from operant.envs.delayed import STEP, DelayedEnv, DelayedVectorEnv, payment


class MakeScalar(Protocol):
    """Builds a scalar env of a world.

    ``reward`` is ``"step"`` for the true reward as it is earned, ``"delayed"`` for the same with
    the last step, or one of the world's other rewards by name; the world's arguments follow.
    """

    def __call__(
        self, *, reward: str | None = STEP, render_mode: str | None = None, **options: Any
    ) -> gym.Env[Any, Any]:
        """Build it."""


class MakeVector(Protocol):
    """Builds a batched env of a world; ``max_episode_steps`` cuts episodes as ``gym.make`` does."""

    def __call__(
        self,
        *,
        num_envs: int,
        reward: str | None = STEP,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **options: Any,
    ) -> VectorEnv[Any, Any, Any]:
        """Build it."""


def makers(
    world: type[BatchWorld],
    batch: Callable[..., BatchWorld] | None = None,
    *,
    scalar: type[WorldEnv] = WorldEnv,
    vector: type[WorldVectorEnv] = WorldVectorEnv,
) -> tuple[MakeScalar, MakeVector]:
    """Return the factories ``make`` and ``make_vector`` of a world.

    The world is called with ``num``, with ``reward`` where it pays more than one, and with what the
    user says; all else has defaults there.

    Args:
        world: The world.
        batch: What builds it for many rows; None for ``world`` itself.
        scalar: The env around one row, for worlds that tell more than all.
        vector: The env around many rows.
    """

    def build(
        kind: Callable[..., BatchWorld], num: int, own: str | None, **options: Any
    ) -> BatchWorld:
        if own is not None:
            options["reward"] = own
        return kind(num=num, **options)

    def make(
        *, reward: str | None = STEP, render_mode: str | None = None, **options: Any
    ) -> gym.Env[Any, Any]:
        delayed, own = payment(reward, world.REWARDS)
        env = scalar(build(world, 1, own, **options), render_mode=render_mode)
        return DelayedEnv(env) if delayed else env

    def make_vector(
        *,
        num_envs: int,
        reward: str | None = STEP,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **options: Any,
    ) -> VectorEnv[Any, Any, Any]:
        delayed, own = payment(reward, world.REWARDS)
        made = build(batch or world, num_envs, own, **options)
        if max_episode_steps is not None:
            made.cut(max_episode_steps)
        env = vector(made, autoreset_mode=autoreset_mode, render_mode=render_mode)
        return DelayedVectorEnv(env) if delayed else env

    return make, make_vector
