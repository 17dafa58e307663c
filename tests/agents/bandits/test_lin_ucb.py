"""LinUCB: its rate, and what it is where arms tell nothing of each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from operant.agents.bandits.base import Payout, play
from operant.agents.bandits.lin_ucb import LinUCB, LinUCBConfig, theory_alpha

D, K, NOISE = 5, 10, 0.1


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def regret(lab, algorithm, rounds: int):
    rng = np.random.default_rng(3)
    runs = lab.runs
    theta = unit(rng.standard_normal((runs, D)))
    seen = unit(rng.standard_normal((rounds, runs, K, D)))
    means = np.einsum("tnkd,nd->tnk", seen, theta)
    every = np.arange(runs)

    def pull(t, choices):
        return Payout(reward=means[t, every, choices] + NOISE * rng.standard_normal(runs))

    own = np.random.default_rng(4)
    chosen = play(algorithm, pull, runs=runs, rounds=rounds, rng=own, context=lambda t: seen[t])
    earned = np.take_along_axis(means, chosen[:, :, None], 2)[:, :, 0]
    return (means.max(2) - earned).mean(1).cumsum()


def test_regret_is_sublinear(lab) -> None:
    rounds = 800
    lost = regret(lab, LinUCB(D), rounds)
    # d sqrt(T) up to a logarithm; with alpha = 1 it stays far below
    assert lost[-1] < D * math.sqrt(rounds)
    assert lost[-1] / lost[rounds // 8 - 1] < 4
    dice = regret(lab, lab.dice(K), rounds)
    assert dice[-1] > D * math.sqrt(rounds)
    assert dice[-1] / dice[rounds // 8 - 1] > 4


def test_orthonormal_features_reduce_it_to_a_ucb_of_each_arm() -> None:
    algorithm = LinUCB(3, alpha=0.7, lam=2.0)
    known, context = algorithm.start(2), np.tile(np.eye(3), (2, 1, 1))
    rng = np.random.default_rng(0)
    pulls, sums = np.zeros((2, 3)), np.zeros((2, 3))
    for _ in range(40):
        expected = sums / (pulls + 2.0) + 0.7 / np.sqrt(pulls + 2.0)
        assert algorithm.scores(known, context) == pytest.approx(expected, abs=1e-12)
        choices = algorithm.act(known, context, None)
        assert np.array_equal(choices, expected.argmax(1))
        reward = rng.random(2)
        algorithm.update(known, choices, Payout(reward=reward))
        pulls[np.arange(2), choices] += 1
        sums[np.arange(2), choices] += reward


def test_ridge_regression_by_another_way() -> None:
    algorithm, rng = LinUCB(2, alpha=0.0), np.random.default_rng(1)
    known, xs, rs = algorithm.start(1), [], []
    for _ in range(6):
        context = rng.standard_normal((1, 4, 2))
        choices = algorithm.act(known, context, None)
        reward = rng.standard_normal(1)
        xs.append(context[0, choices[0]])
        rs.append(reward[0])
        algorithm.update(known, choices, Payout(reward=reward))
    stacked = np.vstack([np.array(xs), np.eye(2)])  # ridge as two more rows
    theta = np.linalg.lstsq(stacked, np.array([*rs, 0, 0]), rcond=None)[0]
    assert algorithm.scores(known, np.eye(2)[None])[0] == pytest.approx(theta)


def test_theorys_alpha_and_bad_input() -> None:
    spread = 2 * math.log(1000) + 5 * math.log(1 + 1000 / 5)
    expected = 1 + 0.5 * math.sqrt(spread)
    assert theory_alpha(horizon=1000, dim=5, lam=1.0, noise=0.5) == pytest.approx(expected)
    with pytest.raises(ValueError, match="see the 5 features"):
        LinUCB(5).act(LinUCB(5).start(1), None, None)
    with pytest.raises(ValueError, match="lam must lie"):
        LinUCBConfig(lam=0.0)
    with pytest.raises(ValueError, match="alpha must lie"):
        LinUCBConfig(alpha=-1.0)
