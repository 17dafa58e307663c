"""Programs as reward designs: what they pay, what they remember, what happens where they fail."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

from operant.errors import OperantError
from operant.reward_design.base import DesignContext
from operant.reward_design.llm import RewardProgramError, UnsafeRewardCodeError
from operant.reward_design.llm.designs import guarded
from operant.reward_design.llm.designs.guarded import MANY
from operant.reward_design.llm.designs.program import ProgramReward
from operant.reward_design.llm.designs.signs import SignReward
from operant.reward_design.llm.language.execution import Execution
from operant.testing import check_design
from operant.types import Feature, Transition

ENV = "SparseKey-5x5-v0"
HEAD = "def reward(obs, action, next_obs, info):\n    "
PROGRESS = """
def reward(obs, action, next_obs, info):
    progress = 0.1 * (info["prev_steps_to_subgoal"] - info["steps_to_subgoal"])
    if info["subgoal"] != info["prev_subgoal"]:
        progress = info["subgoal"] - info["prev_subgoal"]
    return progress - 0.01
"""
ONCE = """
def reward(obs, action, next_obs, info, mem):
    mem[0] += 1
    fresh = info["has_key"] and not mem[1]
    if fresh:
        mem[1] = 1
    return fresh - 0.001 * mem[0]
"""
SIGNS = """
def signs(obs, action, next_obs, info):
    return [5 * (info["has_key"] - info["prev_has_key"]), -0.2 if action < 2 else 0]
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    "make",
    [
        lambda: ProgramReward(source=PROGRESS, add=True),
        lambda: ProgramReward(source=PROGRESS, on_error="clip", cap=0.05),
        lambda: ProgramReward(source=ONCE, on_error="neutral"),
        lambda: SignReward(source=SIGNS),
    ],
    ids=["added", "clipped", "remembers", "signs"],
)
def test_they_keep_the_contract(make):
    check_design(make, ENV, steps=200)


TABLE = (
    Feature(name="x", description="", low=0, high=9),
    Feature(name="hidden", description="", low=0, high=9, privileged=True),
)


def attached(design, num_envs=4, obs=None, action=None):
    context = DesignContext(
        observation_space=gym.spaces.Discrete(2) if obs is None else obs,
        action_space=gym.spaces.Discrete(3) if action is None else action,
        features=TABLE,
        num_envs=num_envs,
        gamma=0.9,
    )
    design.setup(context)
    return design


def transition(x, prev_x=None, *, ends=None, obs=None, action=None):
    x = np.asarray(x, float)
    prev_x = np.zeros(len(x)) if prev_x is None else np.asarray(prev_x, float)
    return Transition(
        obs=np.zeros(len(x), int) if obs is None else obs,
        action=np.zeros(len(x), int) if action is None else action,
        next_obs=np.zeros(len(x), int) if obs is None else obs + 1,
        reward=np.arange(len(x), dtype=float),
        terminated=np.zeros(len(x), bool) if ends is None else np.array(ends),
        truncated=np.zeros(len(x), bool),
        features={"x": x, "hidden": x},
        prev_features={"x": prev_x, "hidden": prev_x},
        env_ids=np.arange(len(x)),
        episode_step=np.ones(len(x), int),
    )


def test_terms_stand_instead_of_the_true_reward_or_beside_it():
    source = HEAD + 'closer = info["prev_x"] - info["x"]\n    return closer - 0.5'
    t = transition([1, 2], [4, 4])
    paid = attached(ProgramReward(source=source))(t)
    np.testing.assert_array_equal(paid.total, [2.5, 1.5])
    assert {name: list(values) for name, values in paid.terms.items()} == {
        "closer": [3.0, 2.0],
        "term2": [-0.5, -0.5],
    }
    paid = attached(ProgramReward(source=source, add=True))(t)
    np.testing.assert_array_equal(paid.total, [2.5, 2.5])
    np.testing.assert_array_equal(paid.terms["env"], t.reward)


@pytest.mark.integration
def test_many_rows_are_compiled_once_it_pays_and_paid_alike(monkeypatch):
    source = HEAD + 'return math.sqrt(info["x"]) - info["prev_x"] * action'
    x = np.arange(2.0 * MANY)
    t = transition(x, x + 1, action=np.arange(2 * MANY) % 3)
    design = attached(ProgramReward(source=source), 2 * MANY)
    with monkeypatch.context() as python:
        python.setattr(Execution, "compiled", None)
        first = design(t)
    monkeypatch.setattr(guarded, "WORTH", 0)
    monkeypatch.setattr(Execution, "_looped", None)  # compiled code must do it alone
    paid = design(t)
    np.testing.assert_array_equal(paid.total, first.total)
    np.testing.assert_allclose(paid.total, np.sqrt(x) - (x + 1) * t.action, rtol=1e-12)


def test_a_batch_that_fails_says_in_which_row_and_forgets_it():
    source = (
        "def reward(obs, action, next_obs, info, mem):\n"
        "    mem[0] += 1\n"
        '    return mem[0] / info["x"]'
    )
    design = attached(ProgramReward(source=source))
    np.testing.assert_array_equal(design(transition([1, 2, 4, 8])).total, [1, 1 / 2, 1 / 4, 1 / 8])
    with pytest.raises(RewardProgramError, match="division by zero") as failed:
        design(transition([1, 1, 0, 1]))
    assert failed.value.row == 2
    np.testing.assert_array_equal(design(transition([1, 1, 1, 1])).total, [2, 2, 2, 2])


