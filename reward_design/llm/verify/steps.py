"""Steps of a world as arrays, equal ones once, and the episodes that are made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from operant.reward_design.llm.task.spec import ObsView
from operant.types import Float, Int

Policy = Literal["random", "solution", "standing still", "oscillating"]
"""Who played an episode; ``"solution"`` is the oracle's."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """N steps, as programs are given them.

    Attributes:
        obs: (N, D) before the action; D is 0 where observations are no vectors.
        action: (N,) or (N, A).
        next_obs: (N, D) after it.
        info: Each feature after the step by name, and before it by ``prev_`` and name, (N,).
    """

    obs: Float
    action: Float
    next_obs: Float
    info: Mapping[str, Float]

    def __len__(self) -> int:
        """Return N."""
        return len(self.action)

    def take(self, rows: Int | slice) -> Steps:
        """Return some of them."""
        return Steps(
            obs=self.obs[rows],
            action=self.action[rows],
            next_obs=self.next_obs[rows],
            info={name: column[rows] for name, column in self.info.items()},
        )

    def before(self) -> dict[str, Float]:
        """Return the features before the steps by their plain names."""
        names = [name for name in self.info if f"prev_{name}" in self.info]
        return {name: self.info[f"prev_{name}"] for name in names}

    def lock(self) -> Steps:
        """Return itself, with arrays that cannot be written to."""
        for array in (self.obs, self.action, self.next_obs, *self.info.values()):
            array.flags.writeable = False
        return self


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PlayedEpisode:
    """One episode, or its beginning.

    Attributes:
        policy: Who played it.
        words: What was done, for messages: ``"pickup, drop"``.
        level: Seed of the level.
        after: Steps of the solution that were taken first.
        rows: (T,) its steps, rows of the distinct ones.
        true_rewards: (T,) what the env paid.
        terminated: Whether the MDP ended.
        success: The env's success flag at its end.
        left: Steps that the time limit would still have allowed; 0 if the episode ended.
    """

    policy: Policy
    words: str
    level: int
    after: int
    rows: Int
    true_rewards: Float
    terminated: bool
    success: bool
    left: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """One episode as it was recorded.

    Attributes:
        steps: (T, K) all numbers of each step in one row.
        rewards: (T,) what the env paid.
        terminated: Whether the MDP ended.
        truncated: Whether a time limit cut it.
        success: The success flag at its end.
    """

    steps: Float
    rewards: Float
    terminated: bool
    truncated: bool
    success: bool


class StepRecorder:
    """Plays episodes of an env and keeps every number that a program can read.

    A step is one row: obs, action, next_obs, features before, features after.
    """

    def __init__(self, env: gym.Env[Any, Any], view: ObsView) -> None:
        """Remember what to read."""
        self._env, self._view = env, view
        self._names = [feature.name for feature in view.features]

    def play(self, actions: Sequence[Any], *, level: int) -> Take:
        """Play actions from the start of a level, to their end or that of the episode."""
        obs, info = self._env.reset(seed=level)
        before = self._seen(obs, info)
        size, rows, rewards = self._view.obs_size, [], []
        terminated = truncated = success = False
        for action in actions:
            obs, reward, terminated, truncated, info = self._env.step(action)
            after = self._seen(obs, info)
            done = np.ravel(np.asarray(action, np.float64)).tolist()
            rows.append(before[:size] + done + after[:size] + before[size:] + after[size:])
            rewards.append(float(info.get("true_reward", reward)))
            before = after
            if terminated or truncated:
                success = bool(info.get("success", False))
                break
        return Take(
            steps=np.array(rows, np.float64),
            rewards=np.array(rewards, np.float64),
            terminated=bool(terminated),
            truncated=bool(truncated),
            success=success,
        )

    def _seen(self, obs: Any, info: Mapping[str, Any]) -> list[float]:
        """Return the numbers of a state: observation, then features."""
        vector = np.asarray(obs, np.float64).tolist() if self._view.obs_size else []
        features = info.get("features", {})
        return vector + [float(features[name]) for name in self._names]

    def steps(self, rows: Float) -> Steps:
        """Return rows as programs are given them; nobody can write to them."""
        size, width = self._view.obs_size, max(self._view.action_size, 1)
        ends = np.cumsum([size, width, size, len(self._names)])
        obs, action, next_obs, before, after = np.split(np.ascontiguousarray(rows), ends, axis=1)
        info = {name: after[:, k].copy() for k, name in enumerate(self._names)}
        info |= {f"prev_{name}": before[:, k].copy() for k, name in enumerate(self._names)}
        return Steps(
            obs=obs.copy(),
            action=action.copy() if self._view.action_size else action[:, 0].copy(),
            next_obs=next_obs.copy(),
            info=info,
        ).lock()
