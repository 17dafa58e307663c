"""What holds for potentials in every MDP, checked in MDPs that hypothesis draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.finite import FiniteMDP, policy_evaluation, random_mdp, value_iteration
from operant.reward_design.shaping.potential import PotentialShaping
from operant.types import Feature

PHI = (Feature(name="phi", description="the potential itself", low=-1e3, high=1e3),)
seeds = st.integers(0, 2**32 - 1)
gammas = st.sampled_from([0.3, 0.9, 0.99])
ends = st.sampled_from([0.0, 0.2])


def pays(attach, transition, rewards, before, after, terminated, truncated=False, *, gamma):
    """Return what shaping makes of some transitions, given the potentials around them."""
    size = len(rewards)
    design = PotentialShaping(potential=lambda f: f["phi"], reads=["phi"])
    t = transition(
        size,
        reward=np.asarray(rewards, np.float64),
        prev_features={"phi": before},
        features={"phi": after},
        terminated=np.broadcast_to(terminated, size),
        truncated=np.broadcast_to(truncated, size),
    )
    return attach(design, features=PHI, num_envs=size, gamma=gamma)(t).total


def shaped_reward(attach, transition, mdp: FiniteMDP, phi, gamma):
    """Return the (S, A) expected shaped reward; what a row lacks to 1 terminates."""
    states, actions = mdp.reward.shape
    before, _, after = (axis.ravel() for axis in np.indices((states, actions, states + 1)))
    over = after == states
    paid = pays(
        attach,
        transition,
        np.repeat(mdp.reward.ravel(), states + 1),
        phi[before],
        np.append(phi, 77.0)[after],  # a terminal potential that must not matter
        over,
        gamma=gamma,
    ).reshape(states, actions, states + 1)
    chances = np.append(mdp.transition, 1 - mdp.transition.sum(axis=2, keepdims=True), axis=2)
    return (paid * chances).sum(axis=2)


@settings(max_examples=40)
@given(seed=seeds, gamma=gammas, end=ends)
def test_value_iteration_finds_q_less_the_potential_and_the_same_actions(
    attach, transition, seed, gamma, end
):
    rng = np.random.default_rng(seed)
    mdp, phi = random_mdp(rng, states=6, actions=3, ends=end), 10 * rng.normal(size=6)
    shaped = shaped_reward(attach, transition, mdp, phi, gamma)
    plain, other = (value_iteration(mdp, gamma=gamma, reward=r) for r in (None, shaped))
    np.testing.assert_allclose(other.q, plain.q - phi[:, None], atol=1e-9)
    np.testing.assert_array_equal(other.q.argmax(axis=1), plain.q.argmax(axis=1))


@pytest.mark.parametrize("seed", range(5))
def test_the_figure_of_the_theory_notes(attach, transition, seed):
    """P1: 6 states, 3 actions, gamma .9, a potential ten times as large as the rewards."""
    rng = np.random.default_rng(seed)
    mdp, phi = random_mdp(rng, states=6, actions=3), 10 * rng.normal(size=6)
    shaped = shaped_reward(attach, transition, mdp, phi, 0.9)
    plain, other = (value_iteration(mdp, gamma=0.9, reward=r) for r in (None, shaped))
    assert abs(other.q - (plain.q - phi[:, None])).max() < 2e-12
    np.testing.assert_array_equal(other.q.argmax(axis=1), plain.q.argmax(axis=1))


@settings(max_examples=40)
@given(seed=seeds, gamma=gammas, end=ends)
def test_every_policy_is_worth_less_by_the_potential(attach, transition, seed, gamma, end):
    rng = np.random.default_rng(seed)
    mdp, phi = random_mdp(rng, states=5, actions=2, ends=end), 10 * rng.normal(size=5)
    policy = rng.dirichlet(np.ones(2), size=5)
    shaped = shaped_reward(attach, transition, mdp, phi, gamma)
    plain, other = (policy_evaluation(mdp, policy, gamma=gamma, reward=r) for r in (None, shaped))
    np.testing.assert_allclose(other, plain - phi, atol=1e-9)


@settings(max_examples=10)
@given(seed=seeds, gamma=gammas)
def test_the_best_action_earns_nothing_where_the_potential_is_the_optimal_value(
    attach, transition, seed, gamma
):
    mdp = random_mdp(np.random.default_rng(seed), states=6, actions=3, ends=0.1)
    plan = value_iteration(mdp, gamma=gamma)
    shaped = shaped_reward(attach, transition, mdp, plan.values, gamma)
    np.testing.assert_allclose(shaped, plan.q - plan.values[:, None], atol=1e-9)
    np.testing.assert_allclose(shaped.max(axis=1), 0.0, atol=1e-9)


def walk(rng, mdp: FiniteMDP, steps: int):
    """Return states (T + 1,), actions (T,), rewards (T,) of random actions, and if it ended."""
    states, actions = [int(rng.choice(mdp.num_states, p=mdp.start))], []
    for _ in range(steps):
        actions.append(int(rng.integers(mdp.num_actions)))
        chances = mdp.transition[states[-1], actions[-1]]
        rest = max(0.0, 1 - chances.sum())
        states.append(int(rng.choice(mdp.num_states + 1, p=np.append(chances, rest))))
        if states[-1] == mdp.num_states:
            break
    rewards = mdp.reward[states[:-1], actions]
    return np.array(states), np.array(actions), rewards, states[-1] == mdp.num_states


def gae(rewards, values, last_value, gamma, lam):
    """Generalized advantages, written out from the sum of discounted TD errors."""
    errors = rewards + gamma * np.append(values[1:], last_value) - values
    size = len(errors)
    return np.array([errors[k:] @ (gamma * lam) ** np.arange(size - k) for k in range(size)])


@settings(max_examples=60)
@given(seed=seeds, gamma=gammas, end=ends, lam=st.floats(0, 1))
def test_episodes_telescope_and_advantages_stay(attach, transition, seed, gamma, end, lam):
    rng = np.random.default_rng(seed)
    mdp, phi = random_mdp(rng, states=6, actions=3, ends=end), 10 * rng.normal(size=7)
    states, _, rewards, ended = walk(rng, mdp, 12)
    size = len(rewards)
    last = np.arange(size) == size - 1
    shaped = pays(
        attach,
        transition,
        rewards,
        phi[states[:-1]],
        phi[states[1:]],
        last & ended,
        last & (not ended),
        gamma=gamma,
    )
    kept = 0.0 if ended else phi[states[-1]]
    added = (shaped - rewards) @ gamma ** np.arange(size)
    assert added == pytest.approx(gamma**size * kept - phi[states[0]], abs=1e-9)
    values = 10 * rng.normal(size=7)
    bootstrap = 0.0 if ended else values[states[-1]]
    np.testing.assert_allclose(
        gae(shaped, (values - phi)[states[:-1]], bootstrap - kept, gamma, lam),
        gae(rewards, values[states[:-1]], bootstrap, gamma, lam),
        atol=1e-9,
    )


def test_the_error_of_zeroing_the_potential_at_a_time_limit_is_known(attach, transition):
    """The theory notes' T0c: the last advantage is off by exactly gamma * Phi(s_N)."""
    rng = np.random.default_rng(0)
    rewards, values, phi = (rng.normal(size=size) for size in (5, 6, 6))
    last = np.arange(5) == 4
    wrong = pays(attach, transition, rewards, phi[:-1], phi[1:], last, gamma=0.9)  # as if it ended
    plain = gae(rewards, values[:-1], values[-1], 0.9, 0.95)
    off = plain - gae(wrong, (values - phi)[:-1], (values - phi)[-1], 0.9, 0.95)
    assert off[-1] == pytest.approx(0.9 * phi[-1], abs=1e-12)


