"""Small worlds whose every step is known by hand, and builders of transitions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from operant.reward_design.base import DesignContext, RewardDesign
from operant.types import Card, Feature, RewardTerms, Transition

TABLE = (
    Feature(name="position", description="cell", low=0, high=6, dtype="int", privileged=True),
    Feature(name="lit", description="right half", low=0, high=1, dtype="bool"),
    Feature(name="subgoal", description="next subgoal", low=0, high=1, dtype="int"),
    Feature(name="steps_to_subgoal", description="distance", low=0, high=4, dtype="int"),
)


def card(features: tuple[Feature, ...]) -> Card:
    """Return a card of which only the features matter."""
    words = ("description", "observation", "action", "reward", "termination", "truncation")
    return Card(
        id="Test-v0",
        success="none",
        metric="return",
        oracle="none",
        features=features,
        **dict.fromkeys(words, "see the test"),
    )


class Corridor(gym.Env[Any, int]):
    """Seven cells, slippery floor: the right end pays 1, the left end -0.5; a time limit cuts."""

    def __init__(self, *, limit: int = 12, as_dict: bool = False) -> None:
        self.metadata = {}  # not the class's: SyncVectorEnv writes into it
        self.limit, self.as_dict, self.card = limit, as_dict, card(TABLE)
        box = gym.spaces.Box(0, 6, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.observation_space: gym.Space[Any] = (
            gym.spaces.Dict({"cell": box, "parity": gym.spaces.Discrete(2)}) if as_dict else box
        )

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.position, self.time = int(self.np_random.integers(1, 6)), 0
        return self._obs(), {"features": self._features()}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        slip = self.np_random.random() < 0.2
        self.position += 1 if (action == 1) != slip else -1
        self.time += 1
        terminated = self.position in (0, 6)
        reward = {0: -0.5, 6: 1.0}.get(self.position, 0.0)
        return (
            self._obs(),
            reward,
            terminated,
            self.time >= self.limit,
            {"features": self._features()},
        )

    def get_state(self) -> dict[str, Any]:
        words = json.dumps(self.np_random.bit_generator.state)
        return {
            "place": np.array([self.position, self.time]),
            "stream": np.frombuffer(words.encode(), np.uint8).copy(),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.position, self.time = state["place"].tolist()
        self.np_random.bit_generator.state = json.loads(state["stream"].tobytes())

    def _obs(self) -> Any:
        cell = np.array([self.position, self.time % 3], np.float32)
        return {"cell": cell, "parity": self.position % 2} if self.as_dict else cell

    def _features(self) -> dict[str, float]:
        lit = self.position >= 4
        return {
            "position": float(self.position),
            "lit": float(lit),
            "subgoal": float(lit),
            "steps_to_subgoal": float(6 - self.position if lit else 4 - self.position),
        }


class Chain(gym.Env[Any, int]):
    """Walks through states 0, 1, 2, ... whatever the action; the reward of each step is given."""

    def __init__(self, rewards: Sequence[float], *, terminated: bool, truncated: bool) -> None:
        self.metadata = {}
        self.rewards, self.ends = list(rewards), (terminated, truncated)
        state = Feature(name="state", description="index", low=0, high=100, dtype="int")
        self.card = card((state,))
        self.observation_space = gym.spaces.Discrete(101)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        self.state = 0
        return 0, {"features": {"state": 0.0}}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        reward = self.rewards[self.state]
        self.state += 1
        ends = self.ends if self.state == len(self.rewards) else (False, False)
        return self.state, reward, *ends, {"features": {"state": float(self.state)}}


class Fixed(RewardDesign):
    """Pays the given amount on top, as term ``extra``."""

    def __init__(self, extra: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extra = extra

    def step(self, t: Transition) -> RewardTerms:
        return RewardTerms.sum_of(env=t.reward, extra=np.full(len(t), self.extra))


@pytest.fixture
def corridor() -> type[Corridor]:
    return Corridor


@pytest.fixture
def chain() -> type[Chain]:
    return Chain


@pytest.fixture
def fixed() -> type[Fixed]:
    return Fixed


@pytest.fixture(scope="session")
def attach() -> Callable[..., RewardDesign]:
    """Return a function that sets a design up for bare transitions."""

    def attach(design: RewardDesign, **changes: Any) -> RewardDesign:
        context = {
            "observation_space": gym.spaces.Box(-np.inf, np.inf, (1,), np.float64),
            "action_space": gym.spaces.Discrete(2),
            "features": TABLE,
            "num_envs": 4,
            "gamma": 0.9,
        }
        design.setup(DesignContext(**{**context, **changes}))
        return design

    return attach


@pytest.fixture(scope="session")
def transition() -> Callable[..., Transition]:
    """Return a builder of transitions from per-row values; everything has a default."""

    def build(size: int = 1, **values: Any) -> Transition:
        defaults = {
            "obs": np.zeros((size, 1)),
            "action": np.zeros(size, np.int64),
            "next_obs": np.ones((size, 1)),
            "reward": np.zeros(size),
            "terminated": np.zeros(size, np.bool_),
            "truncated": np.zeros(size, np.bool_),
            "features": {},
            "prev_features": {},
            "env_ids": np.arange(size),
            "episode_step": np.zeros(size, np.int64),
        }
        return Transition(**{**defaults, **values})

    return build
