"""Expected SARSA with a table."""

from __future__ import annotations

from operant.agents.tabular.states import Ids
from operant.agents.tabular.values import ValueLearner
from operant.types import Float


class ExpectedSARSA(ValueLearner):
    """Expects what its own policy earns on average, exploration included; see :class:`ValueConfig`.

    Source: A Theoretical and Empirical Analysis of Expected Sarsa (van Seijen et al., 2009).
    """

    id = "expected-sarsa"

    def expected(self, states: Ids) -> Float:
        """Return the mean value over the policy's actions, (N,)."""
        rows = self.table.at(states)
        mean: Float = (self.exploring(rows) * rows).sum(axis=1)
        return mean
