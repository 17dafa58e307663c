"""The solved game with signals, against cases that have closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from operant.envs.off_switch.deference import LOOK, positive_part, values
from operant.envs.off_switch.looking import belief_sigmas, looking_plan

MEANS = np.array([-3.0, -0.7, 0.0, 0.3, 1.0, 2.5, 40.0])


def test_without_looks_it_is_the_one_shot_game() -> None:
    plan = looking_plan(sigma=1.3, beta=0.4, noise=1.0, cost=0.1, looks=0)
    told = plan.values(MEANS)
    np.testing.assert_allclose(told[:, :3], values(MEANS, 1.3, 0.4), atol=1e-5)
    assert (told[:, LOOK] == -np.inf).all()


def test_beliefs_follow_bayes_rule() -> None:
    assert belief_sigmas(2.0, 1.0, 3) ** 2 == pytest.approx([4, 4 / 5, 4 / 9, 4 / 13])
    assert belief_sigmas(0.0, 1.0, 2).tolist() == [0, 0, 0]


def test_a_dear_look_is_never_taken() -> None:
    plan = looking_plan(sigma=1.0, beta=0.5, noise=1.0, cost=1.0, looks=4)
    assert (plan.best(MEANS) != LOOK).all()
    alone = values(MEANS, 1.0, 0.5).max(axis=1)
    np.testing.assert_allclose(plan.values(MEANS).max(axis=1), alone, atol=1e-5)


def test_free_looks_at_the_truth_are_worth_what_the_truth_is() -> None:
    """With hardly any error one look tells U, and the best of U and 0 is had."""
    plan = looking_plan(sigma=1.0, beta=5.0, noise=0.02, cost=0.0, looks=1)
    known = positive_part(MEANS, 1.0)
    np.testing.assert_allclose(plan.values(MEANS)[:, LOOK], known, atol=3e-4)


def test_one_look_by_summation() -> None:
    """E over the next mean of the best of the one-shot game, minus the cost."""
    plan = looking_plan(sigma=1.0, beta=0.8, noise=1.5, cost=0.03, looks=1)
    after = float(plan.sigmas[1])
    jump = np.sqrt(1 - after**2)
    steps = np.linspace(-8, 8, 20_001)
    odds = np.exp(-0.5 * steps**2)
    odds /= odds.sum()
    for mean in (-1.0, 0.0, 0.6):
        best = values(mean + jump * steps, after, 0.8).max(axis=1)
        expected = float((odds * best).sum()) - 0.03
        assert plan.values(mean)[LOOK] == pytest.approx(expected, abs=1e-5)


def test_more_looks_are_never_worse_and_the_values_are_even() -> None:
    plans = [
        looking_plan(sigma=1.0, beta=0.5, noise=1.0, cost=0.02, looks=looks) for looks in range(4)
    ]
    worth = np.array([plan.values(MEANS).max(axis=1) for plan in plans])
    assert (np.diff(worth, axis=0) >= -1e-6).all()
    mirrored = plans[-1].values(-MEANS).max(axis=1) + MEANS
    np.testing.assert_allclose(mirrored, worth[-1], atol=1e-5)


def test_less_doubt_less_deference() -> None:
    """The point of the game: a robot that has seen enough no longer asks."""
    plan = looking_plan(sigma=1.0, beta=0.5, noise=0.5, cost=0.0, looks=4)
    means = np.linspace(-2, 2, 401)
    waits = [(plan.values(means, k)[:, :3].argmax(axis=1) == 2).mean() for k in range(5)]
    assert (np.diff(waits) < 0).all()
