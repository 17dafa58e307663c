from __future__ import annotations

import numpy as np
import pytest

from operant.finite import FiniteMDP, policy_evaluation, random_mdp
from operant.reward_design.metrics.rewards import (
    expected,
    full,
    potential_shaping,
    successors,
    with_end,
)
from operant.tabular import TabularMDP


def test_the_end_becomes_the_last_successor_and_is_never_left() -> None:
    mdp = random_mdp(np.random.default_rng(0), states=4, actions=2, ends=0.25)
    closed = with_end(mdp)
    assert closed.num_states == 5
    np.testing.assert_allclose(closed.transition.sum(axis=2), 1.0)
    np.testing.assert_allclose(closed.transition[:4, :, 4], 0.25)
    np.testing.assert_array_equal(closed.transition[4, :, 4], 1.0)
    np.testing.assert_array_equal(closed.reward[4], 0.0)
    np.testing.assert_array_equal(successors(mdp), closed.transition[:4])


def test_the_end_as_a_state_changes_no_value() -> None:
    mdp = random_mdp(np.random.default_rng(1), states=5, actions=3, ends=0.1)
    policy = np.full((5, 3), 1 / 3)
    closed = with_end(mdp)
    values = policy_evaluation(closed, np.full((6, 3), 1 / 3), gamma=0.9)
    np.testing.assert_allclose(values[:5], policy_evaluation(mdp, policy, gamma=0.9), atol=1e-12)
    assert values[5] == 0


def test_an_mdp_without_an_end_is_returned_as_it_is() -> None:
    mdp = random_mdp(np.random.default_rng(2), states=3, actions=2)
    assert with_end(mdp) is mdp
    assert successors(mdp) is mdp.transition


def test_expected_rewards_by_hand() -> None:
    mdp = FiniteMDP(
        transition=np.array([[[0.5, 0.25]], [[0.0, 1.0]]]),
        reward=np.zeros((2, 1)),
        start=np.array([1.0, 0.0]),
    )
    reward = np.array([[[4.0, 8.0, 100.0]], [[7.0, 5.0, 7.0]]])  # the last is paid at the end
    np.testing.assert_allclose(expected(mdp, reward), [[2 + 2 + 25], [5]])
    np.testing.assert_array_equal(expected(mdp, np.array([[1.0], [2.0]])), [[1], [2]])


def test_a_reward_of_state_and_action_is_the_same_for_all_successors() -> None:
    mdp = random_mdp(np.random.default_rng(3), states=3, actions=2, ends=0.5)
    spread = full(mdp, mdp.reward)
    assert spread.shape == (3, 2, 4)
    np.testing.assert_allclose(spread[:, :, 3], mdp.reward)
    np.testing.assert_allclose(expected(mdp, spread), mdp.reward)


def test_shaping_by_hand() -> None:
    added = potential_shaping(np.array([1.0, 10.0]), gamma=0.5)
    np.testing.assert_allclose(added[:, 0, :], [[-0.5, 4.0], [-9.5, -5.0]])


def test_bad_rewards_are_refused() -> None:
    mdp = random_mdp(np.random.default_rng(4), states=3, actions=2, ends=0.5)
    with pytest.raises(ValueError, match=r"\(3, 2\) or \(3, 2, 4\).*the last successor is the end"):
        expected(mdp, np.zeros((3, 2, 3)))
    with pytest.raises(ValueError, match=r"shape \(3, 2\), got \(2, 3\)"):
        expected(mdp, np.zeros((2, 3)))
    holed = np.zeros((3, 2))
    holed[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"finite, got nan at \(1, 0\)"):
        expected(mdp, holed)
    deterministic = TabularMDP(
        next_state=np.zeros((3, 2), np.int64),
        reward=np.zeros((3, 2)),
        success=np.zeros((3, 2), np.bool_),
        obs=np.arange(3),
        features={},
        successor_features={},
    )
    with pytest.raises(ValueError, match=r"shape \(3, 2\), got \(3, 2, 3\)"):
        expected(deterministic, np.zeros((3, 2, 3)))
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\), got 1"):
        potential_shaping(np.zeros(2), gamma=1.0)
