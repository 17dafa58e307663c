from __future__ import annotations

import numpy as np
import pytest

from operant import agents
from operant.agents.tabular.policy_iteration import policy_iteration
from operant.planning import value_iteration
from operant.tabular import TabularMDP


def random_mdp(seed: int, states: int = 30, actions: int = 4) -> TabularMDP:
    rng = np.random.default_rng(seed)
    ahead = rng.integers(-1, states, (states, actions))
    return TabularMDP(
        next_state=ahead,
        reward=rng.normal(size=ahead.shape).round(1),  # rounded, so that actions tie
        success=ahead < 0,
        obs=np.arange(states),
        features={},
        successor_features={},
    )


def assert_equal_plans(one, two) -> None:
    assert np.allclose(one.values, two.values, rtol=0, atol=1e-8)
    assert np.allclose(one.q, two.q, rtol=0, atol=1e-8)
    assert np.array_equal(one.policy, two.policy)
    assert np.array_equal(one.optimal_actions, two.optimal_actions)


def test_it_is_registered() -> None:
    assert agents.registry().load("policy-iteration") is policy_iteration


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_value_iteration_on_random_mdps(seed, gamma) -> None:
    mdp = random_mdp(seed)
    assert_equal_plans(policy_iteration(mdp, gamma=gamma), value_iteration(mdp, gamma=gamma))


def test_agrees_with_value_iteration_on_sparse_key(sparse_key) -> None:
    mine, its = (plan(sparse_key, gamma=0.95) for plan in (policy_iteration, value_iteration))
    assert_equal_plans(mine, its)
    assert mine.start_value == pytest.approx(0.95**8, abs=1e-12)


def test_plans_for_designed_rewards() -> None:
    mdp = random_mdp(7)
    designed = -mdp.reward
    mine, its = (p(mdp, gamma=0.9, reward=designed) for p in (policy_iteration, value_iteration))
    assert_equal_plans(mine, its)
    assert not np.array_equal(mine.policy, policy_iteration(mdp, gamma=0.9).policy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": 1.0}, r"gamma must lie in \[0, 1\), got 1.0"),
        ({"gamma": 0.9, "tol": 0.0}, "tol must be > 0, got 0.0"),
        ({"gamma": 0.9, "reward": np.zeros((2, 2))}, r"reward must have shape \(30, 4\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        policy_iteration(random_mdp(0), **arguments)
