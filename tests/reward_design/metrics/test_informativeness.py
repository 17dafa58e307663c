from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from operant.finite import FiniteMDP, occupancy, random_mdp, value_iteration
from operant.reward_design.metrics.informativeness import (
    HORIZONS,
    informativeness,
    step_informativeness,
)
from operant.reward_design.metrics.rewards import expected, potential_shaping
from operant.reward_design.shaping.exp_adard import adaptive_gain
from operant.reward_design.shaping.exprd import Informativeness
from operant.reward_design.shaping.teaching import solve_teacher

GAMMA = 0.9


def world(seed: int = 0, ends: float = 0.0) -> FiniteMDP:
    return random_mdp(np.random.default_rng(seed), states=6, actions=3, ends=ends)


def chain(cells: int = 6) -> FiniteMDP:
    """Left and right; 1 for leaving at the right end."""
    transition = np.zeros((cells, 2, cells))
    for cell in range(cells):
        transition[cell, 0, max(cell - 1, 0)] = 1.0
        if cell < cells - 1:
            transition[cell, 1, cell + 1] = 1.0
    reward = np.zeros((cells, 2))
    reward[-1, 1] = 1.0
    return FiniteMDP(transition=transition, reward=reward, start=np.eye(cells)[0])


def by_definition(mdp: FiniteMDP, reward: np.ndarray, horizons) -> float:
    plan = value_iteration(mdp, gamma=GAMMA)
    states, actions = mdp.reward.shape

    def value(s: int, a: int, h: int) -> float:
        """Follow the optimal policy after one action, by summing over all states step by step."""
        total, where, discount = reward[s, a], mdp.transition[s, a], GAMMA
        for _ in range(h):
            total += discount * sum(where[x] * reward[x, plan.policy[x]] for x in range(states))
            where = sum(where[x] * mdp.transition[x, plan.policy[x]] for x in range(states))
            discount *= GAMMA
        return total

    lost = 0.0
    for h in horizons:
        for s in range(states):
            others = [a for a in range(actions) if not plan.optimal_actions[s, a]]
            if not others:
                continue
            smallest = min(plan.values[s] - plan.q[s, a] for a in others)
            best = value(s, plan.policy[s], h)
            lost += max(0.0, *(smallest - (best - value(s, a, h)) for a in others))
    return -lost / len(horizons) / states


@pytest.mark.parametrize("seed", range(3))
def test_informativeness_follows_its_definition(seed: int) -> None:
    mdp = world(seed, ends=0.1 * seed)
    reward = np.random.default_rng(seed).normal(size=(6, 3))
    found = informativeness(mdp, reward, gamma=GAMMA, horizons=(0, 2, 5))
    assert found == pytest.approx(by_definition(mdp, reward, (0, 2, 5)), abs=1e-9)


@pytest.mark.parametrize("ends", [0.0, 0.2])
def test_shaping_by_the_optimal_values_is_most_informative(ends: float) -> None:
    mdp = world(1, ends)
    plan = value_iteration(mdp, gamma=GAMMA)
    shaped = mdp.reward + GAMMA * mdp.transition @ plan.values - plan.values[:, None]
    assert informativeness(mdp, shaped, gamma=GAMMA) == pytest.approx(0.0, abs=1e-8)
    assert informativeness(mdp, mdp.reward, gamma=GAMMA, horizons=(0, 1)) < -1e-3
    if not ends:
        added = potential_shaping(plan.values, gamma=GAMMA)
        assert informativeness(
            mdp, expected(mdp, mdp.reward[:, :, None] + added), gamma=GAMMA
        ) == pytest.approx(0.0, abs=1e-8)


def test_a_sparse_reward_says_more_the_further_one_looks() -> None:
    mdp = chain()
    found = [informativeness(mdp, mdp.reward, gamma=GAMMA, horizons=(h,)) for h in range(8)]
    assert found[0] < -0.05
    assert found[-1] == pytest.approx(0.0, abs=1e-9)
    # with h more steps the goal is in sight of h more cells
    assert np.count_nonzero(np.diff(found) > 1e-6) >= 4


