"""EPIC and DARD against their definitions, written out as sums over all outcomes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from operant.finite import random_mdp
from operant.reward_design.metrics.dard import dard_distance
from operant.reward_design.metrics.epic import epic_distance, epic_matrix, sampled_epic
from operant.reward_design.metrics.pearson import pearson_matrix
from operant.reward_design.metrics.rewards import potential_shaping, with_end
from operant.reward_design.metrics.starc import starc_distance

GAMMA = 0.9
BOTH = pytest.mark.parametrize("distance", [epic_distance, dard_distance])


def world(seed: int = 0, states: int = 6, actions: int = 3, ends: float = 0.0):
    rng = np.random.default_rng(seed)
    mdp = with_end(random_mdp(rng, states=states, actions=actions, ends=ends))
    shape = mdp.transition.shape
    return mdp, rng.normal(size=shape), rng.normal(size=shape), rng


def pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    covariance = np.cov(np.stack([x.ravel(), y.ravel()]), aweights=weights.ravel(), ddof=0)
    correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(np.sqrt((1 - correlation) / 2))


def epic_by_definition(mdp, reward, states, actions):
    found = np.zeros_like(reward)
    jumps = list(itertools.product(range(len(states)), range(len(actions)), range(len(states))))

    def mean(start):
        return sum(actions[a] * states[t] * reward[start, a, t] for s, a, t in jumps if s == start)

    overall = sum(states[s] * mean(s) for s in range(len(states)))
    for s, a, t in jumps:
        found[s, a, t] = reward[s, a, t] + GAMMA * mean(t) - mean(s) - GAMMA * overall
    return found


def dard_by_definition(mdp, reward):
    states, actions, _ = reward.shape
    ahead, found = mdp.transition, np.zeros_like(reward)
    for s, a, t in np.ndindex(reward.shape):
        total = reward[s, a, t]
        for b, x, y in itertools.product(range(actions), range(states), range(states)):
            p = ahead[s, b, x] * ahead[t, b, y] / actions
            total += p * (GAMMA * reward[t, b, y] - reward[s, b, x] - GAMMA * reward[x, b, y])
        found[s, a, t] = total
    return found


def test_epic_follows_its_definition() -> None:
    mdp, one, other, rng = world(states=4, actions=2)
    states, actions = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(2))
    canonical = [epic_by_definition(mdp, reward, states, actions) for reward in (one, other)]
    weights = states[:, None, None] * actions[None, :, None] * states
    found = epic_matrix(mdp, [one, other], gamma=GAMMA, states=states, actions=actions)
    assert found[0, 1] == pytest.approx(pearson(*canonical, weights), abs=1e-12)


def test_dard_follows_its_definition() -> None:
    mdp, one, other, _ = world(states=4, actions=2)
    canonical = [dard_by_definition(mdp, reward) for reward in (one, other)]
    expected = pearson(*canonical, mdp.transition)
    assert dard_distance(mdp, one, other, gamma=GAMMA) == pytest.approx(expected, abs=1e-12)


@BOTH
@pytest.mark.parametrize("ends", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_shaped_and_scaled_copies_are_the_same(distance, ends: float, seed: int) -> None:
    mdp, reward, _, rng = world(seed, ends=ends)
    potential = 10 * rng.normal(size=mdp.num_states)
    potential[-1] *= ends == 0  # the end, if there is one
    shaped = 3.7 * (reward + potential_shaping(potential, gamma=GAMMA))
    assert distance(mdp, reward, shaped, gamma=GAMMA) < 1e-13
    assert distance(mdp, reward, -shaped, gamma=GAMMA) == pytest.approx(1.0, abs=1e-12)


@BOTH
@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
def test_the_size_of_a_reward_does_not_count_however_large_or_small(distance, size: float) -> None:
    mdp, reward, *_ = world()
    assert distance(mdp, reward, size * reward, gamma=GAMMA) < 1e-13
    assert distance(mdp, reward, -size * reward, gamma=GAMMA) == pytest.approx(1.0, abs=1e-12)


@BOTH
def test_a_reward_of_nothing_but_shaping_is_not_what_its_rounding_says(distance) -> None:
    mdp, reward, _, rng = world()
    shaping = potential_shaping(100 * rng.normal(size=6), gamma=GAMMA)
    nothing = np.broadcast_to(shaping, reward.shape)
    assert distance(mdp, reward, nothing, gamma=GAMMA) == pytest.approx(0.5, abs=1e-12)


@BOTH
@pytest.mark.parametrize("seed", range(5))
def test_redistribution_over_successors_is_told_apart_where_starc_sees_none(
    distance, seed: int
) -> None:
    mdp, reward, noise, _ = world(seed)
    noise = noise - (mdp.transition * noise).sum(axis=2, keepdims=True)
    assert distance(mdp, reward, reward + 5 * noise, gamma=GAMMA) > 0.1
    assert starc_distance(mdp, reward, reward + 5 * noise, gamma=GAMMA) < 1e-12


@BOTH
def test_an_mdp_that_ends_has_to_say_so_as_a_state(distance) -> None:
    mdp = random_mdp(np.random.default_rng(0), states=3, actions=2, ends=0.1)
    with pytest.raises(ValueError, match=r"must not end its episodes.*with_end\(mdp\)"):
        distance(mdp, mdp.reward, mdp.reward, gamma=GAMMA)


def test_a_coverage_must_be_probabilities() -> None:
    mdp, reward, *_ = world()
    with pytest.raises(ValueError, match="states must be 6 probabilities that sum to 1"):
        epic_matrix(mdp, [reward], gamma=GAMMA, states=np.ones(6))
    with pytest.raises(ValueError, match="actions must be 3 probabilities"):
        epic_matrix(mdp, [reward], gamma=GAMMA, actions=np.ones(2) / 2)


def test_without_spread_there_is_no_correlation() -> None:
    x, constant = np.array([1.0, 2.0, 4.0]), np.full(3, 7.0)
    found = pearson_matrix([x, -x, constant])
    np.testing.assert_allclose(found, [[0, 1, 0.5], [1, 0, 0.5], [0.5, 0.5, 0]], atol=1e-12)


def test_sampled_epic_cancels_shaping_exactly_and_comes_near_the_exact_distance() -> None:
    mdp, one, other, rng = world(states=8)
    potential = 10 * rng.normal(size=8)
    shaped = 2 * one + 2 * potential_shaping(potential, gamma=GAMMA)
    tables = [one, other, shaped, -one, np.broadcast_to(shaped - 2 * one, one.shape), 1e200 * one]
    rewards = [lambda s, a, t, table=table: table[s, a, t] for table in tables]
    found = sampled_epic(
        rewards,
        states=np.arange(8),
        actions=np.arange(3),
        gamma=GAMMA,
        rng=np.random.default_rng(1),
        samples=4096,
    )
    np.testing.assert_allclose(found[0, 2:4], [0.0, 1.0], atol=1e-12)
    assert found[0, 4] == pytest.approx(0.5, abs=1e-12)  # nothing but shaping
    assert found[0, 5] < 1e-12
    exact = epic_distance(mdp, one, other, gamma=GAMMA)
    assert found[0, 1] == pytest.approx(exact, abs=0.03)


def test_sampled_epic_takes_states_and_actions_that_are_vectors() -> None:
    rng = np.random.default_rng(0)
    found = sampled_epic(
        [lambda s, a, t: s[:, 0] + a[:, 0] * t[:, 1], lambda s, a, t: a[:, 0] * t[:, 1]],
        states=rng.normal(size=(50, 2)),
        actions=rng.normal(size=(50, 1)),
        gamma=0.0,
        rng=rng,
        samples=500,
    )
    assert found[0, 1] < 1e-12  # a state's own pay is shaping, with gamma 0
    with pytest.raises(ValueError, match="samples must be >= 2"):
        sampled_epic([], states=np.ones(2), actions=np.ones(2), gamma=0.9, rng=rng, samples=1)
