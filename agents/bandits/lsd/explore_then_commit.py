"""Explore-then-commit: see every arm at every counter some times, then plan once and keep to it."""

from __future__ import annotations

import math

import numpy as np

from operant.agents.bandits.lsd.learner import LSDLearner
from operant.agents.bandits.lsd.planning import PlannerName, plan_by
from operant.agents.bandits.lsd.policy import LSDPolicy
from operant.lsd import LSDInstance, LSDRules
from operant.types import Bool


class LSDExploreThenCommit(LSDLearner):
    """Samples every arm at every level equally often, and then follows a plan for the means.

    With some T^(2/3) samples in all, the regret beside what the planner can do with the true
    means grows as T^(2/3), up to logarithms.

    Source: Introduction to Multi-Armed Bandits (Slivkins, 2019), section 1.2, with a planner.
    """

    def __init__(
        self,
        rules: LSDRules,
        *,
        horizon: int,
        seed: int = 0,
        samples: int | None = None,
        planner: PlannerName = "rounded",
    ) -> None:
        """Choose how much to explore.

        Args:
            rules: How the arms move.
            horizon: Rounds to be played, T >= 1.
            seed: Of the planner's draws.
            samples: Of each arm at each level, >= 1; None for T^(2/3) (ln T)^(1/3) in all.
            planner: Who plans; see :func:`plan_by`.

        Raises:
            ValueError: If a number is out of range.
        """
        super().__init__(rules, horizon=horizon, seed=seed)
        if samples is None:
            share = horizon ** (2 / 3) * math.log(max(horizon, 3)) ** (1 / 3)
            samples = math.ceil(share / (rules.K * rules.size))
        if samples < 1:
            raise ValueError(f"samples must be >= 1, got {samples}")
        self.samples, self.planner, self._seed = samples, planner, seed
        self._plan: LSDPolicy | None = None
        self._since = 0

    @property
    def committed(self) -> bool:
        """True once it follows its plan."""
        return self._plan is not None

    def act(self) -> int:
        """Choose an arm, or K for none."""
        missing = self.counts < self.samples
        if self._plan is None and not missing.any():
            believed = LSDInstance(rules=self.rules, payoffs=np.clip(self.means(), 0.0, 1.0))
            self._plan = plan_by(self.planner, believed, levels=self.levels[None], seed=self._seed)
            self._since = self.now
        if self._plan is None:
            return self._explore(missing)
        return int(self._plan.act(self.levels[None], self.now - self._since)[0])

    def _explore(self, missing: Bool) -> int:
        """Play an arm whose level is wanted, or one that rests in vain; else wait.

        An arm that was missed comes to the wanted level again after a play, so this ends.
        """
        arms = np.arange(self.rules.K)
        here = missing[arms, self.levels]
        if here.any():
            return int(np.where(here, missing.sum(axis=1), -1).argmax())
        open_ahead = np.array([self._ahead(missing[arm], int(self.levels[arm])) for arm in arms])
        stuck = missing.any(axis=1) & ~open_ahead
        if stuck.any():
            return int(stuck.argmax())
        if self.rules.allow_none:
            return self.rules.K
        # A round must be used: by an arm that has nothing left to show, or the fewest things.
        return int(missing.sum(axis=1).argmin())

    def _ahead(self, missing: Bool, level: int) -> bool:
        """Tell whether rest alone leads an arm to a wanted level."""
        while level != self.rules.idle[level]:
            level = int(self.rules.idle[level])
            if missing[level]:
                return True
        return False
