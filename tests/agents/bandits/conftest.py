"""A laboratory for regret: many learners in lockstep, and one that chooses at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from operant.agents.bandits.base import BanditAlgorithm, Payout, play

RUNS = 50


class Dice(BanditAlgorithm):
    """Chooses uniformly: the policy that every bound must be able to fail."""

    def __init__(self, arms: int) -> None:
        self.arms = arms

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {}

    def act(self, known: Any, context: Any, rng: Any) -> Any:
        del known, context
        return rng.integers(self.arms, size=RUNS)

    def update(self, known: Any, choices: Any, payout: Payout) -> None:
        del known, choices, payout


class Lab:
    """Plays algorithms on arrays."""

    runs = RUNS

    @staticmethod
    def dice(arms: int) -> Dice:
        return Dice(arms)

    @staticmethod
    def regret(algorithm, means, rounds, *, seed=0, noise=None):
        """Return the mean pseudo-regret after each round, (T,), of Bernoulli or normal arms."""
        means, rng = np.asarray(means), np.random.default_rng(seed)

        def pull(t, choices):
            del t
            mean = means[choices]
            if noise is None:
                return Payout(reward=(rng.random(RUNS) < mean) * 1.0)
            return Payout(reward=mean + noise * rng.standard_normal(RUNS))

        own = np.random.default_rng(seed + 1)
        chosen = play(algorithm, pull, runs=RUNS, rounds=rounds, rng=own)
        return (means.max() - means[chosen]).mean(1).cumsum()

    @staticmethod
    def adversarial_regret(algorithm, gains, *, seed=0):
        """Return the mean regret against the best arm in hindsight of a (T, K) table."""

        def pull(t, choices):
            return Payout(reward=gains[t, choices], every=np.tile(gains[t], (RUNS, 1)))

        own, rounds = np.random.default_rng(seed), len(gains)
        chosen = play(algorithm, pull, runs=RUNS, rounds=rounds, rng=own)
        earned = gains[np.arange(rounds)[:, None], chosen].sum(0)
        return gains.sum(0).max() - earned.mean()


@pytest.fixture
def lab() -> type[Lab]:
    return Lab
