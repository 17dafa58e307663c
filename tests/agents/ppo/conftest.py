"""Small envs for the tests of the SB3-shaped front."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

SMALL = {"n_steps": 16, "batch_size": 24, "n_epochs": 2, "policy_kwargs": {"net_arch": [8]}}


class Walk(gym.Env):
    """Counts its steps; pays 1 for action 1; cut after ``limit`` steps, or ended by action 2."""

    def __init__(self, limit: int = 5, *, ends: bool = False) -> None:
        self.observation_space = gym.spaces.Box(0, 100, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(3)
        self.limit, self.ends, self.clock = limit, ends, 0

    def _obs(self) -> np.ndarray:
        return np.array([self.clock, self.noise], np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.clock, self.noise = 0, self.np_random.random()
        return self._obs(), {"at": 0}

    def step(self, action: int) -> Any:
        self.clock += 1
        ended = bool(self.ends and action == 2)
        cut = not ended and self.clock >= self.limit
        return self._obs(), float(action == 1), ended, cut, {"at": self.clock, "is_success": cut}


class Masked(Walk):
    """Allows one action, which changes with the clock; another one raises."""

    def action_masks(self) -> np.ndarray:
        return np.arange(3) == self.clock % 3

    def step(self, action: int) -> Any:
        assert self.action_masks()[action], (self.clock, action)
        return super().step(action)


class Informed(Walk):
    """The same, with the masks in its infos."""

    def _mask(self) -> np.ndarray:
        return np.arange(3) == self.clock % 3

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        obs, info = super().reset(seed=seed)
        return obs, {**info, "action_mask": self._mask()}

    def step(self, action: int) -> Any:
        assert self._mask()[action], (self.clock, action)
        *rest, info = Walk.step(self, action)
        return (*rest, {**info, "action_mask": self._mask()})


def sync(kind: Callable[[], gym.Env], rows: int, mode: str = "SAME_STEP") -> SyncVectorEnv:
    """Return a loop over envs."""
    return SyncVectorEnv([kind] * rows, autoreset_mode=AutoresetMode[mode])


@pytest.fixture
def walk() -> type[Walk]:
    return Walk


@pytest.fixture
def masked() -> type[Masked]:
    return Masked


@pytest.fixture
def informed() -> type[Informed]:
    return Informed


@pytest.fixture
def loop() -> Callable[..., SyncVectorEnv]:
    return sync


@pytest.fixture
def small() -> dict[str, Any]:
    return dict(SMALL)


@pytest.fixture
def same() -> Callable[[Any, Any], bool]:
    def equal(one: Any, two: Any) -> bool:
        """Tell whether two models have bit-equal parameters."""
        mine, its = (model.get_parameters()["policy"] for model in (one, two))
        return mine.keys() == its.keys() and all(
            mine[name].numpy().tobytes() == its[name].numpy().tobytes() for name in mine
        )

    return equal


@pytest.fixture
def walks(walk: type[Walk]) -> list[Callable[[], Walk]]:
    """Makers of three walks of different lengths."""
    return [partial(walk, limit, ends=True) for limit in (3, 5, 7)]
