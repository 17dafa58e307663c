"""What a design learns about the env it is attached to, read off the env."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv

from operant.finite import ModelOf
from operant.reward_design.adapters.transitions import card_of
from operant.reward_design.base import DesignContext


def context_of(
    env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any],
    *,
    gamma: float,
    seed: int = 0,
    num_envs: int | None = None,
) -> DesignContext:
    """Return the context of a scalar or vector env.

    Args:
        env: The env.
        gamma: The agent's discount, in [0, 1].
        seed: Seed of everything random inside the design.
        num_envs: Number of slots; None for as many as the env has rows.
    """
    rows = 1
    groups: Any = None
    shown: gym.Space[Any] = env.observation_space
    allowed: gym.Space[Any] = env.action_space
    if isinstance(env, VectorEnv):
        rows, shown, allowed = env.num_envs, env.single_observation_space, env.single_action_space
        groups = getattr(env.unwrapped, "groups", None)
    slots = rows if num_envs is None else num_envs
    card = card_of(env)
    return DesignContext(
        observation_space=shown,
        action_space=allowed,
        features=() if card is None else card.features,
        num_envs=slots,
        gamma=gamma,
        seed=seed,
        model=ModelOf(env.spec),
        expert="" if card is None else card.expert,
        groups=teams(groups, slots),
    )


def teams(groups: Any, num_envs: int) -> tuple[int, ...]:
    """Return what an env calls its ``groups`` as a context has them.

    Args:
        groups: (num_envs,) the team of each row. Anything else tells nothing of these slots.
        num_envs: Number of slots.
    """
    if np.shape(groups) != (num_envs,):
        return ()
    return tuple(np.asarray(groups, np.int64).tolist())
