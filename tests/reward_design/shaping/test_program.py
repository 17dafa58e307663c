"""A compiled potential, judged by the same potential as a design."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.reward_design.shaping.potential import PotentialShaping
from operant.reward_design.shaping.program import potential_program

ENV, GAMMA = "LavaGapS5-v0", 0.97


def progress(state):
    near = 2.0 if state.steps_to_subgoal < 2 else 1.0
    return state.subgoal + near / (1.0 + state.steps_to_subgoal)


def same(features):
    near = np.where(features["steps_to_subgoal"] < 2, 2.0, 1.0)
    return features["subgoal"] + near / (1.0 + features["steps_to_subgoal"])


READS = ("subgoal", "steps_to_subgoal")


@pytest.mark.integration
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("swappable", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_it_pays_what_the_design_pays(mode, swappable):
    kwargs = {"num_envs": 16, "max_steps": 30, "autoreset_mode": mode}
    program = potential_program(progress, gamma=GAMMA)
    compiled = gym.make_vec(ENV, program=program, swappable=swappable, **kwargs)
    design = PotentialShaping(potential=same, reads=READS, privileged=True)
    shaped = operant.shape(gym.make_vec(ENV, **kwargs), design, gamma=GAMMA)
    compiled.reset(seed=0)
    shaped.reset(seed=0)
    rng = np.random.default_rng(0)
    ends = np.zeros(2, np.int64)
    for _ in range(400):
        actions = np.where(rng.random(16) < 0.6, 2, rng.integers(0, 6, 16))
        _, paid, terminated, truncated, infos = compiled.step(actions)
        _, expected, *_, theirs = shaped.step(actions)
        np.testing.assert_allclose(paid, expected, atol=1e-12)
        np.testing.assert_array_equal(infos["true_reward"], theirs["true_reward"])
        ends += terminated.sum(), truncated.sum()
    assert ends.min() > 0  # both kinds of ends were met


def test_in_python_it_is_the_formula():
    program = potential_program(lambda s: 2.0 * s[0], gamma=0.5)
    assert program((3.0,), (1.0,), 0, 1.0, False) == 1.0 + 0.5 * 6.0 - 2.0
    assert program((3.0,), (1.0,), 0, 1.0, True) == 1.0 - 2.0


def raising(state):
    if state.subgoal < 0:
        raise ValueError("no such subgoal")
    return state.subgoal


@pytest.mark.parametrize(
    ("phi", "gamma", "error", "message"),
    [
        (progress, 1.5, ValueError, r"gamma must lie in \[0, 1\], got 1\.5"),
        (raising, 0.9, ValueError, "phi raises or asserts"),
        (max, 0.9, TypeError, "phi must be a Python function, got <built-in"),
        ({"subgoal": 1.0}, 0.9, TypeError, "phi must be a Python function"),
        (lambda s, action: 0.0, 0.9, TypeError, "must not depend on the action"),
    ],
)
def test_what_cannot_be_a_program_is_refused(phi, gamma, error, message):
    with pytest.raises(error, match=message):
        potential_program(phi, gamma=gamma)


def test_an_unknown_feature_is_named_when_the_env_is_made_ready():
    program = potential_program(lambda state: state.has_crown, gamma=GAMMA)
    env = gym.make_vec(ENV, num_envs=2, program=program, swappable=True)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"has_crown.* have the features .*steps_to_goal"):
        env.step(np.zeros(2, np.int64))
