"""The first episode of every row of a batch, which is what a score is taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from operant.agents.base import AnyVectorEnv
from operant.types import Bool, Float


def first_episodes(
    env: AnyVectorEnv, act: Callable[[Any], Any], *, seed: int, limit: int | None = None
) -> Iterator[tuple[Bool, Float, dict[str, Any]]]:
    """Play until every row has ended an episode; rows that are through go on, unscored.

    Args:
        env: Vector env in ``SAME_STEP`` autoreset mode.
        act: From a batch of observations to actions.
        seed: Of the env's reset.
        limit: Env steps after which to stop in any case.

    Yields:
        After each step: (N,) bool, the rows in whose first episode it was; (N,) rewards; and infos.
    """
    obs, _ = env.reset(seed=seed)
    running, steps = np.ones(env.num_envs, np.bool_), 0
    while running.any() and (limit is None or steps < limit):
        obs, reward, terminated, truncated, infos = env.step(act(obs))
        yield running.copy(), reward, infos
        running &= ~(terminated | truncated)
        steps += 1
