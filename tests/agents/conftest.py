"""Small envs for the tests of agents."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space


class Corridor(VectorEnv):
    """N walkers on 6 cells, randomly placed; 1 for leaving at the right end, 20 steps at most.

    A batched SAME_STEP env with saved state, which reports what Operant's envs report.
    """

    def __init__(self, num_envs: int = 4, limit: int = 20) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self.limit = num_envs, limit
        self.single_observation_space = gym.spaces.Dict(
            cell=gym.spaces.Box(0, 5, (1,), np.uint8), clock=gym.spaces.Box(0, 1, (1,), np.float32)
        )
        self.single_action_space = gym.spaces.Discrete(3)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.at = np.zeros(num_envs, np.int64)
        self.steps = np.zeros(num_envs, np.int64)
        self.rng = np.random.default_rng()

    def _place(self, rows: np.ndarray) -> None:
        self.at[rows] = (5 * self.rng.random(rows.sum())).astype(np.int64)
        self.steps[rows] = 0

    def _obs(self) -> dict[str, Any]:
        clock = (self.steps / self.limit).astype(np.float32)
        return {"cell": self.at.astype(np.uint8)[:, None], "clock": clock[:, None]}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.reset_options = options
        self._place(np.ones(self.num_envs, np.bool_))
        every = np.ones(self.num_envs, np.bool_)
        return self._obs(), {"features": {"at": self.at.copy()}, "_features": every}

    def step(self, actions: np.ndarray) -> Any:
        self.at = np.maximum(self.at + actions - 1, 0)
        self.steps += 1
        terminated, truncated = self.at > 5, self.steps >= self.limit
        self.at = np.minimum(self.at, 5)
        reward, done = terminated * 1.0, terminated | truncated
        infos: dict[str, Any] = {"true_reward": reward * 2, "success": terminated.copy()}
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
        return {"at": self.at.copy(), "steps": self.steps.copy(), "rng": np.array(words, np.uint64)}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self.at, self.steps = state["at"].copy(), state["steps"].copy()
        a, b, c, d = (int(word) for word in state["rng"])
        inner = {"state": (a << 64) + b, "inc": (c << 64) + d}
        full = {"bit_generator": "PCG64", "state": inner, "has_uint32": 0, "uinteger": 0}
        self.rng.bit_generator.state = full


class Stateless(gym.vector.VectorWrapper):
    """A wrapper that cannot save its state."""


def sync(env_id: str, num_envs: int, **kwargs: Any) -> SyncVectorEnv:
    """Return Gymnasium's loop over scalar envs, in SAME_STEP mode."""
    makers = [partial(gym.make, env_id, **kwargs)] * num_envs
    return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)


@pytest.fixture
def corridor() -> Callable[..., Corridor]:
    return Corridor


@pytest.fixture
def stateless() -> type[Stateless]:
    return Stateless


@pytest.fixture
def make_sync() -> Callable[..., SyncVectorEnv]:
    return sync
