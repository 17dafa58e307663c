"""Optimism with doubling epochs: plan as if all payoffs were as large as they may be."""

from __future__ import annotations

import math

import numpy as np

from operant.agents.bandits.lsd.learner import LSDLearner
from operant.agents.bandits.lsd.planning import PlannerName, plan_by
from operant.agents.bandits.lsd.policy import LSDPolicy
from operant.lsd import LSDInstance, LSDRules
from operant.types import Float


class OptimisticLP(LSDLearner):
    """Plans with upper confidence bounds, and again when something was tried twice as often.

    A bound is the mean plus ``sqrt(width ln t / n)``, 1 at most, and 1 for what was never tried.
    Where payoffs are known to be monotone, no bound exceeds that of more rest.

    Source: Near-optimal Regret Bounds for Reinforcement Learning (Jaksch, Ortner, Auer, 2010) for
        the epochs; the planner is this package's.
    """

    def __init__(
        self,
        rules: LSDRules,
        *,
        horizon: int,
        seed: int = 0,
        width: float = 0.5,
        monotone: bool = False,
        planner: PlannerName = "rounded",
    ) -> None:
        """Choose how optimistic to be.

        Args:
            rules: How the arms move.
            horizon: Rounds to be played, >= 1.
            seed: Of the planner's draws.
            width: Factor within the bounds' root, > 0.
            monotone: True if arms are known to pay no less for more rest.
            planner: Who plans; see :func:`plan_by`.

        Raises:
            ValueError: If a number is out of range.
        """
        super().__init__(rules, horizon=horizon, seed=seed)
        if not 0 < width < math.inf:
            raise ValueError(f"width must be > 0, got {width}")
        self.width, self.monotone, self.planner, self._seed = width, monotone, planner, seed
        self.epochs = 0
        self._plan: LSDPolicy | None = None
        self._since = 0
        self._before: Float = self.counts.copy()

    def bounds(self) -> Float:
        """Return the upper confidence bounds, (K, n)."""
        spread = np.sqrt(self.width * math.log(self.now + 2) / np.maximum(self.counts, 1.0))
        bounds = np.where(self.counts > 0, np.minimum(self.means() + spread, 1.0), 1.0)
        if self.monotone:
            bounds = np.minimum.accumulate(bounds[:, ::-1], axis=1)[:, ::-1]
        return bounds

    def act(self) -> int:
        """Choose an arm, or K for none."""
        if self._plan is None or self._epoch_is_over():
            believed = LSDInstance(rules=self.rules, payoffs=self.bounds())
            self._plan = plan_by(
                self.planner, believed, levels=self.levels[None], seed=self._seed + self.epochs
            )
            self._since, self._before = self.now, self.counts.copy()
            self.epochs += 1
        return int(self._plan.act(self.levels[None], self.now - self._since)[0])

    def _epoch_is_over(self) -> bool:
        # A plan gets the time to go once through the longest cycle, or it would never be seen.
        if self.now - self._since < self.rules.size + 1:
            return False
        doubled = self.counts >= 2.0 * np.maximum(self._before, 1.0)
        return bool((doubled & (self.counts > self._before)).any())
