"""Thompson sampling: pull the arm that is best in a world drawn from what is believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.counts import best_arms, count_pull, count_shapes
from operant.agents.bandits.view import HistoryView
from operant.agents.base import check_range
from operant.types import Float, Int


class BetaThompson(BanditAlgorithm):
    """Draws each mean from Beta(1 + wins, 1 + losses), for rewards in [0, 1].

    A reward between 0 and 1 counts as that share of a win. Regret is asymptotically that of Lai and
    Robbins' bound: ``ln T * sum_i gap_i / KL(mu_i, mu*)``.

    Source: Thompson Sampling: An Asymptotically Optimal Finite Time Analysis (Kaufmann, Korda,
    Munos, 2012).
    """

    def __init__(self, arms: int) -> None:
        """Take K arms."""
        self.arms = arms

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics."""
        return count_shapes(self.arms)

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose the best of drawn means, or of the expected ones without chance."""
        wins, pulls = known["sums"], known["pulls"]
        if rng is None:
            return best_arms((1 + wins) / (2 + pulls))
        return best_arms(rng.beta(1 + wins, 1 + pulls - wins))

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count, with rewards cut to [0, 1]; see :meth:`BanditAlgorithm.update`."""
        count_pull(known, choices, np.clip(payout.reward, 0.0, 1.0))


class GaussianThompson(BanditAlgorithm):
    """Draws each mean from its normal posterior, for normal rewards of known noise.

    Source: Further Optimal Regret Bounds for Thompson Sampling (Agrawal, Goyal, 2013), with a
    proper prior.
    """

    def __init__(self, arms: int, *, spread: float = 1.0, noise: float = 1.0) -> None:
        """Take K arms with means from N(0, spread^2) and rewards of deviation ``noise``."""
        self.arms, self._spread, self._noise = arms, spread, noise

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics."""
        return count_shapes(self.arms)

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose the best of drawn means, or of the expected ones without chance."""
        precision = self._spread**-2 + known["pulls"] * self._noise**-2
        means = known["sums"] * self._noise**-2 / precision
        if rng is None:
            return best_arms(means)
        return best_arms(means + rng.standard_normal(means.shape) / np.sqrt(precision))

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Count; see :meth:`BanditAlgorithm.update`."""
        count_pull(known, choices, payout.reward)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianThompsonConfig(BanditConfig):
    """Settings of Thompson sampling with a normal prior; the horizon is not used.

    Attributes:
        spread: Deviation of the prior of means, > 0.
        noise: Deviation of rewards, > 0.
    """

    spread: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("spread", self.spread, 1e-6)
        check_range("noise", self.noise, 1e-6)


class BetaThompsonAgent(BanditAgent):
    """:class:`BetaThompson` with the interface of an agent; the horizon is not used."""

    id: ClassVar[str] = "thompson-beta"

    @classmethod
    def algorithm(cls, config: BanditConfig, view: HistoryView) -> BetaThompson:  # noqa: ARG003
        """Return the algorithm for the arms that are seen."""
        return BetaThompson(view.arms)


class GaussianThompsonAgent(BanditAgent):
    """:class:`GaussianThompson` with the interface of an agent."""

    id: ClassVar[str] = "thompson-gaussian"
    config_class: ClassVar[type[GaussianThompsonConfig]] = GaussianThompsonConfig

    @classmethod
    def algorithm(cls, config: GaussianThompsonConfig, view: HistoryView) -> GaussianThompson:
        """Return the algorithm for the arms that are seen."""
        return GaussianThompson(view.arms, spread=config.spread, noise=config.noise)
