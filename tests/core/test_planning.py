from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

from operant.planning import (
    best_return,
    fixed_point,
    follow,
    policy_evaluation,
    shortest_solution,
    steps_to_success,
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


def test_values_are_optimal_to_rounding_though_the_sweeps_are_not() -> None:
    """A loop that pays 1, or 4e-10 less than it is worth at once: less than the sweeps can tell."""
    mdp = mdp_of([[1, 2], [1, 1], [-1, -1]], [[0, 0], [1, 1], [100 - 4e-10] * 2])
    plan = value_iteration(mdp, gamma=0.99)
    assert plan.values[0] == pytest.approx(99.0, abs=1e-12)
    assert plan.values == pytest.approx(plan.q.max(axis=1), abs=1e-12)


@pytest.mark.parametrize("tol", [1e-2, 10.0])
def test_however_coarse_the_sweeps_the_values_are_optimal(tol: float) -> None:
    for seed in range(5):
        mdp = random_mdp(seed, states=30)
        exact, coarse = (value_iteration(mdp, gamma=0.95, tol=each) for each in (1e-12, tol))
        assert coarse.values == pytest.approx(exact.values, abs=1e-12)


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
    mdp = mdp_of([[0, 1], [0, 1]], np.zeros((2, 2)))
    assert shortest_solution(mdp) is None
    assert steps_to_success(mdp).tolist() == [-1, -1]


def test_steps_to_success_by_hand() -> None:
    """0 -> 1 -> success; 2 only falls off; 3 -> 0 or 2; a success in 4 does not end it."""
    next_state = [[1, 0], [0, -1], [-1, 2], [0, 2], [4, 3]]
    success = np.zeros((5, 2), np.bool_)
    success[1, 1] = success[4, 0] = True
    mdp = mdp_of(next_state, np.zeros((5, 2)), success)
    assert steps_to_success(mdp).tolist() == [2, 1, -1, 3, 1]
    assert shortest_solution(mdp) == (0, 1)


@pytest.mark.parametrize("seed", range(8))
def test_steps_to_success_are_the_exponent_of_the_sparse_value(seed) -> None:
    rng = np.random.default_rng(seed)
    next_state = rng.integers(-1, 40, (40, 2))
    success = (next_state == -1) & (rng.random((40, 2)) < 0.3)
    mdp = mdp_of(next_state, success, success)
    steps, values = steps_to_success(mdp), value_iteration(mdp, gamma=0.8).values
    expected = np.where(steps > 0, 0.8 ** (steps - 1.0), 0.0)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    solution = shortest_solution(mdp)
    assert (len(solution) if solution else -1) == steps[0]
    if solution:
        policy = np.zeros(40, int)
        states = [0]
        for action in solution:
            policy[states[-1]] = action
            states.append(int(next_state[states[-1], action]))
        assert follow(mdp, policy, max_steps=len(solution)).success


@pytest.mark.parametrize("seed", range(4))
def test_best_return_against_every_sequence_of_actions(seed) -> None:
    mdp = random_mdp(seed)
    best = -np.inf
    for actions in itertools.product(range(3), repeat=5):
        state, total = 0, 0.0
        for action in actions:
            if state >= 0:
                total += mdp.reward[state, action]
                state = mdp.next_state[state, action]
        best = max(best, total)
    value, plan = best_return(mdp, 5)
    assert value == pytest.approx(best, abs=1e-12)
    state, total = 0, 0.0
    for action in plan:
        total += mdp.reward[state, action]
        state = mdp.next_state[state, action]
    assert total == pytest.approx(best, abs=1e-12)
    assert state == -1 or len(plan) == 5


def test_best_return_by_hand() -> None:
    assert best_return(chain(3), 2) == (0.0, (0, 0))
    assert best_return(chain(3), 3) == (1.0, (1, 1, 1))
    assert best_return(chain(3), 9)[0] == 1.0
    # One cell: the chosen action leaves in 1 of 2 slips too; then there is one more try.
    assert best_return(chain(1), 1, slip=0.4) == (pytest.approx(0.8), ())
    assert best_return(chain(1), 2, slip=0.4)[0] == pytest.approx(0.8 + 0.2 * 0.8)


def test_fixed_point_is_as_near_as_asked() -> None:
    for gamma in (0.0, 0.5, 0.999):
        found = fixed_point(lambda v, g=gamma: 1.0 + g * v, np.zeros(2), gamma=gamma, tol=1e-3)
        assert np.abs(found - 1 / (1 - gamma)).max() <= 1e-3


def test_shortest_solution_of_the_chain_and_of_one_step() -> None:
    assert shortest_solution(chain(7)) == (1,) * 7
    assert shortest_solution(chain(1)) == (1,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mdp: value_iteration(mdp, gamma=1.0), r"gamma must lie in \[0, 1\), got 1.0"),
        (lambda mdp: value_iteration(mdp, gamma=0.9, tol=0.0), "tol must be > 0"),
        (
            lambda mdp: fixed_point(np.abs, np.zeros(1), gamma=-0.1, tol=1.0),
            r"gamma must lie in \[0, 1\), got -0.1",
        ),
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
