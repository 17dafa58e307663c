"""The edge rules of shapers, with the numbers worked out in the theory notes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operant.errors import GammaMismatchError
from operant.reward_design import make_design, shape
from operant.reward_design.shaping.potential import PotentialShaping
from operant.types import Feature

GAMMA = 0.9


def shaped_rewards(env, table, gamma=GAMMA, **kwargs):
    """Play a Chain and return the shaping of each step."""
    phi = np.asarray(table, np.float64)
    design = PotentialShaping(
        potential=lambda f: phi[f["state"].astype(int)], reads=["state"], **kwargs
    )
    env = shape(env, design, gamma=gamma)
    env.reset()
    rewards, done = [], False
    while not done:
        _, reward, terminated, truncated, info = env.step(0)
        done = terminated or truncated
        rewards.append(reward - info["true_reward"])
        assert rewards[-1] == pytest.approx(info["reward_terms"]["shaping"])
    return np.array(rewards)


def discounted(rewards, gamma=GAMMA):
    return float(rewards @ gamma ** np.arange(len(rewards)))


def test_shaping_of_a_terminated_episode_sums_to_minus_the_first_potential(chain):
    env = chain([0, 0, 0, 1.0], terminated=True, truncated=False)
    shaping = shaped_rewards(env, [0, 1, 3, 6, 100])  # the terminal's own potential must not matter
    np.testing.assert_allclose(shaping, [0.9, 1.7, 2.4, -6.0], atol=1e-12)
    assert discounted(shaping) == pytest.approx(0.0, abs=1e-12)


def test_a_time_limit_keeps_the_potential(chain):
    env = chain([0, 0, 0, 0], terminated=False, truncated=True)
    assert discounted(shaped_rewards(env, [2, 1, 3, 6, 6.5])) == pytest.approx(2.26465, abs=1e-12)


def test_a_time_limit_that_ends_the_mdp_drops_the_potential(chain):
    env = chain([0, 0, 0, 0], terminated=False, truncated=True)
    shaping = shaped_rewards(env, [2, 1, 3, 6, 6.5], on_truncation="terminal")
    assert discounted(shaping) == pytest.approx(-2.0)


def test_both_flags_mean_termination(chain):
    env = chain([0, 0, 0, 0], terminated=True, truncated=True)
    assert discounted(shaped_rewards(env, [2, 1, 3, 6, 6.5])) == pytest.approx(-2.0)


PHI = (Feature(name="phi", description="the potential itself", low=-100, high=100),)


def given_potential(attach, slots, **kwargs):
    """Return a shaper whose potential is the feature ``phi``."""
    design = PotentialShaping(potential=lambda f: f["phi"], reads=["phi"], **kwargs)
    return attach(design, features=PHI, num_envs=slots)


def gae(rewards, values, last_value, gamma, lam):
    following = np.append(values[1:], last_value)
    advantage, advantages = 0.0, np.zeros(len(rewards))
    for k in reversed(range(len(rewards))):
        advantage = rewards[k] + gamma * following[k] - values[k] + gamma * lam * advantage
        advantages[k] = advantage
    return advantages


numbers = st.floats(-10, 10, allow_nan=False)


@given(
    steps=st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=12),
    last=st.tuples(numbers, numbers),
    lam=st.floats(0, 1),
    terminated=st.booleans(),
)
def test_shaping_leaves_advantages_unchanged_where_the_critic_shifts(
    attach, transition, steps, last, lam, terminated
):
    rewards, values, phi = (np.array(column) for column in zip(*steps, strict=True))
    last_value, last_phi = last
    size = len(steps)
    ends = np.arange(size) == size - 1
    design = given_potential(attach, size)
    t = transition(
        size,
        reward=rewards,
        prev_features={"phi": phi},
        features={"phi": np.append(phi[1:], last_phi)},
        terminated=ends & terminated,
        truncated=ends & (not terminated),
    )
    shaped = design(t).total
    bootstrap, shifted = (0.0, 0.0) if terminated else (last_value, last_value - last_phi)
    plain = gae(rewards, values, bootstrap, GAMMA, lam)
    np.testing.assert_allclose(
        gae(shaped, values - phi, shifted, GAMMA, lam), plain, atol=1e-10 * (1 + abs(plain).max())
    )
    if not terminated:  # zeroing the potential at the time limit is off by gamma * Phi(s_N)
        zeroed = given_potential(attach, size, on_truncation="terminal")(t).total
        error = plain - gae(zeroed, values - phi, shifted, GAMMA, lam)
        assert error[-1] == pytest.approx(GAMMA * last_phi, abs=1e-9)


def test_terminal_potentials_cannot_flip_the_order_of_two_exits(chain):
    left = chain([1.0], terminated=True, truncated=False)
    right = chain([0.9], terminated=True, truncated=False)
    values = [
        1.0 + shaped_rewards(left, [0, 0])[0],
        0.9 + shaped_rewards(right, [0, 1])[0],
    ]
    np.testing.assert_allclose(values, [1.0, 0.9])  # a shaper that pays Phi(terminal) says 1.0, 1.8


@pytest.mark.parametrize(("gamma", "expected"), [(0.9, 0.9), (0.8, -0.1), (1.0, 1.9)])
def test_the_wrong_discount_would_flip_the_policy(chain, gamma, expected):
    # s0 -> s1 (potential 10) -> reward 1, against an exit that pays .85; the agent's gamma is .9.
    shaping = shaped_rewards(
        chain([0, 1.0], terminated=True, truncated=False), [0, 10, 0], gamma=gamma
    )
    value = shaping[0] + GAMMA * (1.0 + shaping[1])
    assert value == pytest.approx(expected)


def test_the_wrong_discount_is_refused_with_both_values(chain):
    env = chain([0.0], terminated=True, truncated=False)
    design = make_design("potential", potential={"state": 1.0}, gamma=0.8)
    with pytest.raises(GammaMismatchError, match=r"'potential' uses gamma=0\.8 .* gamma=0\.9"):
        shape(env, design, gamma=0.9)


def optimal_q(next_state, reward, gamma):
    q = np.zeros_like(reward)
    for _ in range(2000):
        q = reward + gamma * np.einsum("sat,t->sa", next_state, q.max(axis=1))
    return q


@pytest.mark.parametrize("seed", range(5))
def test_shaping_shifts_q_by_the_potential_and_keeps_the_best_actions(attach, transition, seed):
    rng = np.random.default_rng(seed)
    states, actions = 6, 3
    dynamics = rng.dirichlet(np.ones(states), (states, actions))  # (S, A, S')
    reward, phi = rng.normal(size=(states, actions)), 10 * rng.normal(size=states)
    before, _, after = (axis.ravel() for axis in np.indices((states, actions, states)))
    design = given_potential(attach, len(before))
    t = transition(
        len(before),
        reward=np.repeat(reward.ravel(), states),
        prev_features={"phi": phi[before]},
        features={"phi": phi[after]},
    )
    shaped = (design(t).total.reshape(dynamics.shape) * dynamics).sum(axis=2)
    plain_q, shaped_q = optimal_q(dynamics, reward, GAMMA), optimal_q(dynamics, shaped, GAMMA)
    np.testing.assert_allclose(shaped_q, plain_q - phi[:, None], atol=1e-10)
    np.testing.assert_array_equal(shaped_q.argmax(axis=1), plain_q.argmax(axis=1))


@given(constant=numbers)
def test_a_constant_potential_pays_the_same_everywhere(attach, transition, constant):
    t = transition(4, prev_features={"phi": np.arange(4.0)}, features={"phi": np.arange(4.0)})
    flat = PotentialShaping(potential=lambda f: 0.0 * f["phi"] + constant, reads=["phi"])
    design = attach(flat, features=PHI)
    np.testing.assert_allclose(design(t).total, (GAMMA - 1) * constant, atol=1e-12)


@given(
    episodes=st.lists(
        st.tuples(
            st.lists(numbers, min_size=2, max_size=8), st.sampled_from(["term", "trunc", "both"])
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_episode_telescopes(attach, transition, episodes):
    """Random episodes in parallel slots, scored one step at a time."""
    design = given_potential(attach, len(episodes))
    for slot, (phi, end) in enumerate(episodes):
        total = 0.0
        for k in range(len(phi) - 1):
            last = k == len(phi) - 2
            t = transition(
                prev_features={"phi": np.array([phi[k]])},
                features={"phi": np.array([phi[k + 1]])},
                terminated=np.array([last and end != "trunc"]),
                truncated=np.array([last and end != "term"]),
                env_ids=np.array([slot]),
                episode_step=np.array([k]),
            )
            total += GAMMA**k * design(t).total[0]
        kept = GAMMA ** (len(phi) - 1) * phi[-1] if end == "trunc" else 0.0
        assert total == pytest.approx(kept - phi[0], abs=1e-9)
