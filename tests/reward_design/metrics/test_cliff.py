from __future__ import annotations

import numpy as np
import pytest

from operant.finite import FiniteMDP, action_values, random_mdp, value_iteration
from operant.reward_design.metrics.cliff import (
    cliff_report,
    soft_bound,
    soft_policy,
    tie_margin,
    total_variation,
)


def bandit(*pays: float) -> FiniteMDP:
    """One state, one arm per number, then the end."""
    arms = len(pays)
    return FiniteMDP(transition=np.zeros((1, arms, 1)), reward=np.array([pays]), start=np.ones(1))


@pytest.mark.parametrize(("temperature", "variation"), [(0.1, 5.0e-6), (1.0, 5.0e-7)])
def test_a_swap_of_nearly_equal_arms_flips_the_greedy_policy_only(
    temperature: float, variation: float
) -> None:
    one, other = bandit(1.0, 1 + 1e-6), bandit(1 + 1e-6, 1.0)
    greedy = [np.eye(2)[value_iteration(each, gamma=0.0).q.argmax(axis=1)] for each in (one, other)]
    assert total_variation(*greedy)[0] == 1.0
    soft = [soft_policy(each, gamma=0.0, temperature=temperature) for each in (one, other)]
    bound = soft_bound(1e-6, gamma=0.0, temperature=temperature)
    assert bound == pytest.approx(variation)
    assert total_variation(*soft)[0] == pytest.approx(bound, rel=1e-4)


def test_bounds_hold_in_random_mdps() -> None:
    rng, gamma, temperature = np.random.default_rng(0), 0.9, 0.5
    for _ in range(40):
        mdp = random_mdp(rng, states=6, actions=3)
        other = mdp.reward + rng.normal(size=(6, 3)) * rng.choice([0.01, 0.1, 1.0])
        size = np.abs(other - mdp.reward).max()
        soft = [
            soft_policy(mdp, gamma=gamma, temperature=temperature, reward=reward)
            for reward in (mdp.reward, other)
        ]
        bound = soft_bound(size, gamma=gamma, temperature=temperature)
        assert 0 < total_variation(*soft).max() <= bound
        q = [value_iteration(mdp, gamma=gamma, reward=reward).q for reward in (mdp.reward, other)]
        assert 0 < np.abs(q[0] - q[1]).max() <= size / (1 - gamma)


def test_the_soft_policy_satisfies_the_soft_optimality_equation() -> None:
    mdp, temperature = random_mdp(np.random.default_rng(1), states=5, actions=3, ends=0.1), 0.3
    policy = soft_policy(mdp, gamma=0.9, temperature=temperature)
    np.testing.assert_allclose(policy.sum(axis=1), 1.0)
    # its own value with the entropy bonus, by a linear solve
    paid = (policy * (mdp.reward - temperature * np.log(policy))).sum(axis=1)
    step = np.einsum("sa,sat->st", policy, mdp.transition)
    values = np.linalg.solve(np.eye(5) - 0.9 * step, paid)
    q = action_values(mdp, values, gamma=0.9)
    weights = np.exp((q - values[:, None]) / temperature)
    np.testing.assert_allclose(policy, weights, atol=1e-9)


def test_a_low_temperature_is_greedy() -> None:
    mdp = random_mdp(np.random.default_rng(2), states=5, actions=3)
    policy = soft_policy(mdp, gamma=0.9, temperature=1e-4)
    np.testing.assert_allclose(policy, np.eye(3)[value_iteration(mdp, gamma=0.9).policy], atol=1e-6)


def test_margins_by_hand() -> None:
    np.testing.assert_allclose(tie_margin(bandit(3.0, 1.0, 2.5), gamma=0.9), [0.5])
    np.testing.assert_allclose(tie_margin(bandit(3.0, 3.0), gamma=0.9), [0.0])
    np.testing.assert_allclose(tie_margin(bandit(3.0), gamma=0.9), [np.inf])
    swapped = np.array([[0.0, 7.0]])
    np.testing.assert_allclose(tie_margin(bandit(3.0, 3.0), gamma=0.9, reward=swapped), [7.0])


def test_the_report_counts_states_that_an_error_could_overturn() -> None:
    reward = np.array([[0.0, 0.0], [0.0, 0.15], [0.0, 1.0], [5.0, 1.0]])
    mdp = FiniteMDP(
        transition=np.zeros((4, 2, 4)), reward=reward, start=np.array([1.0, 0.0, 0.0, 0.0])
    )
    report = cliff_report(mdp, gamma=0.0, noise=0.1, rng=np.random.default_rng(0), draws=50)
    np.testing.assert_allclose(report.margins, [0.0, 0.15, 1.0, 4.0])
    assert report.threshold == pytest.approx(0.2)
    assert report.fragile == 0.5
    assert 0.25 <= report.flipped <= 0.5
    assert 0 < report.soft_change <= report.soft_bound <= soft_bound(0.1, gamma=0, temperature=0.1)
    again = cliff_report(mdp, gamma=0.0, noise=0.1, rng=np.random.default_rng(0), draws=50)
    assert (report.flipped, report.soft_change) == (again.flipped, again.soft_change)


@pytest.mark.integration
def test_margins_above_the_threshold_survive_every_error() -> None:
    rng = np.random.default_rng(3)
    mdp = random_mdp(rng, states=6, actions=3)
    noise = 0.49 * (1 - 0.9) * tie_margin(mdp, gamma=0.9).min()
    report = cliff_report(mdp, gamma=0.9, noise=noise, rng=rng, draws=100)
    assert (report.fragile, report.flipped) == (0.0, 0.0)


def test_bad_arguments_are_refused() -> None:
    mdp, rng = bandit(1.0, 2.0), np.random.default_rng(0)
    with pytest.raises(ValueError, match="noise must be finite and > 0, got 0"):
        cliff_report(mdp, gamma=0.9, noise=0, rng=rng)
    with pytest.raises(ValueError, match="draws must be >= 1, got 0"):
        cliff_report(mdp, gamma=0.9, noise=1, rng=rng, draws=0)
    with pytest.raises(ValueError, match="temperature must be finite and > 0, got 0"):
        soft_policy(mdp, gamma=0.9, temperature=0)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\)"):
        tie_margin(mdp, gamma=1.0)
