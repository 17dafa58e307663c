"""Learners of action values: they differ in what they expect after a step, and in nothing else."""

from __future__ import annotations

import abc
import functools
from typing import Any, ClassVar

from operant.agents.native.kernels import kernel
from operant.agents.tabular.agent import Moves, TabularAgent
from operant.agents.tabular.config import ValueConfig
from operant.agents.tabular.policy import Probabilities, Table, epsilon_greedy
from operant.agents.tabular.states import Ids
from operant.types import Float


class ValueLearner(TabularAgent):
    """Moves the value of each action taken towards the reward plus what is expected after it.

    All rows see the values from before the step; where several took the same action in the same
    state, they move its value one after the other.
    """

    config: ValueConfig
    config_class: ClassVar[type[ValueConfig]] = ValueConfig

    @classmethod
    def empty_table(cls, config: Any, actions: int) -> Table:
        """Return the table at the start; see :class:`ValueConfig`."""
        return Table(actions, config.initial_value)

    @classmethod
    def acting(cls, config: Any) -> Probabilities:
        """Return the policy of :meth:`act`: with the final ``epsilon``."""
        return functools.partial(epsilon_greedy, epsilon=config.epsilon_final)

    @property
    def epsilon(self) -> float:
        """Probability of a uniformly random action now, in [0, 1]."""
        config = self.config
        done = min(1.0, self._progress / config.epsilon_fraction)
        return config.epsilon + done * (config.epsilon_final - config.epsilon)

    def exploring(self, rows: Float) -> Float:
        """Return the policy of training now; see :meth:`TabularAgent.exploring`."""
        return epsilon_greedy(rows, self.epsilon)

    @abc.abstractmethod
    def expected(self, states: Ids) -> Float:
        """Return what is to be earned from the states that a step led to, (N,)."""

    def update(self, step: Moves) -> None:
        """Learn from a step; see :meth:`TabularAgent.update`."""
        ahead = self.config.gamma * self.expected(step.after) * ~step.terminated
        table = self.table.rows(len(self.states))
        move(table, step.states, step.actions, step.rewards + ahead, self.config.alpha)

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars; see :meth:`TabularAgent.metrics`."""
        metrics = super().metrics()
        return {**metrics, "rollout/exploration_rate": self.epsilon} if metrics else {}


@kernel
def move(table: Float, states: Ids, actions: Ids, targets: Float, alpha: float) -> None:
    """Move the entries of (B,) states and actions towards their targets, one after another."""
    for row in range(states.size):
        state, action = states[row], actions[row]
        table[state, action] += alpha * (targets[row] - table[state, action])