def test_one_step_informativeness_follows_its_definition() -> None:
    mdp, rng = world(2, ends=0.1), np.random.default_rng(2)
    learner, reward = rng.dirichlet(np.ones(3), 6), rng.normal(size=(6, 3))
    plan = value_iteration(mdp, gamma=GAMMA)
    teacher = 0.7 * np.eye(3)[plan.policy] + 0.1
    visits = [occupancy(mdp, policy, gamma=GAMMA) for policy in (teacher, learner)]
    visits = [each / each.sum() for each in visits]
    total = 0.0
    for s in range(6):
        advantage = plan.q[s] - plan.values[s]
        for a in range(3):
            total += (
                visits[0][s]
                * visits[1][s]
                * learner[s, a] ** 2
                * (advantage[a] - learner[s] @ advantage)
                * (reward[s, a] - learner[s] @ reward[s])
            )
    found = step_informativeness(mdp, reward, learner, gamma=GAMMA, exploration=0.3)
    assert found == pytest.approx(total, abs=1e-12)


def test_the_best_bounded_reward_for_a_uniform_learner_is_the_sign_of_the_advantage() -> None:
    mdp, learner = world(3), np.full((6, 3), 1 / 3)
    plan = value_iteration(mdp, gamma=GAMMA)
    best = np.sign(plan.q - plan.q.mean(axis=1, keepdims=True))

    def score(reward: np.ndarray) -> float:
        return step_informativeness(mdp, reward, learner, gamma=GAMMA, exploration=0.4)

    gradient = np.array([score(unit.reshape(6, 3)) for unit in np.eye(18)])
    bang = linprog(-gradient, bounds=(-1, 1), method="highs").x
    np.testing.assert_allclose(bang.reshape(6, 3), best)
    assert score(best) == pytest.approx(np.abs(gradient).sum(), rel=1e-9)


def test_a_deterministic_learner_learns_nothing_from_any_reward() -> None:
    mdp = world(4)
    learner = np.eye(3)[value_iteration(mdp, gamma=GAMMA).policy]
    reward = np.random.default_rng(4).normal(size=(6, 3))
    assert step_informativeness(mdp, reward, learner, gamma=GAMMA) == pytest.approx(0.0, abs=1e-15)


def test_bad_arguments_are_refused() -> None:
    mdp = world()
    with pytest.raises(ValueError, match=r"horizons must be .* got \(\)"):
        informativeness(mdp, mdp.reward, gamma=GAMMA, horizons=())
    with pytest.raises(ValueError, match=r"horizons must be .* got \(-1,\)"):
        informativeness(mdp, mdp.reward, gamma=GAMMA, horizons=(-1,))
    uniform = np.full((6, 3), 1 / 3)
    with pytest.raises(ValueError, match=r"exploration must lie in \[0, 1\], got 2"):
        step_informativeness(mdp, mdp.reward, uniform, gamma=GAMMA, exploration=2)
    with pytest.raises(ValueError, match=r"learner must have shape \(6, 3\)"):
        step_informativeness(mdp, mdp.reward, uniform[:2], gamma=GAMMA)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\)"):
        step_informativeness(mdp, mdp.reward, uniform, gamma=1.0)


def test_it_agrees_with_the_linear_programs_of_the_designs() -> None:
    """They compute both criteria as linear functions of the reward, by other means."""
    mdp, rng = world(5, ends=0.1), np.random.default_rng(5)
    reward, learner = rng.normal(size=(6, 3)), rng.dirichlet(np.ones(3), 6)
    teacher = solve_teacher(mdp, gamma=GAMMA)
    assert informativeness(mdp, reward, gamma=GAMMA) == pytest.approx(
        Informativeness(teacher, horizons=HORIZONS)(reward), abs=1e-9
    )
    assert step_informativeness(
        mdp, reward, learner, gamma=GAMMA, exploration=0.3
    ) == pytest.approx((adaptive_gain(teacher, learner, epsilon=0.3) * reward).sum(), abs=1e-12)