def test_vectors_are_read():
    source = HEAD + "return next_obs[1] + obs[0] * action[1]"
    box, pair = gym.spaces.Box(-9.0, 9.0, (2,)), gym.spaces.MultiDiscrete([3, 3])
    attached(ProgramReward(source=source), obs=pair, action=pair)
    obs, action = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [0.0, -1.0]])
    design = attached(ProgramReward(source=source), obs=box, action=box)
    paid = design(transition([0, 0], obs=obs, action=action))
    np.testing.assert_array_equal(paid.total, [3.0 + 2.0, 5.0 - 3.0])
    assert not design.spec.privileged
    assert design.spec.needs == ()
    with pytest.raises(UnsafeRewardCodeError, match="outside an observation of 0 numbers"):
        attached(ProgramReward(source=source))


@pytest.mark.parametrize(("name", "privileged"), [("x", False), ("prev_hidden", True)])
def test_what_it_reads_makes_it_privileged(name, privileged):
    design = ProgramReward(source=HEAD + f'return info["{name}"]')
    assert design.spec.privileged  # until the table is known
    assert attached(design).spec.privileged is privileged
    assert design.required_features() == (name.removeprefix("prev_"),)


def test_memory_is_that_of_an_episode():
    source = "def reward(obs, action, next_obs, info, mem):\n    mem[0] += info['x']\n"
    design = attached(ProgramReward(source=source + "    return mem[0]"), 2)
    assert not design.spec.markov
    assert design(transition([1, 2])).total.tolist() == [1.0, 2.0]
    state = design.state_dict()
    assert design(transition([1, 2], ends=[False, True])).total.tolist() == [2.0, 4.0]
    assert design(transition([1, 2])).total.tolist() == [3.0, 2.0]
    design.load_state_dict(state)
    assert design(transition([1, 2])).total.tolist() == [2.0, 4.0]
    design.reset(np.array([True, False]))
    assert design(transition([1, 2])).total.tolist() == [1.0, 6.0]


RISKY = "def reward(obs, action, next_obs, info, mem):\n    mem[0] += 1\n"
RISKY += "    return mem[0] / info['x']"


def test_a_failure_stops_it():
    with pytest.raises(RewardProgramError, match="division by zero in row 1") as caught:
        attached(ProgramReward(source=RISKY))(transition([1, 0, 0]))
    assert (caught.value.code, caught.value.line) == ("division", 3)


def test_a_failure_pays_nothing_until_there_are_too_many():
    design = attached(ProgramReward(source=RISKY, on_error="neutral"))
    for _ in range(3):
        paid = design(transition([1, 0, 2, 0]))
        np.testing.assert_array_equal(paid.total[[1, 3]], 0.0)
    assert paid.total.tolist() == [3.0, 0.0, 1.5, 0.0]
    assert design(transition([1, 4, 1, 1])).total[1] == 0.25  # a failure is not remembered
    state = design.state_dict()
    assert state["failures"] == 6
    other = attached(ProgramReward(source=RISKY, on_error="neutral"))
    other.load_state_dict(state)
    for each in (design, other):
        each(transition([0, 0, 0, 1]))
        with pytest.raises(RewardProgramError, match="failed on 10 transitions") as caught:
            each(transition([0, 1, 1, 1]))
        assert (caught.value.code, caught.value.line, caught.value.row) == ("disqualified", 3, 0)


def test_clipping_bounds_what_is_finite():
    source = HEAD + 'big = 4 * info["x"]\n    return big - info["prev_x"]'
    design = attached(ProgramReward(source=source, on_error="clip", cap=6.0), 3)
    paid = design(transition([1, 3, -5], [0, 4, 4]))
    np.testing.assert_allclose(paid.total, [4.0, 6.0, -6.0])
    np.testing.assert_allclose(sum(paid.terms.values()), paid.total)
    np.testing.assert_allclose(paid.terms["big"], [4.0, 9.0, -5.0])
    with pytest.raises(RewardProgramError, match="not_finite"):
        design(transition([np.inf, 1, 1]))
    with pytest.raises(RewardProgramError, match="cap"):
        attached(ProgramReward(source=source, cap=6.0), 3)(transition([1, 3, -5], [0, 4, 4]))


def test_signs_have_nine_values():
    source = 'def signs(obs, action, next_obs, info):\n    return [info["x"] * 1e9, info["prev_x"]]'
    pairs = np.array([*itertools.product((-3.0, 0.0, 0.2), (-1e-9, 0.0, 1e12))])
    paid = attached(SignReward(source=source), 9)(transition(pairs[:, 0], pairs[:, 1]))
    expected = [-1.1, -1.0, -0.9, -0.1, 0.0, 0.1, 0.9, 1.0, 1.1]
    np.testing.assert_allclose(paid.total, expected, rtol=1e-15)
    np.testing.assert_array_equal(paid.terms["sparse"], np.repeat([-1.0, 0.0, 1.0], 3))
    np.testing.assert_array_equal(paid.terms["dense"], np.tile([-0.1, 0.0, 0.1], 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ProgramReward(source=PROGRESS, on_error="skip"), "on_error must be one of"),
        (lambda: SignReward(source=SIGNS, on_error="clip"), "on_error must be one of .* 'clip'"),
        (lambda: ProgramReward(source=PROGRESS, cap=0.0), "cap must be positive and finite"),
        (lambda: ProgramReward(source=SIGNS), "the signature is not reward"),
        (lambda: SignReward(source=PROGRESS), "the signature is not signs"),
        (lambda: ProgramReward(source="import os"), "an import is not part of the language"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_it_says_what_is_wrong_once_the_env_is_known():
    with pytest.raises(OperantError, match=r"reads features .*'speed'"):
        attached(ProgramReward(source=HEAD + 'return info["speed"]'))
    with pytest.raises(UnsafeRewardCodeError, match="unknown name 'y'"):
        attached(ProgramReward(source=HEAD + "return y"))
