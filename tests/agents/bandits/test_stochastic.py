"""Regret bounds of algorithms for stationary arms, as statistical tests with fixed seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from operant.agents.bandits.base import Payout
from operant.agents.bandits.eps_greedy import EpsilonGreedy
from operant.agents.bandits.explore_first import ExploreFirst
from operant.agents.bandits.successive_elimination import SuccessiveElimination
from operant.agents.bandits.thompson import BetaThompson, GaussianThompson
from operant.agents.bandits.ucb1 import UCB1

K = 10
GAP = 0.4
MEANS = np.full(K, 0.5)
MEANS[3] += GAP
"""Gaps so large that the bounds lie below what a random policy loses."""


def ucb1_bound(rounds: int) -> float:
    return (K - 1) * (8 * math.log(rounds) / GAP + (1 + math.pi**2 / 3) * GAP)


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def test_ucb1_keeps_its_bound_and_grows_like_a_logarithm(lab) -> None:
    regret = lab.regret(UCB1(K), MEANS, 10_000)
    assert regret[-1] <= ucb1_bound(10_000)
    assert regret[999] <= ucb1_bound(1000)
    assert regret[-1] / regret[999] < 3
    dice = lab.regret(lab.dice(K), MEANS, 10_000)
    assert dice[-1] > ucb1_bound(10_000)
    assert dice[-1] / dice[999] > 3


def test_thompson_is_within_three_times_lai_and_robbins(lab) -> None:
    bound = (K - 1) * GAP / kl(0.5, 0.5 + GAP) * math.log(10_000)
    regret = lab.regret(BetaThompson(K), MEANS, 10_000)[-1]
    assert bound / 3 <= regret <= 3 * bound
    assert lab.regret(lab.dice(K), MEANS, 10_000)[-1] > 3 * bound


def test_thompson_with_normal_arms_is_within_three_times_its_bound(lab) -> None:
    means = np.array([0.0, -1.0, -0.5, 1.0])
    gaps = means.max() - means
    bound = sum(2 / gap for gap in gaps if gap > 0) * math.log(4000)  # KL is gap^2 / 2
    regret = lab.regret(GaussianThompson(4), means, 4000, noise=1.0)[-1]
    assert bound / 3 <= regret <= 3 * bound
    assert lab.regret(lab.dice(4), means, 4000, noise=1.0)[-1] > 3 * bound


def test_successive_elimination_keeps_its_bound(lab) -> None:
    # A bad arm is played while r = sqrt(2 ln T / n) >= gap / 4: at most 32 ln T / gap^2 + 1 times.
    rounds, means = 4000, [0.05, 0.95, 0.05, 0.05]
    bound = 3 * (32 * math.log(rounds) / 0.9 + 0.9)
    regret = lab.regret(SuccessiveElimination(4, horizon=rounds), means, rounds)
    assert regret[-1] <= bound
    assert regret[-1] == regret[rounds // 2]  # all others are dropped by then: it costs no more
    assert lab.regret(lab.dice(4), means, rounds)[-1] > bound


def test_successive_elimination_drops_no_arm_before_the_round_is_complete() -> None:
    algorithm = SuccessiveElimination(3, horizon=100)
    known = algorithm.start(1)
    for turn in range(200):
        left = known["dropped"][0] == 0
        pulls = known["pulls"][0][left]
        assert pulls.max() - pulls.min() <= 1
        choices = algorithm.act(known, None, None)
        assert left[choices[0]]
        algorithm.update(known, choices, Payout(reward=(choices == 2) * 1.0))
        if turn == 30:
            assert left.all()
    # rewards 0, 0, 1: dropped once 2 sqrt(2 ln 100 / n) < 1, that is for n > 36.8
    assert known["dropped"].tolist() == [[1, 1, 0]]
    assert known["pulls"][0, :2].tolist() == [37, 37]


@pytest.mark.parametrize("make", [EpsilonGreedy, lambda arms: ExploreFirst(arms, horizon=4000)])
def test_simple_exploration_loses_as_much_as_its_rate_says(lab, make) -> None:
    rounds = 4000
    rate = rounds ** (2 / 3) * (K * math.log(rounds)) ** (1 / 3)
    regret = lab.regret(make(K), MEANS, rounds)[-1]
    assert 0.05 * rate < regret < rate
    assert lab.regret(lab.dice(K), MEANS, rounds)[-1] > rate


def test_explore_first_explores_first() -> None:
    algorithm = ExploreFirst(4, horizon=1000)
    assert algorithm.each == math.ceil(250 ** (2 / 3) * math.log(1000) ** (1 / 3))
    assert ExploreFirst(10, horizon=20).each == 2  # no more than there are rounds for
    known, chosen = algorithm.start(1), []
    for _ in range(4 * algorithm.each + 50):
        choices = algorithm.act(known, None, None)
        chosen.append(int(choices[0]))
        reward = np.array([0.9 if choices[0] == 1 and len(chosen) <= 4 * algorithm.each else 0.1])
        algorithm.update(known, choices, Payout(reward=reward))
    assert np.bincount(chosen[: 4 * algorithm.each]).tolist() == [algorithm.each] * 4
    assert set(chosen[4 * algorithm.each :]) == {1}  # whatever it pays from now on


def test_ucb1_by_hand() -> None:
    algorithm = UCB1(2)
    known = algorithm.start(2)
    known["pulls"][:] = [[3, 1], [30, 1]]
    known["sums"][:] = [[3, 0], [30, 0]]
    # 1 + sqrt(2 ln 4 / 3) = 1.961 > sqrt(2 ln 4) = 1.665; 1 + sqrt(2 ln 31 / 30) < sqrt(2 ln 31)
    assert algorithm.act(known, None, None).tolist() == [0, 1]
    assert UCB1(2, scale=0.1).act(known, None, None).tolist() == [0, 0]


def test_learners_in_lockstep_do_not_influence_each_other(lab) -> None:
    def learn(rows, algorithm):
        known = algorithm.start(len(rows))
        for t in range(50):
            choices = algorithm.act(known, None, None)
            reward = ((7 * np.asarray(rows) + 3 * choices + t) % 5) / 5
            algorithm.update(known, choices, Payout(reward=reward))
        return known

    for algorithm in (UCB1(3), SuccessiveElimination(3, horizon=50), ExploreFirst(3, horizon=50)):
        whole = learn([0, 1, 2], algorithm)
        for row in range(3):
            alone = learn([row], algorithm)
            for name, part in alone.items():
                assert np.array_equal(part[0], whole[name][row])
