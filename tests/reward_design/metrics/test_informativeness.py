from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from operant.finite import FiniteMDP, random_mdp, value_iteration
from operant.reward_design.metrics.informativeness import informativeness
from operant.reward_design.metrics.rewards import expected, potential_shaping

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


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_it_is_in_units_of_reward(size: float) -> None:
    mdp = world(3, ends=0.1)
    reward = np.random.default_rng(3).normal(size=(6, 3))
    large = dataclasses.replace(mdp, reward=size * mdp.reward)
    assert informativeness(large, size * reward, gamma=GAMMA) == pytest.approx(
        size * informativeness(mdp, reward, gamma=GAMMA), rel=1e-9
    )


def test_a_gap_too_small_for_the_designs_is_a_tie() -> None:
    """What a linear program cannot keep apart is not asked for: the next gap is."""
    arms = FiniteMDP(
        transition=np.zeros((1, 3, 1)), reward=np.array([[1.0, 1 - 5e-7, 0.0]]), start=np.ones(1)
    )
    assert informativeness(arms, np.zeros((1, 3)), gamma=GAMMA) == pytest.approx(-1.0)


def test_bad_arguments_are_refused() -> None:
    mdp = world()
    with pytest.raises(ValueError, match=r"horizons must .* got \(\)"):
        informativeness(mdp, mdp.reward, gamma=GAMMA, horizons=())
    with pytest.raises(ValueError, match=r"horizons must .* got \(-1,\)"):
        informativeness(mdp, mdp.reward, gamma=GAMMA, horizons=(-1,))
    with pytest.raises(ValueError, match=r"reward must have shape \(6, 3\)"):
        informativeness(mdp, mdp.reward[:2], gamma=GAMMA)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\)"):
        informativeness(mdp, mdp.reward, gamma=1.0)
