"""MDPs with chance: exact answers, held against the deterministic planner, SciPy and sampling."""

from __future__ import annotations

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from scipy.optimize import linprog

from operant import finite, planning
from operant.errors import OperantError
from operant.finite import (
    FiniteMDP,
    ModelOf,
    occupancy,
    policy_evaluation,
    random_mdp,
    with_probabilities,
)
from operant.tabular import TabularMDP, every_transition


def chain() -> TabularMDP:
    """Four cells; action 1 goes right and out of the last one, action 0 stays."""
    ahead = np.array([[0, 1], [1, 2], [2, 3], [3, -1]])
    success = ahead < 0
    return TabularMDP(
        next_state=ahead,
        reward=success.astype(np.float64),
        success=success,
        obs=np.arange(4),
        features={"cell": np.arange(4)},
        successor_features={"cell": np.where(ahead < 0, 4, ahead)},
    )


def test_a_deterministic_mdp_has_the_same_solution_with_probabilities() -> None:
    mdp = chain()
    one, other = (
        planning.value_iteration(mdp, gamma=0.9),
        finite.value_iteration(with_probabilities(mdp), gamma=0.9),
    )
    assert np.allclose(one.values, other.values, atol=1e-12)
    assert np.array_equal(one.optimal_actions, other.optimal_actions)


@pytest.mark.parametrize("ends", [0.0, 0.2])
def test_values_solve_the_linear_program(ends: float) -> None:
    """The judge: V* is the smallest function above its own backup (Puterman, 1994, sec. 6.9)."""
    mdp, gamma = random_mdp(np.random.default_rng(0), states=7, actions=3, ends=ends), 0.9
    below = gamma * mdp.transition - np.eye(7)[:, None, :]
    program = linprog(
        np.ones(7), A_ub=below.reshape(-1, 7), b_ub=-mdp.reward.ravel(), bounds=(None, None)
    )
    assert np.allclose(finite.value_iteration(mdp, gamma=gamma).values, program.x, atol=1e-7)


def test_values_are_optimal_to_rounding_though_the_sweeps_are_not() -> None:
    """A loop that pays 1, or 4e-10 less than it is worth at once: less than the sweeps can tell."""
    after, reward = np.zeros((3, 2, 3)), np.zeros((3, 2))
    after[0, 0, 1] = after[0, 1, 2] = after[1, :, 1] = 1.0
    reward[1], reward[2] = 1.0, 100 - 4e-10
    mdp = FiniteMDP(transition=after, reward=reward, start=np.eye(3)[0])
    plan = finite.value_iteration(mdp, gamma=0.99)
    assert plan.values[0] == pytest.approx(99.0, abs=1e-12)
    assert plan.values == pytest.approx(plan.q.max(axis=1), abs=1e-12)


@pytest.mark.parametrize("tol", [1e-9, 1e-2, 10.0])
def test_however_coarse_the_sweeps_the_values_are_optimal(tol: float) -> None:
    for seed in range(5):
        mdp = random_mdp(np.random.default_rng(seed), states=6, actions=4, ends=0.05)
        plan = finite.value_iteration(mdp, gamma=0.95, tol=tol)
        judge = np.zeros(6)
        for _ in range(1000):
            judge = finite.action_values(mdp, judge, gamma=0.95).max(axis=1)
        assert plan.values == pytest.approx(judge, abs=1e-11)


def test_values_and_occupancies_tell_the_same_return() -> None:
    rng = np.random.default_rng(1)
    mdp, policy = random_mdp(rng, states=5, actions=2, ends=0.1), rng.dirichlet([1, 1], size=5)
    visits = occupancy(mdp, policy, gamma=0.8)
    values = policy_evaluation(mdp, policy, gamma=0.8)
    earned = (visits[:, None] * policy * mdp.reward).sum() / (1 - 0.8)
    assert earned == pytest.approx(mdp.start @ values, abs=1e-12)
    assert visits.sum() < 1
    endless = dataclasses.replace(random_mdp(rng, states=5, actions=2), start=mdp.start)
    assert occupancy(endless, policy, gamma=0.8).sum() == pytest.approx(1.0, abs=1e-12)


def test_finite_horizon_counts_its_steps() -> None:
    mdp = with_probabilities(chain())
    assert finite.finite_horizon(mdp, 3)[0] == 0.0
    assert finite.finite_horizon(mdp, 4)[0] == 1.0


def test_every_transition_lies_in_a_slot_of_its_own() -> None:
    every = every_transition(chain())
    assert len(every) == 8
    assert np.array_equal(every.env_ids, np.arange(8))
    assert every.terminated.tolist() == [False] * 7 + [True]
    assert every.features["cell"].tolist() == [0, 1, 1, 2, 2, 3, 3, 4]
    assert every.prev_features["cell"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_bad_tables_are_refused() -> None:
    good = random_mdp(np.random.default_rng(0), states=3, actions=2)
    with pytest.raises(ValueError, match=r"shapes \(3, 2, 3\) and \(3,\)"):
        dataclasses.replace(good, start=np.ones(2) / 2)
    with pytest.raises(ValueError, match="rows sum to 1 at most"):
        dataclasses.replace(good, transition=good.transition * 1.1)
    with pytest.raises(ValueError, match="sum to 1"):
        dataclasses.replace(good, start=np.ones(3))


def test_too_many_states_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="4 states and 2 actions are too many"):
        with_probabilities(chain())


# ---- the model of an env --------------------------------------------------------------------


def test_a_batch_has_the_model_of_its_level() -> None:
    """Arguments of the batch say nothing about the MDP; those of the level do."""
    envs = gym.make_vec("Chain-n40-v0", num_envs=3, length=9, copy=False, threads=1)
    made = ModelOf(envs.spec)
    mdp = made()
    assert made() is mdp
    env = gym.make("Chain-n40-v0", length=9)
    env.reset(seed=5)
    expected = env.unwrapped.finite_mdp()
    assert np.array_equal(mdp.transition, expected.transition)
    assert mdp.num_states == 7
    assert np.array_equal(mdp.obs, env.unwrapped.tabular_mdp().obs)


def test_who_has_no_model_says_so() -> None:
    with pytest.raises(OperantError, match=r"CartPole-v1 cannot tell its model"):
        ModelOf(gym.spec("CartPole-v1"))()
    with pytest.raises(OperantError, match="no spec"):
        ModelOf(None)()
    with pytest.raises(ValueError, match="stochastic"):
        ModelOf(gym.spec("LineKey-v0"))()
