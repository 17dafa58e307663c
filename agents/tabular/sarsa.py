"""SARSA with a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.agents.base import Array, Arrays
from operant.agents.tabular.states import Ids
from operant.agents.tabular.values import ValueLearner
from operant.types import Bool, Float


class SARSA(ValueLearner):
    """Expects what its next action is worth, exploration included; see :class:`ValueConfig`.

    Source: On-Line Q-Learning Using Connectionist Systems (Rummery and Niranjan, 1994).
    """

    id = "sarsa"

    def __init__(self, env: Any, **kwargs: Any) -> None:
        """Start with an empty table; see :class:`TabularAgent`."""
        super().__init__(env, **kwargs)
        self._next: Ids = np.zeros(env.num_envs, np.int64)

    def begin(self, rows: Bool, states: Ids) -> None:
        """Choose the first actions of new episodes; see :meth:`TabularAgent.begin`."""
        if rows.any():
            self._next[rows] = super().choose(states[rows])

    def choose(self, states: Ids) -> Ids:  # noqa: ARG002
        """Return the actions that were chosen when the states were reached, (N,)."""
        return self._next.copy()

    def expected(self, states: Ids) -> Float:
        """Choose the next actions, and return their values, (N,)."""
        self._next = super().choose(states)
        values: Float = self.table.at(states)[np.arange(len(states)), self._next]
        return values

    def learned(self) -> Arrays:
        """Return table, states and the actions chosen; see :meth:`TabularAgent.learned`."""
        return {**super().learned(), "next": self._next.copy()}

    def load_learned(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`learned` returned."""
        super().load_learned(arrays)
        self._next = arrays["next"].copy()
