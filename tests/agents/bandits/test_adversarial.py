"""EXP3 and Hedge against tables of rewards that were fixed beforehand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from operant.agents.bandits.base import Payout
from operant.agents.bandits.exp3 import EXP3
from operant.agents.bandits.hedge import Hedge

T, K = 2000, 5


def tables() -> dict[str, np.ndarray]:
    """Return (T, K) gains: arms that stay, that take turns, and a leader that collapses."""
    t = np.arange(T)
    noise = np.random.default_rng(0).random((T, K))
    stay = np.tile([0.1, 0.1, 0.9, 0.1, 0.1], (T, 1))
    turns = np.full((T, K), 0.05)
    turns[t, (4 * t // T) % K] = 0.95
    turns[:, 4] = 0.6
    trap = np.full((T, K), 0.0)
    trap[:, 0], trap[:, 1] = np.where(t < T // 2, 0.9, 0.0), 0.8
    return {
        name: (noise < m) * 1.0 for name, m in (("stay", stay), ("turns", turns), ("trap", trap))
    }


BOUNDS = {EXP3: math.sqrt(2 * T * K * math.log(K)), Hedge: math.sqrt(T * math.log(K) / 2)}


@pytest.mark.parametrize("make", BOUNDS)
@pytest.mark.parametrize("name", ["stay", "turns", "trap"])
def test_expected_regret_keeps_the_bound(lab, make, name: str) -> None:
    gains = tables()[name]
    assert lab.adversarial_regret(make(K, horizon=T), gains) <= BOUNDS[make]
    assert lab.adversarial_regret(lab.dice(K), gains) > BOUNDS[make]


def test_exp3_by_hand() -> None:
    algorithm = EXP3(2, horizon=100)
    assert algorithm.rate == pytest.approx(math.sqrt(2 * math.log(2) / 200))
    known = algorithm.start(1)
    algorithm.update(known, np.array([1]), Payout(reward=np.array([0.25])))
    assert known["losses"].tolist() == [[0.0, 1.5]]  # 0.75 over a probability of 1 / 2
    odds = math.exp(-1.5 * algorithm.rate)
    algorithm.update(known, np.array([1]), Payout(reward=np.array([0.0])))
    assert known["losses"][0, 1] == pytest.approx(1.5 + (1 + odds) / odds)
    assert algorithm.act(known, None, None).tolist() == [0]


def test_hedge_by_hand() -> None:
    algorithm = Hedge(2, horizon=8)
    assert algorithm.rate == pytest.approx(math.sqrt(math.log(2)))
    known = algorithm.start(4000)
    every = np.tile([1.0, 0.0], (4000, 1))
    algorithm.update(known, np.zeros(4000, int), Payout(reward=np.zeros(4000), every=every))
    assert known["losses"][0].tolist() == [0.0, 1.0]
    share = algorithm.act(known, None, np.random.default_rng(0)).mean()
    assert share == pytest.approx(1 / (1 + math.exp(algorithm.rate)), abs=0.03)


def test_hedge_says_what_it_lacks() -> None:
    algorithm = Hedge(2, horizon=8)
    with pytest.raises(ValueError, match="observe='full'"):
        algorithm.update(algorithm.start(1), np.array([0]), Payout(reward=np.array([1.0])))
