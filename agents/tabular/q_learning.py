"""Q-learning with a table."""

from __future__ import annotations

import functools
from typing import Any

from operant.agents.tabular.policy import Probabilities, epsilon_greedy
from operant.agents.tabular.states import Ids
from operant.agents.tabular.values import ValueLearner
from operant.types import Float


class QLearning(ValueLearner):
    """Expects the best action ever after, however it explores; see :class:`ValueConfig`.

    Its policy is greedy: :meth:`act` never explores, whether ``deterministic`` or not.

    Source: Learning from Delayed Rewards (Watkins, 1989).
    """

    id = "q-learning"

    @classmethod
    def acting(cls, config: Any) -> Probabilities:  # noqa: ARG003
        """Return the greedy policy."""
        return functools.partial(epsilon_greedy, epsilon=0.0)

    def expected(self, states: Ids) -> Float:
        """Return the value of the best action, (N,)."""
        best: Float = self.table.at(states).max(axis=1)
        return best
