"""Goal envs and a masked env for the tests of the Stable-Baselines3 agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space


class Goals(VectorEnv):
    """N rows with a goal each; -1 per step until it is reached, at most ``limit`` steps."""

    limit = 10

    def __init__(self, num_envs: int, size: int, part: gym.Space, action: gym.Space) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self.size = num_envs, size
        self.single_observation_space = gym.spaces.Dict(
            observation=part, achieved_goal=part, desired_goal=part
        )
        self.single_action_space = action
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(action, num_envs)
        self.at, self.goal = np.zeros((2, num_envs, size), part.dtype)
        self.steps = np.zeros(num_envs, np.int64)
        self.rng = np.random.default_rng()

    def draw(self, count: int) -> np.ndarray:
        raise NotImplementedError

    def move(self, actions: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def reached(self, at: np.ndarray, goal: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, infos: Any) -> np.ndarray:
        return self.reached(achieved, desired) - 1.0

    def _place(self, rows: np.ndarray) -> None:
        self.at[rows], self.goal[rows] = self.draw(rows.sum()), self.draw(rows.sum())
        self.steps[rows] = 0

    def _obs(self) -> dict[str, np.ndarray]:
        at, goal = self.at.copy(), self.goal.copy()
        return {"observation": at, "achieved_goal": at.copy(), "desired_goal": goal}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self._place(np.ones(self.num_envs, np.bool_))
        return self._obs(), {}

    def step(self, actions: np.ndarray) -> Any:
        self.at = self.move(actions)
        self.steps += 1
        reward = self.compute_reward(self.at, self.goal, {})
        terminated, truncated = reward == 0, self.steps >= self.limit
        done = terminated | truncated
        infos: dict[str, Any] = {"success": terminated.copy()}
        if done.any():
            obs, final = self._obs(), np.full(self.num_envs, None, object)
            for row in np.flatnonzero(done):
                final[row] = {key: value[row] for key, value in obs.items()}
            infos |= {"final_obs": final, "_final_obs": done, "final_info": dict(infos)}
            self._place(done)
        return self._obs(), reward, terminated, truncated, infos

    def get_state(self) -> dict[str, np.ndarray]:
        inner = self.rng.bit_generator.state["state"]
        words = [word for name in ("state", "inc") for word in divmod(inner[name], 2**64)]
        parts = {"at": self.at, "goal": self.goal, "steps": self.steps}
        return {key: x.copy() for key, x in parts.items()} | {"rng": np.array(words, np.uint64)}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self.at, self.goal, self.steps = (state[key].copy() for key in ("at", "goal", "steps"))
        a, b, c, d = (int(word) for word in state["rng"])
        inner = {"state": (a << 64) + b, "inc": (c << 64) + d}
        full = {"bit_generator": "PCG64", "state": inner, "has_uint32": 0, "uinteger": 0}
        self.rng.bit_generator.state = full


class Reach(Goals):
    """A point in the plane, moved by at most 0.2 per step and axis; the goal is near within 0.2."""

    def __init__(self, num_envs: int = 4) -> None:
        part = gym.spaces.Box(-1, 1, (2,), np.float32)
        super().__init__(num_envs, 2, part, gym.spaces.Box(-0.2, 0.2, (2,), np.float32))

    def draw(self, count: int) -> np.ndarray:
        return self.rng.uniform(-1, 1, (count, 2)).astype(np.float32)

    def move(self, actions: np.ndarray) -> np.ndarray:
        return np.clip(self.at + actions, -1, 1).astype(np.float32)

    def reached(self, at: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return np.abs(at - goal).max(1) < 0.2


class BitFlip(Goals):
    """Flip one of 8 bits per step until all are as wanted: the env of the paper on hindsight."""

    def __init__(self, num_envs: int = 4) -> None:
        super().__init__(num_envs, 8, gym.spaces.MultiBinary(8), gym.spaces.Discrete(8))

    def draw(self, count: int) -> np.ndarray:
        return self.rng.integers(0, 2, (count, self.size)).astype(np.int8)

    def move(self, actions: np.ndarray) -> np.ndarray:
        flipped = self.at.copy()
        flipped[np.arange(self.num_envs), actions] ^= 1
        return flipped

    def reached(self, at: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return (at == goal).all(1)


class Doors(VectorEnv):
    """One step: 6 doors, a third of them open; entering a closed one is an error of the agent.

    Attributes:
        entered: Closed doors entered.
    """

    def __init__(self, num_envs: int = 4) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
        self.single_action_space = gym.spaces.Discrete(6)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.rng = np.random.default_rng()
        self.entered = 0

    def _next(self) -> Any:
        self.open = np.argsort(self.rng.random((self.num_envs, 6))) < 2
        return np.zeros((self.num_envs, 1), np.float32), {"action_mask": self.open.copy()}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        return self._next()

    def step(self, actions: np.ndarray) -> Any:
        self.entered += int((~self.open[np.arange(self.num_envs), actions]).sum())
        done = np.ones(self.num_envs, np.bool_)
        final = np.full(self.num_envs, None, object)
        final[:] = [np.zeros(1, np.float32)] * self.num_envs
        obs, infos = self._next()
        infos |= {"final_obs": final, "_final_obs": done}
        return obs, (actions == 0) * 1.0, done, ~done, infos

    def get_state(self) -> dict[str, np.ndarray]:
        inner = self.rng.bit_generator.state["state"]
        words = [word for name in ("state", "inc") for word in divmod(inner[name], 2**64)]
        return {"open": self.open.copy(), "rng": np.array(words, np.uint64)}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self.open = state["open"].copy()
        a, b, c, d = (int(word) for word in state["rng"])
        inner = {"state": (a << 64) + b, "inc": (c << 64) + d}
        full = {"bit_generator": "PCG64", "state": inner, "has_uint32": 0, "uinteger": 0}
        self.rng.bit_generator.state = full


@pytest.fixture
def reach() -> Callable[..., Reach]:
    return Reach


@pytest.fixture
def bit_flip() -> Callable[..., BitFlip]:
    return BitFlip


@pytest.fixture
def doors() -> Callable[..., Doors]:
    return Doors
