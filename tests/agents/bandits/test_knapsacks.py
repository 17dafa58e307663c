"""Bandits with knapsacks: what is earned against the linear program's bound."""

from __future__ import annotations

import numpy as np
import pytest

from operant.agents.bandits.base import Payout, play
from operant.agents.bandits.knapsacks import KnapsackConfig, LagrangeBwK, UCBBwK
from operant.packing import packing_lp

REWARDS = np.array([0.9, 0.5, 0.6, 0.1, 0.3])
COSTS = np.array([[0.9], [0.2], [0.5], [0.0], [0.6]])
BUDGET = np.array([0.25])
"""The best mixture plays arms 0 and 1; arm 3 is free, and pays little."""


def share_of_bound(lab, algorithm, rounds: int, rewards=REWARDS, costs=COSTS, budget=BUDGET):
    """Return the mean of what runs earn, over the bound of the linear program."""
    rng, runs = np.random.default_rng(0), lab.runs
    left, earned = np.tile(budget * rounds, (runs, 1)), np.zeros(runs)

    def pull(t, choices):
        del t
        used = (rng.random((runs, len(budget))) < costs[choices]) * 1.0
        reward = (rng.random(runs) < rewards[choices]) * 1.0
        left[:] -= used
        earned[:] += np.where((left < 0).any(1), 0.0, reward)  # over is over: left only falls
        return Payout(reward=reward, used=used)

    play(algorithm, pull, runs=runs, rounds=rounds, rng=np.random.default_rng(1))
    bound = packing_lp(rewards[None], costs[None], budget[None])[0][0] * rounds
    return earned.mean() / bound


@pytest.mark.integration
def test_lagrange_bwk_earns_nearly_the_bound(lab) -> None:
    algorithm = LagrangeBwK(5, BUDGET, horizon=10_000)
    assert share_of_bound(lab, algorithm, 10_000) >= 0.95
    assert share_of_bound(lab, lab.dice(5), 10_000) < 0.8


def test_ucb_bwk_earns_nearly_the_bound(lab) -> None:
    algorithm = UCBBwK(5, BUDGET, horizon=1000)
    assert share_of_bound(lab, algorithm, 1000) >= 0.93
    assert share_of_bound(lab, lab.dice(5), 1000) < 0.8


@pytest.mark.parametrize(("make", "rounds"), [(LagrangeBwK, 2500), (UCBBwK, 600)])
def test_two_resources_with_different_budgets(lab, make, rounds: int) -> None:
    """The bound rests in a third of the rounds; who must always play something, earns 3 / 4."""
    budget = np.array([0.25, 0.4])
    costs = np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.9, 0.9], [0.2, 0.3]])
    rewards = np.array([0.8, 0.8, 0.5, 0.9, 0.2])
    at = {"rewards": rewards, "costs": costs, "budget": budget}
    assert share_of_bound(lab, make(5, budget, horizon=rounds), rounds, **at) >= 0.9
    assert share_of_bound(lab, lab.dice(5), rounds, **at) < 0.8


def test_prices_rise_where_too_much_is_used() -> None:
    algorithm = LagrangeBwK(2, np.array([0.5, 0.5]), horizon=100)
    known = algorithm.start(1)
    assert algorithm.prices(known)[0] == pytest.approx([1 / 3] * 3)
    for _ in range(20):
        payout = Payout(reward=np.array([0.5]), used=np.array([[1.0, 0.0]]))
        algorithm.update(known, np.array([0]), payout)
    # sums of L: first 20 (0.5 + 1 - 2), second 20 (1.5), time 20 (0.5)
    assert known["paid"][0] == pytest.approx([-10, 30, 10])
    prices = algorithm.prices(known)[0]
    assert prices[0] > prices[2] > prices[1]


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="budget must lie"):
        KnapsackConfig(budget=0.0)
    with pytest.raises(ValueError, match="budget must have 2 entries"):
        KnapsackConfig(budget=(0.1, 0.2, 0.3)).budgets(2)
    assert KnapsackConfig(budget=0.5).budgets(2).tolist() == [0.5, 0.5]
    algorithm = LagrangeBwK(2, BUDGET, horizon=10)
    with pytest.raises(ValueError, match="used of 1 resources"):
        algorithm.update(algorithm.start(1), np.array([0]), Payout(reward=np.array([1.0])))
