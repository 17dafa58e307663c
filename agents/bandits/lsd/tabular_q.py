"""Q-learning on the counters: it is told nothing of how arms move, and needs the longest."""

from __future__ import annotations

import numpy as np

from operant.agents.bandits.lsd.learner import LSDLearner
from operant.agents.base import check_range
from operant.lsd import LSDRules
from operant.types import Float


class LSDTabularQ(LSDLearner):
    """Q-learning with one row per state of all counters.

    Step sizes are ``n ** -power`` for the n-th visit, and a random action is taken with
    probability ``min(1, (explore / t) ** (1 / 3))`` in round t. For many episodes on a vector env,
    with state and callbacks, use the agent ``"q-learning"`` instead.

    Source: Learning from Delayed Rewards (Watkins, 1989).
    """

    def __init__(
        self,
        rules: LSDRules,
        *,
        horizon: int,
        seed: int = 0,
        gamma: float = 0.95,
        explore: float = 50.0,
        power: float = 0.6,
        initial: float = 0.0,
    ) -> None:
        """Start with an empty table.

        Args:
            rules: How the arms move.
            horizon: Rounds to be played, >= 1.
            seed: Of its exploration.
            gamma: Discount, in [0, 1).
            explore: Rounds of pure exploration at the start, >= 0.
            power: How fast step sizes fall, in (0.5, 1].
            initial: Value of what was never tried.

        Raises:
            ValueError: If a number is out of range.
        """
        super().__init__(rules, horizon=horizon, seed=seed)
        check_range("gamma", gamma, 0.0, 1.0 - 1e-9)
        check_range("explore", explore, 0.0)
        check_range("power", power, 0.5, 1.0)
        self.gamma, self.explore, self.power, self.initial = gamma, explore, power, initial
        self._rows: dict[bytes, tuple[Float, Float]] = {}

    def values(self) -> Float:
        """Return the values of the actions in the present state, (A,)."""
        return self._row()[0]

    def act(self) -> int:
        """Choose an arm, or K for none."""
        if self.rng.random() < (self.explore / (self.now + 1)) ** (1 / 3):
            return int(self.rng.integers(self.rules.actions))
        return int(self._row()[0].argmax())

    def observe(self, action: int, reward: float) -> None:
        """Learn from a round; see :class:`LSDLearner`."""
        values, visits = self._row()
        super().observe(action, reward)
        visits[action] += 1
        target = reward + self.gamma * float(self._row()[0].max())
        values[action] += visits[action] ** -self.power * (target - values[action])

    def _row(self) -> tuple[Float, Float]:
        key = self.levels.tobytes()
        if key not in self._rows:
            A = self.rules.actions
            self._rows[key] = np.full(A, self.initial), np.zeros(A)
        return self._rows[key]
