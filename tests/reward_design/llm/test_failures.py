"""A run that fails says where in the source, in which row, and why; arguments are checked."""

from __future__ import annotations

import functools
import math
import pickle

import numpy as np
import pytest

from operant.reward_design.llm import (
    RewardProgramError,
    UnsafeRewardCodeError,
    compile_potential,
    compile_reward,
)

HEAD = "def reward(obs, action, next_obs, info):\n"
FAILING = {
    "division": ("division", "return 1 + ¤action / (action - action)"),
    "whole division": ("division", "return ¤action // 0"),
    "remainder": ("division", "return ¤action % 0.0"),
    "zero to a negative power": ("domain", "return ¤(action - action) ** -1"),
    "root of a negative": ("domain", "return ¤math.sqrt(-1 - action)"),
    "negative to a fraction": ("domain", "return ¤(-1 - action) ** 0.5"),
    "logarithm of zero": ("domain", "return ¤math.log(action - action)"),
    "logarithm of a negative": ("domain", "return ¤math.log1p(-1 - action)"),
    "exponential": ("overflow", "return 1 / ¤math.exp(1000 + action)"),
    "power": ("overflow", "return 1 / ¤(10 + action) ** 999"),
    "tower": ("overflow", "return ¤10 ** 10 ** 9"),
    "sine of infinity": ("domain", "x = 1e12 ** 16 * 1e12 ** 16 * action\nreturn ¤math.sin(x)"),
    "floor of infinity": (
        "overflow",
        "x = 1e12 ** 16 * 1e12 ** 16 * action\nreturn ¤math.floor(x)",
    ),
    "int of infinity": ("overflow", "x = 1e12 ** 16 * 1e12 ** 16 * action\nreturn ¤int(x)"),
    "int of nothing": (
        "domain",
        "x = 1e12 ** 16 * 1e12 ** 16 * action\nreturn ¤int(x - x)",
    ),
    "index": ("index", "return ¤obs[int(action + 3)]"),
    "negative index": ("index", "return ¤obs[int(-3 - action)]"),
    "huge index": ("index", "return ¤obs[int(action * 1e11 * 1e11)]"),
    "index in a loop": (
        "index",
        "x = 0.0\nfor i in range(4):\n    x += ¤next_obs[i]\nreturn x",
    ),
    "in a branch": (
        "division",
        "if action > 0:\n    x = 1\nelse:\n    x = 2\nreturn x / (¤1 // 0)",
    ),
}
OBS = (0.5, -0.5, 0.25)


@functools.cache
def compiled(body, **kwargs):
    text = HEAD + "\n".join(f"    {line}" for line in body.replace("¤", "").split("\n"))
    return compile_reward(text, **{"obs_size": 3, "features": ("speed",), **kwargs})


@pytest.mark.parametrize("name", FAILING)
def test_an_operation_outside_its_domain_is_an_error_with_its_place(name):
    code, body = FAILING[name]
    with pytest.raises(RewardProgramError) as caught:
        compiled(body)(OBS, 2, OBS, {})
    error = caught.value
    assert not isinstance(error, UnsafeRewardCodeError)
    before = body[: body.index("¤")]
    assert error.code == code
    assert error.line == before.count("\n") + 2
    assert error.column == len(before) - before.rfind("\n") + 4
    assert error.row is None
    assert "¤" not in str(error)
    assert f"line {error.line}, column {error.column}: {error.message}; {error.hint}" in str(error)
    assert str(error).split("\n")[2].index("^") == error.column + 1


RISKY = """
if info["speed"] > 2.5:
    x = 1 / (info["speed"] - 3)
elif info["speed"] > 1.5:
    x = math.log(info["speed"] - 2)
else:
    x = obs[int(info["speed"]) + 2]
return x * 1e5
"""


@pytest.mark.parametrize("backend", ["python", "numba", "torch"])
def test_a_batch_names_the_first_row_that_fails(backend):
    program = compiled(RISKY.strip(), backend=backend)
    obs = np.array([[0.5, 1.0, 2.0]] * 4)

    def paid(*speeds):
        info = {"speed": np.array(speeds)}
        return program.batch(obs, np.zeros(4), obs, info)

    np.testing.assert_array_equal(paid(0, 0, 4, 5), [2e5, 2e5, 1e5, 0.5e5])
    for speeds, code, row, line in [
        ((0, 0, 3, 2), "division", 2, 3),
        ((0, 2, 3, 2), "domain", 1, 5),
        ((0, 0, 0, 1), "index", 3, 7),
        ((3.01, 2, 3, 2), "cap", 0, 0),
        ((math.nan, 2, 3, 2), "domain", 0, 7),
    ]:
        with pytest.raises(RewardProgramError, match=f"in row {row}") as caught:
            paid(*speeds)
        assert (caught.value.code, caught.value.row, caught.value.line) == (code, row, line)


