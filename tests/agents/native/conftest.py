"""Small envs for the tests of the native agents."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space

ACTIONS = {
    "discrete": gym.spaces.Discrete(4, start=2),
    "multi": gym.spaces.MultiDiscrete([3, 2]),
    "box": gym.spaces.Box(-1, 1, (2,), np.float32),
}


class Identity(VectorEnv):
    """Pays for doing what the observation says; the action space is the observation space.

    Batched, SAME_STEP, episodes of 8 steps cut by a time limit. With ``masks``, one action in four
    is allowed beside the right one. Two reward terms sum up to the reward.
    """

    def __init__(self, kind: str, num_envs: int = 16, *, masks: bool = False) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self.masks = num_envs, masks
        self.single_observation_space = self.single_action_space = ACTIONS[kind]
        self.observation_space = self.action_space = batch_space(ACTIONS[kind], num_envs)
        self.taken: list[np.ndarray] = []
        self.allowed: list[np.ndarray] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.rng = np.random.default_rng(seed)
        self.clock = 0
        return self._next(), self._mask()

    def _next(self) -> np.ndarray:
        space, n = self.single_observation_space, self.num_envs
        if isinstance(space, gym.spaces.Box):
            self.obs = self.rng.uniform(-1, 1, (n, *space.shape)).astype(np.float32)
        elif isinstance(space, gym.spaces.MultiDiscrete):
            self.obs = self.rng.integers(0, space.nvec, (n, 2))
        else:
            self.obs = self.rng.integers(space.start, space.start + space.n, n)
        return self.obs.copy()

    def _mask(self) -> dict[str, Any]:
        if not self.masks:
            return {}
        mask = np.zeros((self.num_envs, 4), np.int8)
        mask[np.arange(self.num_envs), self.obs - 2] = 1
        mask[np.arange(self.num_envs), self.rng.integers(0, 4, self.num_envs)] = 1
        self.allowed.append(mask)
        return {"action_mask": mask, "_action_mask": np.ones(self.num_envs, np.bool_)}

    def step(self, actions: np.ndarray) -> Any:
        assert self.action_space.contains(actions)
        self.taken.append(actions)
        gap = np.abs(actions.astype(float) - self.obs).reshape(self.num_envs, -1)
        box = self.single_action_space.dtype == np.float32
        right = -gap.sum(1) if box else (gap == 0).all(1).astype(float)
        self.clock += 1
        cut = np.full(self.num_envs, self.clock % 8 == 0)
        obs, infos = self._next(), {}
        if cut.any():
            final = np.full(self.num_envs, None, object)
            for row in range(self.num_envs):
                final[row] = obs[row]
            infos = {"final_obs": final, "_final_obs": cut}
        infos["reward_terms"] = {"one": 0.25 * right, "two": 0.75 * right}
        return obs, right, np.zeros(self.num_envs, np.bool_), cut, infos | self._mask()


class Clock(gym.Env):
    """Counts its steps, pays ``pay(clock)``, and ends after ``length`` of them, by either way."""

    def __init__(self, length: int, *, truncates: bool) -> None:
        self.observation_space = gym.spaces.Box(0, 100, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.length, self.truncates, self.clock = length, truncates, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.clock = 0
        return np.array([0], np.float32), {}

    def step(self, action: int) -> Any:
        self.clock += 1
        end = self.clock == self.length
        obs = np.array([self.clock], np.float32)
        return obs, float(self.clock), end and not self.truncates, end and self.truncates, {}


def clocks(mode: AutoresetMode, lengths: list[int], *, truncates: bool) -> SyncVectorEnv:
    """Return clocks of several lengths."""
    makers = [partial(Clock, length, truncates=truncates) for length in lengths]
    return SyncVectorEnv(makers, autoreset_mode=mode)


@pytest.fixture
def identity() -> Callable[..., Identity]:
    return Identity


@pytest.fixture
def make_clocks() -> Callable[..., SyncVectorEnv]:
    return clocks
