"""An explicit MDP as a batched env, so that learners can be held against planners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space


class MDPEnv(VectorEnv):
    """N walkers in an MDP of S states, which they see; S stands for the end.

    Episodes start in state 0, or anywhere; they are cut off after ``limit`` steps.
    """

    def __init__(self, mdp: Any, num_envs: int, *, limit: int, anywhere: bool = False) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.mdp, self.num_envs, self.limit, self.anywhere = mdp, num_envs, limit, anywhere
        self.single_observation_space = gym.spaces.Discrete(mdp.num_states + 1)
        self.single_action_space = gym.spaces.Discrete(mdp.num_actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.at, self.steps = np.zeros((2, num_envs), np.int64)

    def _place(self, rows: np.ndarray) -> None:
        count = int(rows.sum())
        self.at[rows] = self.rng.integers(0, self.mdp.num_states, count) if self.anywhere else 0
        self.steps[rows] = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.rng = np.random.default_rng(seed)
        self._place(np.ones(self.num_envs, np.bool_))
        return self.at.copy(), {}

    def step(self, actions: np.ndarray) -> Any:
        reward = self.mdp.reward[self.at, actions]
        self.at = self.mdp.next_state[self.at, actions]
        self.steps += 1
        terminated, truncated = self.at < 0, self.steps >= self.limit
        done = terminated | truncated
        final = np.where(terminated, self.mdp.num_states, self.at)
        infos = {"final_obs": final.astype(object), "_final_obs": done} if done.any() else {}
        self._place(done)
        return self.at.copy(), reward, terminated, truncated, infos


@pytest.fixture
def mdp_env() -> Callable[..., MDPEnv]:
    return MDPEnv


@pytest.fixture(scope="session")
def sparse_key() -> Any:
    """Return the MDP of one level of SparseKey-5x5: 260 states."""
    env = gym.make("SparseKey-5x5-v0")
    env.reset(seed=2)
    return env.unwrapped.tabular_mdp()


@pytest.fixture(scope="session")
def empty() -> Any:
    """Return the MDP of Empty-5x5: 32 states."""
    env = gym.make("Empty-5x5-v0")
    env.reset(seed=0)
    return env.unwrapped.tabular_mdp()
