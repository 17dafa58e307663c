"""REINFORCE with a table of preferences, and a table of values as its baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from operant.agents.base import Array, Arrays, check_range
from operant.agents.native.kernels import kernel
from operant.agents.tabular.agent import Moves, TabularAgent
from operant.agents.tabular.config import TabularConfig
from operant.agents.tabular.policy import Probabilities, Table, softmax
from operant.agents.tabular.states import Ids
from operant.types import Bool, Float


@dataclasses.dataclass(frozen=True, kw_only=True)
class REINFORCEConfig(TabularConfig):
    """Hyper-parameters of REINFORCE; ``alpha`` is the step size of the preferences.

    Attributes:
        alpha_values: Step size of the baseline, in [0, 1]; 0 for no baseline.
    """

    alpha_values: float = 0.1

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("alpha_values", self.alpha_values, 0.0, 1.0)


class REINFORCE(TabularAgent):
    """After each episode, makes its actions likelier by how much it earned more than usual.

    The episode's t-th step counts ``gamma ** t``, as in the book. What a time limit cut off is
    filled in by the baseline. With several rows, the policy also changes at the end of the others'
    episodes.

    Source: Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
    Learning (Williams, 1992); Reinforcement Learning (Sutton and Barto, 2018), sec. 13.4.
    """

    id = "reinforce"
    config: REINFORCEConfig
    config_class: ClassVar[type[REINFORCEConfig]] = REINFORCEConfig

    def __init__(self, env: Any, **kwargs: Any) -> None:
        """Start with an empty table; see :class:`TabularAgent`."""
        super().__init__(env, **kwargs)
        self.values = Table(1)
        # What the running episodes consist of: (N,) lengths, and (L, N) columns.
        self._lengths = np.zeros(env.num_envs, np.int64)
        self._path = np.zeros((64, env.num_envs, 2), np.int64)
        self._rewards = np.zeros((64, env.num_envs))

    @classmethod
    def acting(cls, config: Any) -> Probabilities:  # noqa: ARG003
        """Return the policy of :meth:`act`."""
        return softmax

    def exploring(self, rows: Float) -> Float:
        """Return the policy, which explores by itself; see :meth:`TabularAgent.exploring`."""
        return softmax(rows)

    def begin(self, rows: Bool, states: Ids) -> None:  # noqa: ARG002
        """Forget what the episodes before consisted of; see :meth:`TabularAgent.begin`."""
        self._lengths[rows] = 0

    def update(self, step: Moves) -> None:
        """Add a step to the episodes, and learn from those that it ended."""
        if self._lengths.max() == len(self._path):
            self._path = np.concatenate([self._path, np.zeros_like(self._path)])
            self._rewards = np.concatenate([self._rewards, np.zeros_like(self._rewards)])
        rows = np.arange(len(step.states))
        self._path[self._lengths, rows, 0] = step.states
        self._path[self._lengths, rows, 1] = step.actions
        self._rewards[self._lengths, rows] = step.rewards
        self._lengths += 1
        for row in np.flatnonzero(step.terminated | step.truncated).tolist():
            self._learn_from(row, bool(step.terminated[row]), int(step.after[row]))

    def _learn_from(self, row: int, terminated: bool, after: int) -> None:
        length, config, count = self._lengths[row], self.config, len(self.states)
        values = self.values.rows(count)
        _reinforce(
            self.table.rows(count),
            values,
            self._path[:length, row],
            self._rewards[:length, row],
            0.0 if terminated else float(values[after, 0]),
            (config.gamma, config.alpha, config.alpha_values),
        )

    def learned(self) -> Arrays:
        """Return tables, states and running episodes; see :meth:`TabularAgent.learned`."""
        longest = self._lengths.max()
        return {
            **super().learned(),
            "values": self.values.rows(len(self.states)).copy(),
            "lengths": self._lengths.copy(),
            "path": self._path[:longest].copy(),
            "rewards": self._rewards[:longest].copy(),
        }

    def load_learned(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`learned` returned."""
        super().load_learned(arrays)
        self.values.load(arrays["values"])
        self._lengths = arrays["lengths"].copy()
        room = np.zeros((64, *arrays["path"].shape[1:]), np.int64)
        self._path = np.concatenate([arrays["path"], room])
        self._rewards = np.concatenate([arrays["rewards"], np.zeros((64, len(self._lengths)))])


@kernel
def _reinforce(
    preferences: Float,
    values: Float,
    path: Ids,
    rewards: Float,
    ahead: float,
    coefs: tuple[float, float, float],
) -> None:
    """Learn from an episode: (T, 2) states and actions, (T,) rewards, and what was cut off."""
    gamma, alpha, alpha_values = coefs
    size, actions = rewards.size, preferences.shape[1]
    returns = np.empty(size)
    for t in range(size - 1, -1, -1):
        ahead = rewards[t] + gamma * ahead
        returns[t] = ahead
    weight = 1.0
    for t in range(size):
        state, action = path[t, 0], path[t, 1]
        surprise = returns[t] - values[state, 0]
        values[state, 0] += alpha_values * surprise
        highest, total = preferences[state].max(), 0.0
        for a in range(actions):
            total += np.exp(preferences[state, a] - highest)
        gained = alpha * weight * surprise
        log_total = highest + np.log(total)
        for a in range(actions):
            preferences[state, a] -= gained * np.exp(preferences[state, a] - log_total)
        preferences[state, action] += gained
        weight *= gamma
