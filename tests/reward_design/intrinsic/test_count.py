from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design import make_design, shape

BETA = 0.25


@pytest.fixture(scope="session")
def walk(attach, transition):
    """Return a player of random walks over few states: yields transitions of all slots."""

    def play(seed, steps, num, states=5, stop=0.15):
        rng = np.random.default_rng(seed)
        state, age = rng.integers(0, states, num), np.zeros(num, np.int64)
        for _ in range(steps):
            after = rng.integers(0, states, num)
            ends = rng.random((2, num)) < stop / 2
            yield transition(
                num,
                obs=state[:, None],
                next_obs=after[:, None],
                terminated=ends[0],
                truncated=ends[1],
                episode_step=age,
            )
            done = ends.any(axis=0)
            state = np.where(done, rng.integers(0, states, num), after)
            age = np.where(done, 0, age + 1)

    return play


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), states=st.integers(2, 200), stop=st.floats(0, 1))
def test_bonus_equals_a_set_per_slot(attach, walk, seed, states, stop):
    num = 3
    design = attach(make_design("count", beta=BETA), num_envs=num)
    seen = [set() for _ in range(num)]
    for t in walk(seed, 60, num, states, stop):
        expected = np.zeros(num)
        for i in range(num):
            if t.episode_step[i] == 0:
                seen[i] = {int(t.obs[i, 0])}
            expected[i] = BETA * (int(t.next_obs[i, 0]) not in seen[i])
            seen[i].add(int(t.next_obs[i, 0]))
        terms = design(t)
        assert terms.terms["novelty"].tolist() == expected.tolist()
        assert terms.total.tolist() == expected.tolist()


def test_slots_may_be_permuted(attach, walk):
    order = np.array([2, 0, 3, 1])
    plain, moved = (attach(make_design("count")) for _ in range(2))
    for t in walk(0, 80, 4):
        fields = ("obs", "next_obs", "reward", "terminated", "truncated", "episode_step", "action")
        shuffled = copy.copy(t)
        for name in fields:
            object.__setattr__(shuffled, name, getattr(t, name)[order])
        assert plain(t).total[order].tolist() == moved(shuffled).total.tolist()


def test_state_saved_mid_episode_continues_identically(attach, walk):
    design = attach(make_design("count"))
    steps = list(walk(3, 200, 4, states=90, stop=0.02))
    for t in steps[:100]:
        design(t)
    state = copy.deepcopy(design.state_dict())
    other = attach(make_design("count"))
    other.load_state_dict(state)
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    for t in steps[100:]:
        assert design(t).total.tolist() == other(t).total.tolist()


def test_the_start_observation_counts_as_seen(attach, transition):
    design = attach(make_design("count", beta=BETA))
    here, there = np.array([[1.0]]), np.array([[2.0]])
    assert design(transition(obs=here, next_obs=here)).total[0] == 0.0
    later = {"episode_step": np.array([1])}
    assert design(transition(obs=here, next_obs=there, **later)).total[0] == BETA
    assert design(transition(obs=there, next_obs=here, **later)).total[0] == 0.0


def test_keys_of_dict_observations_do_not_depend_on_the_order_of_keys(attach, transition):
    design = attach(make_design("count"))
    a, b = np.array([[1.0]]), np.array([[2.0]])
    t = transition(obs={"x": a, "y": b}, next_obs={"y": b, "x": a})
    assert design(t).terms["novelty"][0] == 0.0
    t = transition(obs={"x": a, "y": b}, next_obs={"x": b, "y": a}, episode_step=np.array([1]))
    assert design(t).terms["novelty"][0] > 0.0


def test_features_as_key(corridor):
    lit = make_design("count", key=["lit"], beta=1.0)
    env = shape(corridor(limit=40), lit, gamma=0.9)
    env.reset(seed=1)
    bonus = []
    for action in [1, 0, 1, 0, 1, 0, 1, 0]:
        _, _, terminated, _, info = env.step(action)
        bonus.append(info["reward_terms"]["novelty"])
        if terminated:
            break
    assert sum(bonus) <= 1.0  # two values exist, and the start has one of them
    assert not lit.spec.privileged
    assert lit.spec.needs == ("features",)


def test_privilege_follows_the_key(corridor):
    observed, position = make_design("count"), make_design("count", key=["lit", "position"])
    shape(corridor(), observed, gamma=0.9)
    shape(corridor(), position, gamma=0.9)
    assert (observed.spec.privileged, position.spec.privileged) == (False, True)


def test_minus_zero_is_zero_in_features(attach, transition):
    design = attach(make_design("count", key=["position"]))
    t = transition(
        prev_features={"position": np.array([0.0])}, features={"position": np.array([-0.0])}
    )
    assert design(t).total[0] == 0.0


def test_an_abandoned_episode_is_forgotten(corridor):
    env = shape(corridor(), "count", gamma=0.9)
    totals = []
    for _ in range(2):
        env.reset(seed=1)
        totals.append(env.step(1)[4]["reward_terms"]["novelty"])
    assert totals[0] == totals[1] > 0


def test_an_env_without_features_will_do():
    env = shape(gym.make("CartPole-v1"), "count", gamma=0.9)
    env.reset(seed=0)
    assert env.step(0)[1] == 1.0 + 0.005
