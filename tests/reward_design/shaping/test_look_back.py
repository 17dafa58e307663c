from __future__ import annotations

import functools
import json

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operant.errors import OperantError
from operant.reward_design import shape
from operant.reward_design.shaping.look_back import LookBackAdvice
from operant.testing import check_design
from operant.types import Feature

GAMMA = 0.9
numbers = st.floats(-10, 10, allow_nan=False)
CROWN = (Feature(name="crown", description="weight", low=-10, high=10),)


def play(design, transition, advice, *, actions=None, slot=0):
    """Return the shaping of one episode whose crown weighs what is given."""
    shaping = []
    for k, value in enumerate(advice):
        t = transition(
            prev_features={"crown": np.array([value])},
            features={"crown": np.array([99.0])},
            action=np.array([0 if actions is None else actions[k]]),
            terminated=np.array([k == len(advice) - 1]),
            episode_step=np.array([k]),
            env_ids=np.array([slot]),
        )
        shaping.append(design(t).terms["shaping"][0])
    return np.array(shaping)


@given(advice=st.lists(numbers, min_size=1, max_size=10), slot=st.integers(0, 3))
def test_an_episode_sums_to_the_last_advice(attach, transition, advice, slot):
    design = attach(LookBackAdvice(advice={"crown": [1.0, 0.0]}), features=CROWN)
    for _ in range(2):  # an episode starts from nothing, whatever was before it
        shaping = play(design, transition, advice, slot=slot)
        size = len(advice)
        total = shaping @ GAMMA ** np.arange(size)
        assert total == pytest.approx(GAMMA ** (size - 1) * advice[-1], abs=1e-9)


def test_the_steps_by_hand(attach, transition):
    design = attach(LookBackAdvice(advice={"crown": [1.0, 2.0]}, scale=0.5), features=CROWN)
    shaping = play(design, transition, [1.0, 3.0, 2.0], actions=[0, 1, 0])
    np.testing.assert_allclose(shaping, [0.5, 3 - 0.5 / 0.9, 1 - 3 / 0.9], atol=1e-12)


def test_functions_and_weights_are_the_same_thing(attach, transition):
    def advice(features, action):
        return np.where(action == 1, 2.0, 1.0) * features["crown"]

    values, actions = [1.0, -4.0, 2.5], [1, 0, 1]
    one, other = (
        play(attach(design, features=CROWN), transition, values, actions=actions)
        for design in (
            LookBackAdvice(advice={"crown": [1.0, 2.0]}),
            LookBackAdvice(advice=advice, reads=["crown"]),
        )
    )
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_it_promises_nothing(attach):
    spec = attach(LookBackAdvice(advice={"lit": [0, 1]})).spec
    assert (spec.invariance, spec.markov, spec.gamma_bound) == ("none", False, True)
    assert not spec.privileged


def test_it_can_change_the_best_policy(chain):
    """Two exits in one step: the one that is advised wins, although it pays less."""

    def pays(reward, action):
        design = LookBackAdvice(advice=lambda f, a: a * 1.0 + 0 * f["state"], reads=["state"])
        env = shape(chain([reward], terminated=True, truncated=False), design, gamma=GAMMA)
        env.reset()
        return env.step(action)[1]

    assert pays(1.0, 0) == pytest.approx(1.0)
    assert pays(0.5, 1) == pytest.approx(1.5)


@pytest.mark.slow  # its row is in the contract tests
def test_it_is_a_sound_design():
    drop = json.loads(json.dumps({"has_key": [0, 0, 0, 0, -0.1, 0, 0]}))
    check_design(functools.partial(LookBackAdvice, advice=drop), steps=200, num_envs=3)


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"advice": {}}, ValueError, "must weigh at least one feature"),
        ({"advice": {"lit": [0, np.inf]}}, ValueError, r"advice\['lit'\] must be a list of finite"),
        ({"advice": {"lit": 1.0}}, ValueError, r"advice\['lit'\] must be a list of finite"),
        ({"advice": {"lit": [0, 1]}, "reads": ["lit"]}, ValueError, "reads is for functions"),
        ({"advice": lambda f, a: a}, ValueError, "reads must list the features"),
        ({"advice": lambda f: f, "reads": ["lit"]}, TypeError, r"called with \(features, actions"),
        ({"advice": "subgoal"}, TypeError, "got 'subgoal'"),
        ({"advice": {"lit": [0, 1]}, "scale": np.nan}, ValueError, "scale must be finite"),
    ],
)
def test_malformed_advice_is_refused(kwargs, error, message):
    with pytest.raises(error, match=message):
        LookBackAdvice(**kwargs)


def test_advice_that_does_not_fit_the_env_is_refused(attach):
    with pytest.raises(ValueError, match=r"advice\['lit'\] must have 2 weights, .*: 3"):
        attach(LookBackAdvice(advice={"lit": [0, 1, 2]}))
    with pytest.raises(ValueError, match="weights need Discrete actions"):
        attach(LookBackAdvice(advice={"lit": [0, 1]}), action_space=gym.spaces.Box(-1, 1, (2,)))
    with pytest.raises(ValueError, match="gamma must be > 0"):
        attach(LookBackAdvice(advice={"lit": [0, 1]}), gamma=0.0)
    with pytest.raises(OperantError, match="reads position, which the agent cannot observe"):
        attach(LookBackAdvice(advice={"position": [0, 1]}))
    attach(LookBackAdvice(advice={"position": [0, 1]}, privileged=True))


def test_a_function_that_misbehaves_is_refused(attach, transition):
    t = transition(3, prev_features={"lit": np.zeros(3)}, features={"lit": np.zeros(3)})
    with pytest.raises(ValueError, match=r"on 3 actions must have shape \(3,\), got \(\)"):
        attach(LookBackAdvice(advice=lambda f, a: 1.0, reads=["lit"]))(t)
    with pytest.raises(OperantError, match="reads feature 'position', which it does not declare"):
        attach(LookBackAdvice(advice=lambda f, a: f["position"], reads=["lit"]))(t)
