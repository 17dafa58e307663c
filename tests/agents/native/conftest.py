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
    "binary": gym.spaces.MultiBinary(3),
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
        elif isinstance(space, gym.spaces.MultiBinary):
            self.obs = self.rng.integers(0, 2, (n, *space.shape)).astype(np.int8)
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


class Recall(VectorEnv):
    """Shows a cue, then nothing for a while; pays 1 for naming the cue when asked.

    Observations are the cue as a one-hot vector, at the first step alone, and whether this is the
    question, which ends the episode. How long it takes differs from episode to episode. With
    ``masks``, only action 0 is allowed before the question, and then all but a wrong one.
    """

    CUES = 3

    def __init__(
        self,
        num_envs: int = 16,
        delays: tuple[int, int] = (4, 6),
        *,
        mode: AutoresetMode = AutoresetMode.SAME_STEP,
        masks: bool = False,
    ) -> None:
        self.metadata = {"autoreset_mode": mode}
        self.num_envs, self.delays, self.mode, self.masks = num_envs, delays, mode, masks
        self.single_observation_space = gym.spaces.Box(0, 1, (self.CUES + 1,), np.float32)
        self.single_action_space = gym.spaces.Discrete(self.CUES)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.seed = 0
        self.episode, self.clock = np.zeros((2, num_envs), np.int64)
        self.ended = np.zeros(num_envs, np.bool_)

    def _draw(self, what: int, low: int, high: int) -> np.ndarray:
        """Return numbers in [low, high] that depend on seed, row and episode alone."""
        mixed = self.seed * 7919 + np.arange(self.num_envs) * 104729 + self.episode * 1299709 + what
        mixed = (mixed * 2654435761) % 2**32
        return low + ((mixed ^ (mixed >> 15)) * 2246822519 % 2**32 >> 16) % (high - low + 1)

    def _see(self) -> tuple[np.ndarray, dict[str, Any]]:
        rows = np.arange(self.num_envs)
        cue, delay = self._draw(1, 0, self.CUES - 1), self._draw(2, *self.delays)
        obs = np.zeros((self.num_envs, self.CUES + 1), np.float32)
        obs[rows, cue] = self.clock == 0
        asked = self.clock == delay
        obs[:, -1] = asked
        if not self.masks:
            return obs, {}
        mask = np.zeros((self.num_envs, self.CUES), np.int8)
        mask[:, 0] = 1
        mask[asked] = 1
        mask[asked, (cue[asked] + 1) % self.CUES] = 0
        return obs, {"action_mask": mask, "_action_mask": np.ones(self.num_envs, np.bool_)}

    def _renew(self, rows: np.ndarray) -> None:
        self.episode[rows] += 1
        self.clock[rows] = 0
        self.ended[rows] = False

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if options is not None and "reset_mask" in options:
            self._renew(options["reset_mask"])
            return self._see()
        self.seed = self.seed + 1 if seed is None else seed
        self.episode[:], self.clock[:], self.ended[:] = 0, 0, False
        return self._see()

    def step(self, actions: np.ndarray) -> Any:
        pseudo = self.ended.copy() if self.mode is AutoresetMode.NEXT_STEP else ~self._every()
        asked = (self.clock == self._draw(2, *self.delays)) & ~pseudo
        right = (actions == self._draw(1, 0, self.CUES - 1)) & asked
        self.clock[~pseudo] += 1
        self.ended = asked.copy()
        if self.mode is AutoresetMode.NEXT_STEP:
            self._renew(pseudo)
        final, last = np.full(self.num_envs, None, object), self._see()[0]
        for row in np.flatnonzero(asked):
            final[row] = last[row]
        if self.mode is AutoresetMode.SAME_STEP:
            self._renew(asked)
        obs, infos = self._see()
        if self.mode is AutoresetMode.SAME_STEP and asked.any():
            infos |= {"final_obs": final, "_final_obs": asked}
        return obs, right * 1.0, asked, ~self._every(), infos

    def _every(self) -> np.ndarray:
        return np.ones(self.num_envs, np.bool_)

    def get_state(self) -> dict[str, np.ndarray]:
        return {
            "seed": np.array(self.seed),
            "episode": self.episode.copy(),
            "clock": self.clock.copy(),
            "ended": self.ended.copy(),
        }

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self.seed = int(state["seed"])
        self.episode, self.clock = state["episode"].copy(), state["clock"].copy()
        self.ended = state["ended"].copy()


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


@pytest.fixture
def recall() -> type[Recall]:
    return Recall