def q_learning(mdp: FiniteMDP, steps, q, gamma, rewards, rate=0.1):
    """Learn from given transitions; return the values and the greedy action before each update."""
    q, greedy = np.array(q), []
    for (state, action, after), reward in zip(steps, rewards, strict=True):
        greedy.append(int(q[state].argmax()))
        following = 0.0 if after == mdp.num_states else q[after].max()
        q[state, action] += rate * (reward + gamma * following - q[state, action])
    return q, greedy


def experience(rng, mdp: FiniteMDP, size: int):
    """Return (state, action, successor) of random states and actions; S means the end."""
    pairs = rng.integers([mdp.num_states, mdp.num_actions], size=(size, 2))
    full = np.append(mdp.transition, 1 - mdp.transition.sum(axis=2, keepdims=True), axis=2)
    limits = full.cumsum(axis=2)[pairs[:, 0], pairs[:, 1]]
    after = (rng.random((size, 1)) > limits).sum(axis=1)
    return np.column_stack([pairs, np.minimum(after, mdp.num_states)])


@pytest.mark.parametrize("seed", [0, 1])
def test_q_learning_shaped_is_q_learning_from_the_potential_on(attach, transition, seed):
    """The theory notes' P2: 5000 steps, the same greedy action before every one."""
    check_equivalence(attach, transition, seed, gamma=0.9, end=0.0, size=5000, error=1e-14)


@settings(max_examples=15)
@given(seed=seeds, gamma=gammas, end=ends)
def test_shaping_is_initialisation_in_any_mdp(attach, transition, seed, gamma, end):
    check_equivalence(attach, transition, seed, gamma=gamma, end=end, size=300)


def check_equivalence(attach, transition, seed, *, gamma, end, size, error=1e-9):
    rng = np.random.default_rng(seed)
    mdp, phi = random_mdp(rng, states=6, actions=3, ends=end), rng.normal(size=6)
    steps = experience(rng, mdp, size)
    state, action, after = steps.T
    rewards = mdp.reward[state, action]
    over = after == mdp.num_states
    padded = np.append(phi, 5.0)
    shaped = pays(attach, transition, rewards, phi[state], padded[after], over, gamma=gamma)
    zero, start = np.zeros(mdp.reward.shape), np.tile(phi[:, None], 3)
    one, ones_choices = q_learning(mdp, steps, zero, gamma, shaped)
    other, others_choices = q_learning(mdp, steps, start, gamma, rewards)
    assert ones_choices == others_choices
    assert abs(one + phi[:, None] - other).max() <= error
    assert abs(other - start).max() > 0.1
