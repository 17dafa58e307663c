"""Tiny envs with a known optimum, each of which asks for one ability of an agent."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

BLANK = gym.spaces.Box(0, 1, (1,), np.float32)


class Tiny(VectorEnv):
    """N rows of episodes of at most ``length`` steps, of which a subclass says what happens.

    Attributes:
        optimum: The highest expected return of an episode.
    """

    observation: gym.Space = BLANK
    action: gym.Space
    length = 1
    optimum = 1.0
    masked = False

    def __init__(self, num_envs: int) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = self.observation, self.action
        self.observation_space = batch_space(self.observation, num_envs)
        self.action_space = batch_space(self.action, num_envs)
        self.rows = np.arange(num_envs)
        self.clock = np.zeros(num_envs, np.int64)

    def begin(self, rows: np.ndarray) -> None:
        """Start episodes in the rows (N,) bool."""

    def see(self) -> np.ndarray:
        """Return the observations."""
        return np.zeros((self.num_envs, 1), np.float32)

    def act(self, actions: np.ndarray) -> np.ndarray:
        """Carry the actions out, and return the rewards; ``clock`` counts steps before this one."""
        raise NotImplementedError

    def over(self) -> np.ndarray:
        """Return which episodes ended before their time, (N,)."""
        return np.zeros(self.num_envs, np.bool_)

    def infos(self) -> dict[str, Any]:
        return {}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.clock[:] = 0
        self.begin(np.ones(self.num_envs, np.bool_))
        return self.see(), self.infos()

    def step(self, actions: np.ndarray) -> Any:
        reward = np.asarray(self.act(actions), np.float64)
        self.clock += 1
        done = self.over() | (self.clock == self.length)
        final = self.see()
        self.clock[done] = 0
        self.begin(done)
        infos = self.infos()
        if done.any():
            last = np.full(self.num_envs, None, object)
            for row in np.flatnonzero(done):
                last[row] = final[row]
            infos |= {"final_obs": last, "_final_obs": done}
        return self.see(), reward, done, np.zeros_like(done), infos


class Bandit(Tiny):
    """One of five arms pays."""

    action = gym.spaces.Discrete(5)

    def act(self, actions: np.ndarray) -> np.ndarray:
        return actions == 3


class Identity(Tiny):
    """The right action is what is seen."""

    observation = action = gym.spaces.Discrete(4)

    def begin(self, rows: np.ndarray) -> None:
        self.wanted = self.rng.integers(0, 4, self.num_envs)

    def see(self) -> np.ndarray:
        return self.wanted.copy()

    def act(self, actions: np.ndarray) -> np.ndarray:
        return actions == self.wanted


class MultiIdentity(Identity):
    """The same with two actions at a time, half the reward for each."""

    observation = action = gym.spaces.MultiDiscrete([3, 2])

    def begin(self, rows: np.ndarray) -> None:
        self.wanted = self.rng.integers(0, [3, 2], (self.num_envs, 2))

    def act(self, actions: np.ndarray) -> np.ndarray:
        return (actions == self.wanted).mean(1)


class Target(Tiny):
    """The right action is the number seen; what it misses by is the loss."""

    observation = action = gym.spaces.Box(-1, 1, (1,), np.float32)

    def begin(self, rows: np.ndarray) -> None:
        self.wanted = self.rng.uniform(-1, 1, (self.num_envs, 1)).astype(np.float32)

    def see(self) -> np.ndarray:
        return self.wanted.copy()

    def act(self, actions: np.ndarray) -> np.ndarray:
        return 1 - np.abs(actions - self.wanted)[:, 0]


class Delayed(Tiny):
    """The first of four actions decides what the last one is paid; all others do nothing."""

    observation = gym.spaces.MultiDiscrete([4, 4])  # the step, and the first action
    action = gym.spaces.Discrete(3)
    length = 4

    def begin(self, rows: np.ndarray) -> None:
        if rows.all():
            self.first = np.full(self.num_envs, 3)
        self.first[rows] = 3

    def see(self) -> np.ndarray:
        return np.stack([np.minimum(self.clock, 3), self.first], 1)

    def act(self, actions: np.ndarray) -> np.ndarray:
        self.first = np.where(self.clock == 0, actions, self.first)
        return (self.clock == 3) & (self.first == 1)


class Memory(Tiny):
    """A cue is seen once, and asked for three steps later."""

    observation = gym.spaces.MultiDiscrete([3, 4])  # the cue, then 2; and the step
    action = gym.spaces.Discrete(2)
    length = 4

    def begin(self, rows: np.ndarray) -> None:
        drawn = self.rng.integers(0, 2, self.num_envs)
        self.cue = drawn if rows.all() else np.where(rows, drawn, self.cue)

    def see(self) -> np.ndarray:
        return np.stack([np.where(self.clock == 0, self.cue, 2), np.minimum(self.clock, 3)], 1)

    def act(self, actions: np.ndarray) -> np.ndarray:
        return (self.clock == 3) & (actions == self.cue)


class Masks(Tiny):
    """Higher actions pay more, but only two of six are allowed at a time, and nothing shows which.

    The expected maximum of two different numbers of 0 to 5 is 14/3 - 1.
    """

    action = gym.spaces.Discrete(6)
    optimum = (14 / 3 - 1) / 5
    masked = True

    def begin(self, rows: np.ndarray) -> None:
        self.allowed = np.argsort(self.rng.random((self.num_envs, 6))) < 2

    def infos(self) -> dict[str, Any]:
        return {"action_mask": self.allowed.copy()}

    def act(self, actions: np.ndarray) -> np.ndarray:
        return np.where(self.allowed[self.rows, actions], actions / 5, -10)


class Mixed(Tiny):
    """Of 16 actions, three quarters should be 0; no policy without a memory can count.

    With p the probability of action 0, the return is ``1 - 4 ((p - 3/4)^2 + p (1 - p) / 16)`` on
    average, at best 0.954 at p = 0.767. Always the same action: 0.75.
    """

    action = gym.spaces.Discrete(2)
    length = 16
    optimum = 0.954

    def begin(self, rows: np.ndarray) -> None:
        if rows.all():
            self.zeros = np.zeros(self.num_envs)
        self.zeros[rows] = 0

    def act(self, actions: np.ndarray) -> np.ndarray:
        self.zeros += actions == 0
        return np.where(self.clock == 15, 1 - 4 * (self.zeros / 16 - 0.75) ** 2, 0.0)


class Squares(Tiny):
    """Walk on 5 x 5 cells to another one; every step is paid the share of the way it covered."""

    observation = gym.spaces.MultiDiscrete([9, 9])  # where the goal lies, plus 4
    action = gym.spaces.Discrete(4)
    length = 8
    moves = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])

    def begin(self, rows: np.ndarray) -> None:
        at = self.rng.integers(0, 5, (self.num_envs, 2))
        goal = (at + self.rng.integers(1, 5, (self.num_envs, 2))) % 5
        if rows.all():
            self.at, self.goal, self.way = at, goal, np.abs(goal - at).sum(1)
        self.at[rows], self.goal[rows] = at[rows], goal[rows]
        self.way[rows] = np.abs(goal - at).sum(1)[rows]

    def see(self) -> np.ndarray:
        return self.goal - self.at + 4

    def act(self, actions: np.ndarray) -> np.ndarray:
        before = np.abs(self.goal - self.at).sum(1)
        self.at = np.clip(self.at + self.moves[actions], 0, 4)
        return (before - np.abs(self.goal - self.at).sum(1)) / self.way

    def over(self) -> np.ndarray:
        return (self.at == self.goal).all(1)


@pytest.fixture(scope="session")
def ocean() -> dict[str, type[Tiny]]:
    """Return the envs by name."""
    found = (Bandit, Identity, MultiIdentity, Target, Delayed, Memory, Masks, Mixed, Squares)
    return {env.__name__.lower(): env for env in found}
