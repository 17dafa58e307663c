from __future__ import annotations

import functools

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.reward_design import shape
from operant.reward_design.shaping.dynamic import DynamicPotentialShaping
from operant.reward_design.shaping.potential import PotentialShaping
from operant.testing import check_design

GAMMA = 0.9
CHANGES = {"shaping_telescopes": "the first state's potential changes from episode to episode"}


class Drifting:
    """A potential of the state index that changes at random before every transition."""

    def __init__(self, seed):
        self.rng, self.values = np.random.default_rng(seed), np.zeros(102)
        self.learn()

    def learn(self):
        self.values += self.rng.normal(size=102)

    def __call__(self, features):
        return self.values[np.asarray(features["state"], np.int64)]


def play(env, phi):
    """Play one episode; learn after each step. Return the shaping, the first and last potential."""
    env.reset()
    first, shaping, done = phi.values[0], [], False
    while not done:
        state, _, terminated, truncated, info = env.step(0)
        last = phi.values[state]
        shaping.append(info["reward_terms"]["shaping"])
        phi.learn()
        done = terminated or truncated
    return np.array(shaping), first, last


def discounted(rewards):
    return float(rewards @ GAMMA ** np.arange(len(rewards)))


@pytest.mark.parametrize("seed", range(3))
def test_a_drifting_potential_telescopes_because_it_is_cached(chain, seed):
    phi = Drifting(seed)
    design = DynamicPotentialShaping(potential=phi, reads=["state"])
    env = shape(chain([0.0] * 30, terminated=True, truncated=False), design, gamma=GAMMA)
    for _ in range(3):
        shaping, first, _ = play(env, phi)
        assert discounted(shaping) == pytest.approx(-first, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_asking_the_changed_potential_again_does_not_telescope(chain, seed):
    phi = Drifting(seed)
    design = PotentialShaping(potential=phi, reads=["state"])
    env = shape(chain([0.0] * 30, terminated=True, truncated=False), design, gamma=GAMMA)
    shaping, first, _ = play(env, phi)
    assert abs(discounted(shaping) + first) > 0.1


@pytest.mark.parametrize(("rule", "kept"), [("bootstrap", 1.0), ("terminal", 0.0)])
def test_a_time_limit_keeps_the_potential_of_its_moment(chain, rule, kept):
    phi = Drifting(0)
    design = DynamicPotentialShaping(potential=phi, reads=["state"], on_truncation=rule)
    env = shape(chain([0.0] * 9, terminated=False, truncated=True), design, gamma=GAMMA)
    shaping, first, last = play(env, phi)
    assert discounted(shaping) == pytest.approx(kept * GAMMA**9 * last - first, abs=1e-12)


def test_an_abandoned_episode_leaves_nothing_behind(chain):
    phi = Drifting(0)
    design = DynamicPotentialShaping(potential=phi, reads=["state"])
    env = shape(chain([0.0] * 9, terminated=True, truncated=False), design, gamma=GAMMA)
    env.reset()
    env.step(0)
    env.step(0)
    shaping, first, _ = play(env, phi)
    assert discounted(shaping) == pytest.approx(-first, abs=1e-12)


def test_it_goes_on_from_a_saved_state_in_the_middle_of_an_episode(attach, transition):
    t = [
        transition(
            prev_features={"lit": np.array([k])},
            features={"lit": np.array([k + 1.0])},
            episode_step=np.array([k]),
        )
        for k in range(4)
    ]
    design, other = (
        attach(DynamicPotentialShaping(potential={"lit": 1.0}, fade=10)) for _ in range(2)
    )
    design(t[0])
    design(t[1])
    other.load_state_dict(design.state_dict())
    for k in (2, 3):
        assert design(t[k]).total == other(t[k]).total
    # At clock k the strength is 1 - k / 10, and the state's potential k times that.
    expected = GAMMA * 4 * 0.6 - 3 * 0.7
    assert attach_and_score(attach, t) == pytest.approx(expected, abs=1e-12)


def attach_and_score(attach, tape):
    design = attach(DynamicPotentialShaping(potential={"lit": 1.0}, fade=10))
    return [design(t).total[0] for t in tape][-1]


def test_the_potential_fades_with_the_transitions_of_all_envs(attach, transition):
    design = attach(DynamicPotentialShaping(potential={"lit": 1.0}, scale=8.0, fade=8))
    features = {"lit": np.ones(4)}
    t = transition(4, features=features, prev_features=features)
    seen = [design.phi({"lit": np.ones(1)})[0]]
    for _ in range(3):
        design(t)
        seen.append(design.phi({"lit": np.ones(1)})[0])
    assert seen == [8.0, 4.0, 0.0, 0.0]
    assert design.value({"lit": 1.0}) == 0.0
    np.testing.assert_array_equal(design(t).terms["shaping"], 0.0)


def test_without_change_it_is_the_plain_potential():
    envs = [
        operant.shape(
            gym.make_vec("SparseKey-5x5-v0", num_envs=5, max_steps=20), design, gamma=0.99
        )
        for design in (DynamicPotentialShaping(), PotentialShaping())
    ]
    for env in envs:
        env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.integers(0, 7, 5)
        one, other = (env.step(actions)[1] for env in envs)
        np.testing.assert_allclose(one, other, atol=1e-14)


@pytest.mark.parametrize(
    ("kwargs", "skip"), [pytest.param({}, {}, marks=pytest.mark.slow), ({"fade": 5000}, CHANGES)]
)
def test_it_is_a_sound_design(kwargs, skip):
    make = functools.partial(DynamicPotentialShaping, **kwargs)
    check_design(make, steps=200, num_envs=3, skip=skip)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="fade must be >= 1 or None, got 0"):
        DynamicPotentialShaping(fade=0)