@pytest.mark.parametrize("backend", ["python", "numba", "torch"])
@pytest.mark.parametrize(
    ("value", "cap", "code"),
    [
        (1e6 + 1, 1e6, "cap"),
        (-2.5, 2.0, "cap"),
        (math.inf, 1e6, "not_finite"),
        (-math.inf, 1e6, "not_finite"),
        (math.nan, 1e6, "not_finite"),
        (1e6, 1e6, ""),
        (-2.0, 2.0, ""),
    ],
)
def test_the_result_is_finite_and_below_the_cap(value, cap, code, backend):
    program = compiled('return info["speed"]', cap=cap, backend=backend)

    def run():
        one = program(None, 0, None, {"speed": value})
        many = program.batch(None, np.zeros(2), None, {"speed": np.array([0.0, value])})
        return one, many

    if not code:
        assert run()[0] == run()[1][1] == value
        return
    with pytest.raises(RewardProgramError) as caught:
        run()
    assert caught.value.code == code
    with pytest.raises(RewardProgramError, match="in row 1"):
        program.batch(None, np.zeros(2), None, {"speed": np.array([0.0, value])})


NORMAL = {
    "source": HEAD + "    return obs[0] + info['speed'] * action",
    "obs_size": 3,
    "features": ["speed"],
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"obs_size": -1}, "obs_size must be >= 0, got -1"),
        ({"features": ["has key"]}, "features must be identifiers .* got 'has key'"),
        ({"features": ["prev_x"]}, "do not begin with 'prev_', got 'prev_x'"),
        ({"backend": "jax"}, r"backend must be one of \('python', 'numba', 'torch'\), got 'jax'"),
        ({"cap": 0.0}, "cap must be positive and finite, got 0"),
        ({"cap": math.inf}, "cap must be positive and finite, got inf"),
        ({"cap": math.nan}, "cap must be positive and finite, got nan"),
    ],
)
def test_bad_arguments_of_the_compiler(changes, message):
    for compile_, entry in (
        (compile_reward, HEAD),
        (compile_potential, "def potential(obs, info):\n"),
    ):
        source = NORMAL["source"].replace(HEAD, entry)
        with pytest.raises(ValueError, match=message):
            compile_(**{**NORMAL, "source": source, **changes})


def test_the_size_of_an_action_is_no_less_than_zero():
    with pytest.raises(ValueError, match="action_size must be >= 0, got -1"):
        compile_reward(**NORMAL, action_size=-1)


O3, INFO = np.zeros((4, 3)), {"speed": np.zeros(4)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1.0, 2.0), 0, OBS, {"speed": 1.0}), "must have 3 numbers, got 2, 3"),
        ((OBS, 0, np.zeros(4), {"speed": 1.0}), "must have 3 numbers, got 3, 4"),
        ((OBS, 0, OBS, {"prev_speed": 1.0}), "info lacks 'speed'"),
        ((OBS, 0, OBS, {"speed": None}), "must hold plain numbers"),
        ((OBS, 0, OBS, {"speed": np.zeros(2)}), "must hold plain numbers"),
        ((np.zeros((3, 2)), 0, OBS, {"speed": 1.0}), "must hold plain numbers"),
    ],
)
def test_bad_arguments_of_a_transition(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        compile_reward(**NORMAL)(*arguments)
    assert not isinstance(caught.value, RewardProgramError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((4, 2)), np.zeros(4), O3, INFO), r"obs must have shape \(4, 3\), got \(4, 2\)"),
        ((O3, np.zeros(4), O3[:3], INFO), r"next_obs must have shape \(4, 3\), got \(3, 3\)"),
        ((O3, np.zeros((4, 1)), O3, INFO), r"action must have shape \(4,\), got \(4, 1\)"),
        ((O3, np.zeros(4), O3, {}), "info lacks 'speed'"),
        (
            (O3, np.zeros(4), O3, {"speed": 1.0}),
            r"info\['speed'\] must have shape \(4,\), got \(\)",
        ),
        ((None, np.zeros(4), None, INFO), r"obs must have shape \(4, 3\), got"),
    ],
)
def test_bad_arguments_of_a_batch(arguments, message):
    with pytest.raises(ValueError, match=message):
        compile_reward(**NORMAL).batch(*arguments)
    with pytest.raises(ValueError, match=message):
        compile_reward(**NORMAL, backend="torch").batch(*arguments)


def test_an_error_tells_its_record():
    error = RewardProgramError("type", "wrong", line=1, column=3, hint="right", shown="ab", row=4)
    assert str(error) == "line 1, column 3: wrong in row 4; right [type]\n  ab\n    ^"
    twin = pickle.loads(pickle.dumps(error))
    assert (str(twin), twin.__dict__) == (str(error), error.__dict__)


def test_messages_stay_short_whatever_a_program_names():
    with pytest.raises(UnsafeRewardCodeError, match="unknown name 'aaa") as caught:
        compile_reward(HEAD + "    return " + "a" * 8000, obs_size=0, features=())
    assert len(str(caught.value)) < 1000
