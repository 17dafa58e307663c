"""STARC against hand calculation, brute force over all policies, and other solvers."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.errors import MissingExtraError
from operant.finite import (
    FiniteMDP,
    policy_evaluation,
    random_mdp,
    value_iteration,
    with_probabilities,
)
from operant.reward_design.metrics.canonical import canonical
from operant.reward_design.metrics.rewards import (
    expected,
    potential_shaping,
    successors,
    with_end,
)
from operant.reward_design.metrics.starc import (
    minimal_starc_matrix,
    standardised,
    starc_distance,
    starc_matrix,
)
from operant.tabular import TabularMDP

FORMS = ("val", "minimal")
NORMS = ("l1", "l2", "linf", "weighted_l1", "weighted_l2", "weighted_linf")
worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "states": st.integers(2, 8),
        "actions": st.integers(2, 4),
        "ends": st.sampled_from([0.0, 0.1, 0.6]),
        "gamma": st.sampled_from([0.0, 0.5, 0.9, 0.99]),
    }
)


def two_rooms() -> FiniteMDP:
    """Action 0 goes to (or stays in) state 0, action 1 to state 1."""
    transition = np.zeros((2, 2, 2))
    transition[:, 0, 0] = transition[:, 1, 1] = 1.0
    return FiniteMDP(transition=transition, reward=np.zeros((2, 2)), start=np.array([1.0, 0.0]))


def paying(*where: int) -> np.ndarray:
    reward = np.zeros((2, 2, 2))
    reward[where] = 1.0
    return reward


def drawn(seed: int, states: int, actions: int, ends: float, gamma: float):
    """Return an MDP, a reward, a shaped copy and one redistributed over the successors."""
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng, states=states, actions=actions, ends=ends)
    ahead = successors(mdp)
    reward = rng.normal(size=ahead.shape)
    potential = np.append(10 * rng.normal(size=states), 0.0)[: ahead.shape[2]]
    shaped = reward + potential_shaping(potential, gamma=gamma)[:states]
    noise = rng.normal(size=ahead.shape)
    noise -= (ahead * noise).sum(axis=2, keepdims=True)
    return mdp, reward, shaped, shaped + 5.0 * noise


def deterministic(seed: int, states: int = 40, actions: int = 3) -> TabularMDP:
    rng = np.random.default_rng(seed)
    next_state = rng.integers(-1, states, (states, actions))
    return TabularMDP(
        next_state=next_state,
        reward=rng.normal(size=(states, actions)),
        success=next_state < 0,
        obs=np.arange(states),
        features={},
        successor_features={},
    )


def test_the_canonical_form_by_hand() -> None:
    mdp, reward = two_rooms(), paying(0, 1, 1)
    found, potential = canonical(mdp, reward, gamma=0.5)
    np.testing.assert_allclose(found, [[-0.375, 0.375], [0.125, -0.125]], atol=1e-12)
    np.testing.assert_allclose(potential, [0.75, 0.25], atol=1e-12)
    tensor = np.broadcast_to(found[:, :, None], (2, 2, 2))
    np.testing.assert_allclose(np.linalg.norm(tensor), 0.7905694, atol=5e-8)
    unit = standardised(mdp, reward, gamma=0.5)
    np.testing.assert_allclose(unit[:, :, 0], found / 0.7905694, rtol=1e-7)
    q = value_iteration(mdp, gamma=0.5, reward=expected(mdp, reward)).q
    np.testing.assert_allclose(q, [[0.666667, 1.333333], [0.666667, 0.333333]], atol=5e-7)


def test_distances_by_hand() -> None:
    mdp, reward = two_rooms(), paying(0, 1, 1)
    copy = 2 * (reward + potential_shaping(np.array([3.0, -1.0]), gamma=0.5))
    assert starc_distance(mdp, reward, copy, gamma=0.5) == pytest.approx(0.0, abs=1e-12)
    found = starc_distance(mdp, reward, paying(0, 0, 0), gamma=0.5)
    assert found == pytest.approx(1.9329993, abs=5e-8)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=50)
@given(world=worlds)
def test_shaping_scale_and_redistribution_do_not_count_and_the_negation_is_opposite(
    form: str, world: dict
) -> None:
    mdp, reward, shaped, redistributed = drawn(**world)
    matrix = starc_matrix(
        mdp,
        [reward, 3.7 * shaped, 0.2 * redistributed, -shaped],
        gamma=world["gamma"],
        form=form,
    )
    np.testing.assert_allclose(matrix[0], [0, 0, 0, 2], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(matrix, matrix.T)


@settings(max_examples=50)
@given(world=worlds)
def test_a_constant_counts_for_nothing_where_episodes_do_not_end(world: dict) -> None:
    world["ends"] = 0.0
    mdp, reward, *_ = drawn(**world)
    assert starc_distance(mdp, reward, reward + 5.0, gamma=world["gamma"]) < 1e-9


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gamma", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("constant", [1e3, 1e6])
def test_a_large_constant_costs_no_more_digits_than_it_takes(
    form: str, gamma: float, constant: float
) -> None:
    """Attainable: it is removed by values of constant / (1 - gamma), which are rounded."""
    for seed in range(5):
        mdp = random_mdp(np.random.default_rng(seed), states=6, actions=3)
        attainable = np.finfo(float).eps * constant / (1 - gamma)
        apart = starc_distance(mdp, mdp.reward, mdp.reward + constant, gamma=gamma, form=form)
        assert apart < 5 * attainable
        if (constant, gamma) == (1e3, 0.99):
            assert apart < 1e-9


@pytest.mark.parametrize("form", [*FORMS, "val_potential"])
@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200, 1e300])
def test_the_size_of_a_reward_does_not_count_however_large_or_small(form: str, size: float) -> None:
    mdp, reward, *_ = drawn(1, 5, 3, 0.1, 0.9)
    matrix = starc_matrix(mdp, [reward, size * reward, -size * reward], gamma=0.9, form=form)
    np.testing.assert_allclose(matrix, [[0, 0, 2], [0, 0, 2], [2, 2, 0]], atol=1e-12)


@settings(max_examples=50)
@given(world=worlds)
def test_val_potential_sees_through_shaping_only(world: dict) -> None:
    mdp, reward, shaped, redistributed = drawn(**world)
    matrix = starc_matrix(
        mdp, [reward, 3 * shaped, redistributed], gamma=world["gamma"], form="val_potential"
    )
    assert matrix[0, 1] < 1e-9
    assert matrix[0, 2] > 0.1


@settings(max_examples=50)
@given(world=worlds)
def test_the_end_as_a_state_of_its_own_changes_no_distance(world: dict) -> None:
    mdp, reward, *_ = drawn(**world)
    other = np.random.default_rng(world["seed"] + 1).normal(size=reward.shape)
    closed = with_end(mdp)
    more = closed.num_states - mdp.num_states
    padded = [np.pad(each, [(0, more), (0, 0), (0, 0)]) for each in (reward, other)]
    for form in FORMS:
        apart = starc_distance(mdp, reward, other, gamma=world["gamma"], form=form)
        again = starc_distance(closed, *padded, gamma=world["gamma"], form=form)
        assert apart == pytest.approx(again, abs=1e-9)


def returns_of_all_policies(mdp: FiniteMDP, reward: np.ndarray, gamma: float) -> np.ndarray:
    choices = itertools.product(range(mdp.num_actions), repeat=mdp.num_states)
    policies = [np.eye(mdp.num_actions)[list(choice)] for choice in choices]
    paid = expected(mdp, reward)
    return np.array(
        [mdp.start @ policy_evaluation(mdp, p, gamma=gamma, reward=paid) for p in policies]
    )


@pytest.mark.parametrize("seed", range(3))
def test_rewards_at_distance_0_and_2_rank_all_policies_alike_and_in_reverse(seed: int) -> None:
    gamma = 0.8
    mdp, reward, shaped, redistributed = drawn(seed, 4, 3, 0.1, gamma)
    base = returns_of_all_policies(mdp, reward, gamma)
    same = returns_of_all_policies(mdp, 2 * redistributed, gamma)
    np.testing.assert_array_equal(np.argsort(base), np.argsort(same))
    np.testing.assert_allclose(np.corrcoef(base, same)[0, 1], 1.0)
    opposite = returns_of_all_policies(mdp, -shaped, gamma)
    np.testing.assert_allclose(np.corrcoef(base, opposite)[0, 1], -1.0)


def test_a_growing_error_of_the_reward_grows_the_distance_and_the_regret() -> None:
    rng = np.random.default_rng(5)
    mdp = random_mdp(rng, states=4, actions=3)
    error = rng.normal(size=(4, 3))
    truth = returns_of_all_policies(mdp, mdp.reward, 0.9)
    spread = truth.max() - truth.min()
    distances, regrets = [], []
    for weight in (0.0, 0.3, 1.0, 3.0, 30.0):
        reward = mdp.reward + weight * error
        distances.append(starc_distance(mdp, mdp.reward, reward, gamma=0.9))
        chosen = np.argmax(returns_of_all_policies(mdp, reward, 0.9))
        regrets.append((truth.max() - truth[chosen]) / spread)
    assert distances == sorted(distances)
    assert (distances[0], regrets[0]) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert regrets == sorted(regrets)
    assert regrets[-1] > 0.1


@settings(max_examples=50)
@given(world=worlds)
def test_val_is_the_advantage_of_the_policy(world: dict) -> None:
    mdp, reward, *_ = drawn(**world)
    policy = np.random.default_rng(world["seed"]).dirichlet(
        np.ones(mdp.num_actions), mdp.num_states
    )
    found, potential = canonical(mdp, reward, gamma=world["gamma"], policy=policy)
    values = policy_evaluation(mdp, policy, gamma=world["gamma"], reward=expected(mdp, reward))
    np.testing.assert_allclose(potential, values, atol=1e-9)
    ahead = world["gamma"] * mdp.transition @ values
    np.testing.assert_allclose(
        found, expected(mdp, reward) + ahead - values[:, None], rtol=0, atol=1e-9
    )


@settings(max_examples=50)
@given(world=worlds)
def test_minimal_is_what_least_squares_finds(world: dict) -> None:
    mdp, reward, *_ = drawn(**world)
    states = mdp.num_states
    shaping = world["gamma"] * mdp.transition - np.eye(states)[:, None, :]
    paid = expected(mdp, reward).ravel()
    potential, *_ = np.linalg.lstsq(shaping.reshape(-1, states), -paid, rcond=None)
    found, _ = canonical(mdp, reward, gamma=world["gamma"], form="minimal")
    np.testing.assert_allclose(
        found.ravel(), paid + shaping.reshape(-1, states) @ potential, rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("form", FORMS)
def test_deterministic_mdps_give_what_their_probabilities_give(form: str) -> None:
    mdp = deterministic(0)
    other = np.random.default_rng(1).normal(size=mdp.reward.shape)
    dense = with_probabilities(mdp)
    for norm in NORMS:
        options = {"gamma": 0.95, "form": form, "scale": norm, "distance": "l2"}
        sparse = starc_distance(mdp, mdp.reward, other, **options)
        assert sparse == pytest.approx(
            starc_distance(dense, mdp.reward, other, **options), abs=1e-10
        )


def test_norms_are_those_of_the_whole_tensor() -> None:
    mdp, reward, *_ = drawn(3, 5, 2, 0.2, 0.9)
    ahead = successors(mdp)
    found, _ = canonical(mdp, reward, gamma=0.9)
    tensor = np.broadcast_to(found[:, :, None], ahead.shape)
    for norm in NORMS:
        order = {"l1": 1, "l2": 2, "nf": np.inf}[norm[-2:]]
        weighted = norm.startswith("weighted") and order != np.inf
        weights = ahead ** (1 / order) if weighted else np.ones(ahead.shape)
        expected_norm = np.linalg.norm((weights * tensor).ravel(), order)
        unit = standardised(mdp, reward, gamma=0.9, scale=norm)
        np.testing.assert_allclose(unit[:, :, 0] * expected_norm, found, rtol=1e-10)


def test_weights_leave_out_what_cannot_happen() -> None:
    mdp = two_rooms()  # action 1 never leads to state 0
    reward, odd = paying(0, 1, 1), paying(0, 1, 1)
    odd[0, 1, 0] = 9.0
    options = {"gamma": 0.5, "form": "val_potential"}
    assert starc_distance(mdp, reward, odd, **options) > 0.5
    for norm in ("weighted_l1", "weighted_l2", "weighted_linf"):
        apart = starc_distance(mdp, reward, odd, scale=norm, distance=norm, **options)
        assert apart == pytest.approx(0.0, abs=1e-12)


def test_a_reward_that_asks_for_nothing_lies_at_one_from_all_others() -> None:
    mdp, reward, *_ = drawn(4, 5, 2, 0.2, 0.9)
    shaping = potential_shaping(np.append(100 * np.arange(5.0), 0.0), gamma=0.9)[:5]
    nothing = np.broadcast_to(shaping, reward.shape)
    matrix = minimal_starc_matrix(mdp, [reward, nothing, 0 * reward], gamma=0.9)
    np.testing.assert_allclose(matrix, [[0, 1, 1], [1, 0, 0], [1, 0, 0]], atol=1e-12)


def test_bad_arguments_are_refused() -> None:
    mdp = random_mdp(np.random.default_rng(0), states=3, actions=2)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\), got 1"):
        starc_distance(mdp, mdp.reward, mdp.reward, gamma=1.0)
    bad = np.where(mdp.reward == mdp.reward.max(), np.inf, mdp.reward)
    with pytest.raises(ValueError, match="reward must be finite, got inf at"):
        starc_distance(mdp, mdp.reward, bad, gamma=0.9)
    with pytest.raises(ValueError, match="form must be 'val' or 'minimal', got 'least'"):
        starc_distance(mdp, mdp.reward, mdp.reward, gamma=0.9, form="least")
    with pytest.raises(ValueError, match=r"a norm must be one of l1, weighted_l1, .* got 'l3'"):
        starc_distance(mdp, mdp.reward, mdp.reward, gamma=0.9, scale="l3")
    with pytest.raises(ValueError, match=r"policy must have shape \(3, 2\), got \(3,\)"):
        starc_distance(mdp, mdp.reward, mdp.reward, gamma=0.9, policy=np.zeros(3))
    with pytest.raises(ValueError, match="policy must hold probabilities"):
        starc_distance(mdp, mdp.reward, mdp.reward, gamma=0.9, policy=np.ones((3, 2)))
    world = deterministic(0)
    with pytest.raises(ValueError, match="needs a FiniteMDP, got a TabularMDP"):
        starc_distance(world, world.reward, world.reward, gamma=0.9, form="val_potential")


@pytest.mark.parametrize("module", ["scipy.sparse", "scipy.linalg"])
def test_scipy_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for mdp in (deterministic(0), random_mdp(np.random.default_rng(0), states=3, actions=2)):
        with pytest.raises(MissingExtraError, match=r"'scipy' is not .*operant\[theory\]"):
            starc_distance(mdp, mdp.reward, mdp.reward, gamma=0.9)
