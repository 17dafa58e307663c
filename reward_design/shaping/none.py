"""No design at all: the baseline every other design is compared with."""

from __future__ import annotations

from operant.reward_design.base import DesignSpec, RewardDesign
from operant.types import RewardTerms, Transition


class TrueReward(RewardDesign):
    """The env's own reward, unchanged. Term: ``env``."""

    spec = DesignSpec(invariance="optimal")

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward."""
        return RewardTerms.sum_of(env=t.reward)
