"""LinUCB: optimism about a linear model of what arms with known features pay."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.view import HistoryView
from operant.agents.base import check_range
from operant.types import Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinUCBConfig(BanditConfig):
    """Settings of LinUCB.

    Attributes:
        alpha: Weight of the uncertainty, >= 0; None for the one of the theory, which uses the
            horizon: ``sqrt(lam) + noise * sqrt(2 ln T + d ln(1 + T / (lam d)))``.
        lam: Weight of the ridge, > 0.
        noise: Deviation of rewards, > 0; for the theory's alpha alone.
    """

    alpha: float | None = 1.0
    lam: float = 1.0
    noise: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        if self.alpha is not None:
            check_range("alpha", self.alpha, 0.0)
        check_range("lam", self.lam, 1e-9)
        check_range("noise", self.noise, 0.0)


def theory_alpha(*, horizon: int, dim: int, lam: float, noise: float) -> float:
    """Return the weight with which the confidence sets hold with probability 1 - 1 / T.

    For hidden vectors and features of length at most 1.

    Source: Improved Algorithms for Linear Stochastic Bandits (Abbasi-Yadkori, Pal, Szepesvari,
    2011), theorem 2.
    """
    spread = 2 * math.log(horizon) + dim * math.log(1 + horizon / (lam * dim))
    return math.sqrt(lam) + noise * math.sqrt(spread)


class LinUCB(BanditAlgorithm):
    """Pulls ``argmax <theta, x> + alpha sqrt(x' A^-1 x)`` with ``theta = A^-1 b``.

    ``A = lam I + sum x x'`` and ``b = sum r x``, over the features and rewards of arms chosen.

    Source: A Contextual-Bandit Approach to Personalized News Article Recommendation (Li, Chu,
    Langford, Schapire, 2010), with one vector for all arms.
    """

    def __init__(self, dim: int, *, alpha: float = 1.0, lam: float = 1.0) -> None:
        """Take arms with d features.

        Args:
            dim: d.
            alpha: Weight of the uncertainty.
            lam: Weight of the ridge.
        """
        self.dim, self.alpha, self.lam = dim, alpha, lam

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes: sums of x x' and of rewards times x, and the features chosen last."""
        return {"gram": (self.dim, self.dim), "moment": (self.dim,), "chosen": (self.dim,)}

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose by the (N, K, d) features; there is no chance in it.

        Raises:
            ValueError: If no features are seen.
        """
        if context is None or context.shape[-1] != self.dim:
            raise ValueError(f"LinUCB must see the {self.dim} features of each arm")
        scores = self.scores(known, context)
        choices: Int = scores.argmax(1)
        known["chosen"][:] = context[np.arange(len(choices)), choices]
        return choices

    def scores(self, known: Statistics, context: Float) -> Float:
        """Return what arms with these features, (N, K, d), may pay at best, (N, K)."""
        inverse = np.linalg.inv(known["gram"] + self.lam * np.eye(self.dim))
        theta = (inverse @ known["moment"][:, :, None])[:, :, 0]
        spread = np.einsum("nkd,nde,nke->nk", context, inverse, context, optimize=True)
        mean = np.einsum("nkd,nd->nk", context, theta)
        scores: Float = mean + self.alpha * np.sqrt(np.maximum(spread, 0.0))
        return scores

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:  # noqa: ARG002
        """Learn from the reward of the features that :meth:`act` chose."""
        chosen = known["chosen"]
        known["gram"] += chosen[:, :, None] * chosen[:, None, :]
        known["moment"] += payout.reward[:, None] * chosen


class LinUCBAgent(BanditAgent):
    """:class:`LinUCB` with the interface of an agent, for worlds that show features."""

    id: ClassVar[str] = "lin-ucb"
    config_class: ClassVar[type[LinUCBConfig]] = LinUCBConfig
    tells: ClassVar[str] = "context"

    @classmethod
    def algorithm(cls, config: LinUCBConfig, view: HistoryView) -> LinUCB:
        """Return the algorithm for the features that are seen."""
        alpha = config.alpha
        if alpha is None:
            alpha = theory_alpha(
                horizon=config.horizon, dim=view.width, lam=config.lam, noise=config.noise
            )
        return LinUCB(view.width, alpha=alpha, lam=config.lam)
