"""Transitions of random play: what an env shows to somebody who knows nothing about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gymnasium.vector import AutoresetMode, VectorEnv

from operant.reward_design.adapters.transitions import TransitionTracker
from operant.types import Transition


def random_play(env: VectorEnv[Any, Any, Any], *, seed: int, steps: int) -> Iterator[Transition]:
    """Act at random, over as many levels as there are episodes.

    Args:
        env: Vector env in ``SAME_STEP`` autoreset mode.
        seed: Of the env's reset and of the actions.
        steps: Steps of every row.

    Yields:
        After each step, the transitions of all rows with their true rewards.

    Raises:
        OperantError: If the env pays something else than its true reward.
    """
    tracker = TransitionTracker(
        observation_space=env.single_observation_space,
        num_envs=env.num_envs,
        autoreset_mode=AutoresetMode.SAME_STEP,
        copy=True,
    )
    env.action_space.seed(seed)
    obs, infos = env.reset(seed=seed)
    tracker.reset(obs, infos)
    for _ in range(steps):
        action = env.action_space.sample()
        obs, reward, terminated, truncated, infos = env.step(action)
        yield tracker.step(action, obs, reward, terminated, truncated, infos)
