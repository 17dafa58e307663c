from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401  (registers the ids)
from operant.agents.tabular.value_iteration import (
    follow,
    policy_evaluation,
    shortest_solution,
    value_iteration,
)
from operant.tabular import TabularMDP


def mdp_of(next_state, reward, success=None) -> TabularMDP:
    next_state = np.asarray(next_state)
    success = np.zeros(next_state.shape, np.bool_) if success is None else success
    return TabularMDP(
        next_state=next_state,
        reward=np.asarray(reward, np.float64),
        success=success,
        obs=np.arange(len(next_state)),
        features={},
        successor_features={},
    )


def chain(n: int) -> TabularMDP:
    """Left and right on n cells; 1 for leaving at the right end."""
    cells = np.arange(n)
    right = np.where(cells == n - 1, -1, cells + 1)
    next_state = np.stack([np.maximum(cells - 1, 0), right], axis=1)
    return mdp_of(next_state, next_state == -1, next_state == -1)


def random_mdp(seed: int, states: int = 6, actions: int = 3) -> TabularMDP:
    rng = np.random.default_rng(seed)
    next_state = rng.integers(-1, states, (states, actions))
    return mdp_of(next_state, rng.normal(size=(states, actions)))


def linear_solve(mdp: TabularMDP, policy, gamma: float):
    rows = np.arange(mdp.num_states)
    ahead = mdp.next_state[rows, policy]
    matrix = np.eye(mdp.num_states)
    live = ahead >= 0
    np.subtract.at(matrix, (rows[live], ahead[live]), gamma)
    return np.linalg.solve(matrix, mdp.reward[rows, policy])


def frozen_lake() -> TabularMDP:
    """Gymnasium's 4x4 map without slipping; holes and the goal end the MDP."""
    table = gym.make("FrozenLake-v1", is_slippery=False).unwrapped.P
    next_state, reward = np.zeros((16, 4), int), np.zeros((16, 4))
    for state, action in itertools.product(range(16), range(4)):
        ((_, ahead, paid, ends),) = table[state][action]
        next_state[state, action], reward[state, action] = (-1 if ends else ahead), paid
    return mdp_of(next_state, reward, reward > 0)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.99])
def test_chain_has_its_closed_form(gamma) -> None:
    plan = value_iteration(chain(20), gamma=gamma)
    expected = gamma ** np.arange(19, -1, -1.0)
    np.testing.assert_allclose(plan.values, expected, rtol=1e-13, atol=0)
    assert plan.start_value == plan.values[0]
    if gamma > 0.5:
        assert (plan.policy == 1).all()
        assert (plan.optimal_actions == [False, True]).all()


def test_reward_for_ever_is_a_geometric_series() -> None:
    plan = value_iteration(mdp_of([[0, -1]], [[1.0, 5.0]]), gamma=0.9)
    assert plan.start_value == pytest.approx(10.0, rel=1e-12)
    assert plan.policy.tolist() == [0]


@pytest.mark.parametrize("seed", range(5))
def test_random_mdp_against_a_linear_solve_of_every_policy(seed) -> None:
    mdp, gamma = random_mdp(seed), 0.93
    best = np.full(mdp.num_states, -np.inf)
    for policy in itertools.product(range(mdp.num_actions), repeat=mdp.num_states):
        values = linear_solve(mdp, np.array(policy), gamma)
        if seed == 0:
            got = policy_evaluation(mdp, np.array(policy), gamma=gamma)
            np.testing.assert_allclose(got, values, atol=1e-12)
        best = np.maximum(best, values)
    plan = value_iteration(mdp, gamma=gamma)
    np.testing.assert_allclose(plan.values, best, atol=1e-12)
    np.testing.assert_allclose(plan.q.max(axis=1), best, atol=1e-12)


def test_frozen_lake() -> None:
    mdp = frozen_lake()
    plan = value_iteration(mdp, gamma=0.9)
    assert plan.start_value == pytest.approx(0.9**5, rel=1e-14)  # six moves, the last one pays
    assert plan.optimal_actions[0].tolist() == [False, True, True, False]  # down or right
    solution = shortest_solution(mdp)
    assert len(solution) == 6
    env = gym.make("FrozenLake-v1", is_slippery=False)
    env.reset()
    paid = [env.step(action)[1] for action in solution]
    assert paid == [0, 0, 0, 0, 0, 1]
    walk = follow(mdp, plan.policy, max_steps=100)
    assert walk.success
    assert walk.terminated
    assert walk.rewards.tolist() == paid


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_oracle_of_sparse_key(seed) -> None:
    env = gym.make("SparseKey-5x5-v0")
    env.reset(seed=seed)
    oracle, mdp = env.unwrapped.oracle(), env.unwrapped.tabular_mdp()
    solution = shortest_solution(mdp)
    assert len(solution) == oracle.solution_length
    plan = value_iteration(mdp, gamma=0.99)
    assert plan.start_value == pytest.approx(0.99 ** (len(solution) - 1), rel=1e-12)
    for actions in (solution, follow(mdp, plan.policy, max_steps=100).actions):
        env.reset(seed=seed)
        steps = [env.step(int(action)) for action in actions]
        assert [step[1] for step in steps] == [0.0] * (len(solution) - 1) + [1.0]
        assert steps[-1][4]["success"] is True


def test_designed_reward_changes_the_plan() -> None:
    mdp = chain(5)
    stay = np.zeros((5, 2))
    stay[0, 0] = 1.0  # paid for running against the left wall
    plan = value_iteration(mdp, gamma=0.9, reward=stay)
    assert (plan.policy == 0).all()
    walk = follow(mdp, plan.policy, max_steps=7, reward=stay)
    assert walk.rewards.tolist() == [1.0] * 7
    assert not walk.terminated
    assert not walk.success


def test_huge_rewards_do_not_keep_it_sweeping() -> None:
    mdp = random_mdp(1)
    plan = value_iteration(mdp, gamma=0.999, reward=mdp.reward * 1e12)
    scaled = value_iteration(mdp, gamma=0.999)
    np.testing.assert_allclose(plan.values, scaled.values * 1e12, rtol=1e-9)


def test_unsolvable_has_no_solution() -> None:
    assert shortest_solution(mdp_of([[0, 1], [0, 1]], np.zeros((2, 2)))) is None


def test_shortest_solution_of_the_chain_and_of_one_step() -> None:
    assert shortest_solution(chain(7)) == (1,) * 7
    assert shortest_solution(chain(1)) == (1,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mdp: value_iteration(mdp, gamma=1.0), r"gamma must lie in \[0, 1\), got 1.0"),
        (lambda mdp: value_iteration(mdp, gamma=0.9, tol=0.0), "tol must be > 0"),
        (
            lambda mdp: value_iteration(mdp, gamma=0.9, reward=np.zeros(3)),
            r"shape \(3, 2\), got \(3,\)",
        ),
        (
            lambda mdp: policy_evaluation(mdp, np.zeros(2, int), gamma=0.9),
            r"shape \(3,\), got \(2,\)",
        ),
        (lambda mdp: follow(mdp, np.zeros(3, int), max_steps=0), "max_steps must be >= 1"),
    ],
)
def test_bad_arguments_are_named(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(chain(3))
