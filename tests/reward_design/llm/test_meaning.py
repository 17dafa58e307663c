"""Programs mean what the same Python means."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from operant.reward_design.llm import compile_factors, compile_potential, compile_reward
from operant.types import Feature

FEATURES = ("distance", "has_key", "door_open", "moving")
RNG = np.random.default_rng(0)
STEPS = [
    (
        RNG.normal(size=4).tolist(),
        int(RNG.integers(0, 4)),
        RNG.normal(size=4).tolist(),
        {
            when + name: float(RNG.integers(0, 9 if name == "distance" else 2))
            for name in FEATURES
            for when in ("", "prev_")
        },
    )
    for _ in range(40)
]


def progress(obs, action, next_obs, info):
    return info["prev_distance"] - info["distance"]


def milestones(obs, action, next_obs, info):
    total = -0.01
    if info["has_key"] and not info["prev_has_key"]:
        total += 0.5
    elif info["prev_has_key"] and not info["has_key"]:
        total -= 0.5
    if info["door_open"] > info["prev_door_open"]:
        total = total + 1
    return total


def bounded(obs, action, next_obs, info):
    closeness = math.exp(-info["distance"] / 4.0)
    effort = math.tanh(abs(obs[0])) ** 2
    return min(1.0, closeness) - 0.1 * effort


def norm(obs, action, next_obs, info):
    total = 0.0
    for i in range(4):
        gap = next_obs[i] - obs[i]
        total += gap * gap
    return -math.sqrt(total)


def nested(obs, action, next_obs, info):
    total = 0
    for i in range(3):
        for j in range(1, 4):
            total += obs[i] * next_obs[j] * (i - j)
    return total


def choice(obs, action, next_obs, info):
    sign = 1 if obs[0] > 0 else -1
    return sign * (3 if action == 2 else 4) % 5


def early(obs, action, next_obs, info):
    for i in range(4):
        if obs[i] > 1.0:
            return i + 0.5
    return -1


def division(obs, action, next_obs, info):
    whole = info["distance"] // 2 + info["distance"] % 2
    return whole / 3 - -7 // 2 + 2**-3 - (-2) ** 2


def rounding(obs, action, next_obs, info):
    a = math.floor(obs[0]) + math.ceil(obs[1]) + int(5 * obs[2])
    return a + math.copysign(0.25, obs[3]) + math.fabs(obs[0]) + float(action)


def indices(obs, action, next_obs, info):
    place = min(int(info["distance"]), 3)
    total = obs[-1] + next_obs[int(place)] + obs[min(int(info["distance"]), 3)]
    for i in range(3):
        total += obs[i + 1] - obs[-i - 1] + obs[2 * i % 4]
    return total


def geometry(obs, action, next_obs, info):
    angle = math.atan2(obs[0], obs[1])
    return math.sin(angle) * math.cos(angle) + math.log1p(abs(angle)) + math.log(2)


def flags(obs, action, next_obs, info):
    moves = info["moving"] > 0 or info["prev_moving"] > 0
    still = not moves
    near = False
    if 0 < info["distance"] <= 4:
        near = True
    both = near and moves
    return moves * 1.0 + still * 2 + (near == both) + max(near, 0.5, both) + math.isfinite(obs[0])


def logic(obs, action, next_obs, info):
    bonus = info["distance"] and 0.5
    first = (obs[0] > 0 and info["distance"]) or action or 0.25
    both = info["has_key"] and obs[1] > 0
    if both or (info["door_open"] and not info["moving"]):
        bonus = -bonus
    return bonus + 10 * first + 100 * both


PROGRAMS = [
    *(progress, milestones, bounded, norm, nested, choice, early, division, rounding, indices),
    *(geometry, flags, logic),
]


def compiled(function, **kwargs):
    source = inspect.getsource(function).replace(f"def {function.__name__}(", "def reward(")
    return compile_reward(source, obs_size=4, features=FEATURES, **kwargs)


def columns():
    obs, action, next_obs, info = zip(*STEPS, strict=True)
    features = {key: np.array([row[key] for row in info]) for key in info[0]}
    return np.array(obs), np.array(action), np.array(next_obs), features


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda f: f.__name__)
def test_a_program_is_what_it_says(function):
    expected = [function(*step) for step in STEPS]
    assert len(set(expected)) > 1
    program = compiled(function)
    paid = [program(*step) for step in STEPS]
    assert paid == expected
    assert all(type(value) is float for value in paid)
    np.testing.assert_array_equal(program.batch(*columns()), paid)


@pytest.mark.integration
@pytest.mark.parametrize("function", [norm, rounding, indices, logic], ids=lambda f: f.__name__)
def test_compiled_by_numba_it_is_the_same(function, monkeypatch):
    program = compiled(function, backend="numba")
    expected = [function(*step) for step in STEPS]
    monkeypatch.setattr(program._execution, "_looped", None)  # the compiled code must do it alone
    np.testing.assert_array_equal(program.batch(*columns()), expected)


HEAD = """\
def factors(obs, action, next_obs, info):
    size = abs(obs[0])
    small = min(max(obs[0], -50.0), 50.0)
"""
EVERY = {
    "powers": """\
    return [
        size ** 2, obs[0] ** 3, size ** 0.5, (size + 0.1) ** -0.5, (size + 0.1) ** -1,
        (size + 0.1) ** 1.5, 2.0 ** small, 10.0 ** small, size ** min(max(obs[1], 0.0), 3.0),
        math.hypot(obs[0], obs[1]), 0.3 ** 2 * math.exp(0.3) * obs[0], math.sqrt(size),
        math.exp(small), math.log(size + 1e-9), math.log1p(size), math.tanh(obs[0]),
    ]
""",
    "others": """\
    return [
        math.sin(obs[0]), math.cos(obs[0]), math.atan2(obs[0], obs[1]),
        math.copysign(obs[0], obs[1]), math.floor(obs[0]), math.ceil(obs[0]), int(obs[0]),
        obs[0] % -0.7, obs[0] % (abs(obs[1]) + 0.01), obs[0] // 3,
        obs[0] // (abs(obs[1]) + 0.01), obs[0] / (abs(obs[1]) + 0.01),
        obs[0] * obs[1] + obs[0], obs[0] * 0.1 + obs[1] * 0.2 + 0.3,
        1.0 / (1.0 + math.exp(-small)), math.exp(-small * small),
    ]
""",
}


@pytest.mark.integration
@pytest.mark.parametrize("body", EVERY.values(), ids=EVERY)
def test_compiled_and_in_python_it_is_the_same_to_the_last_bit(body):
    """So that it does not matter which of them a design takes, or when."""
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(4000, 2)) * 3, np.exp(rng.normal(size=(4000, 2)) * 5)
    obs = np.concatenate([near, far * rng.choice([-1.0, 1.0], size=far.shape), near.round()])
    backends = ("python", "numba")
    rows = [
        compile_factors(HEAD + body, obs_size=2, features=(), backend=backend, cap=1e300).batch(
            obs, np.zeros(len(obs)), obs, {}
        )
        for backend in backends
    ]
    np.testing.assert_array_equal(*(row.view(np.int64) for row in rows))


@pytest.mark.parametrize("far", [1.0, 1e-300, 1e200])
def test_hypot_is_pythons_but_for_the_last_bit(far):
    source = "def reward(obs, action, next_obs, info):\n    return math.hypot(obs[0], obs[1])\n"
    program = compile_reward(source, obs_size=2, features=(), cap=1e300)
    pairs = far * np.random.default_rng(0).normal(size=(500, 2))
    paid = [program(pair, 0, pair, {}) for pair in pairs]
    np.testing.assert_array_max_ulp(paid, [math.hypot(*pair) for pair in pairs], 2)
    assert [program(pair, 0, pair, {}) for pair in ((0.0, 0.0), (-3.0, 4.0))] == [0.0, 5.0]


@pytest.mark.parametrize("kind", [tuple, list, np.array, lambda o: np.array(o, np.float32)])
def test_observations_may_be_tuples_lists_and_arrays(kind):
    obs, action, next_obs, info = STEPS[0]
    given = kind(obs), action, kind(next_obs), {k: np.float32(v) for k, v in info.items()}
    assert compiled(norm)(*given) == pytest.approx(norm(*STEPS[0]), rel=1e-6)


def test_what_a_program_reads():
    program = compiled(milestones)
    assert (program.reads, program.reads_obs) == (("has_key", "door_open"), False)
    assert (compiled(norm).reads, compiled(norm).reads_obs) == ((), True)
    # what is not read may be anything: envs have observations that are no vectors
    assert program(None, None, None, STEPS[0][3]) == milestones(*STEPS[0])
    forces = np.zeros((len(STEPS), 2))  # actions need not be numbers either
    paid = program.batch(None, forces, None, columns()[3])
    np.testing.assert_array_equal(paid, [milestones(*step) for step in STEPS])


def test_nothing_that_is_given_is_changed():
    given = columns()
    before = copy.deepcopy(given)
    for array in (given[0], given[2], *given[3].values()):
        array.flags.writeable = False
    for backend in ("python", "numba", "torch"):
        compiled(norm, backend=backend).batch(*given)
    np.testing.assert_equal(given, before)


def test_whole_numbers_cannot_grow():
    text = "def reward(obs, action, next_obs, info):\n    x = action\n"
    text += "    for i in range(60):\n        x = x * x\n    return 1 / x"
    program = compile_reward(text, obs_size=0, features=())
    assert program((), 3, (), {}) == 0.0  # 3 ** 2 ** 60 is infinite, not a number of 10^17 digits


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies(duplicate):
    program = compiled(norm, backend="numba", cap=50.0)
    twin = duplicate(program)
    assert twin(*STEPS[0]) == program(*STEPS[0])
    assert (twin.identity, twin.backend, twin.cap) == (program.identity, "numba", 50.0)


def potential(obs, info):
    near = 1.0 if info["distance"] < 2 else 0.0
    return info["has_key"] + near - abs(obs[0])


def test_potentials():
    source = inspect.getsource(potential)
    states = [(obs, {name: info[name] for name in FEATURES}) for obs, _, _, info in STEPS]
    expected = [potential(*state) for state in states]
    obs = np.array([obs for obs, _ in states])
    features = {name: np.array([info[name] for _, info in states]) for name in FEATURES}
    for backend in ("python", "numba", "torch"):
        program = compile_potential(source, obs_size=4, features=FEATURES, backend=backend)
        assert program.reads == ("distance", "has_key")
        assert [program(*state) for state in states] == expected
        np.testing.assert_array_equal(program.batch(obs, features), expected)


def test_batches_of_nothing_and_of_constants():
    text = "def {}({}):\n    return 2\n"
    reward = compile_reward(
        text.format("reward", "obs, action, next_obs, info"), obs_size=0, features=()
    )
    assert reward.batch(None, [0, 1, 2], None, {}).tolist() == [2.0] * 3
    assert reward.batch(None, [], None, {}).shape == (0,)
    phi = compile_potential(text.format("potential", "obs, info"), obs_size=0, features=["a"])
    assert phi.batch(None, {"a": np.zeros(3)}).tolist() == [2.0] * 3
    assert phi.batch(np.zeros((3, 7)), {}).tolist() == [2.0] * 3


ONE = """
def reward(obs, action, next_obs, info):
    bonus = 1
    return bonus + info["moving"] * 2
"""
SAME = '''
def reward(obs,action,next_obs,info):  # another writer
    """With a docstring."""
    bonus = (1.0)

    return (bonus +
        info['moving']*2.0)
'''


def test_the_identity_is_that_of_the_meaning():
    def identity(text):
        return compile_reward(text, obs_size=0, features=FEATURES).identity

    assert identity(ONE) == identity(SAME) == identity(ONE.replace("\n", "\r\n"))
    others = [ONE.replace(a, b) for a, b in [("2", "3"), ("+", "-"), ("moving", "prev_moving")]]
    assert len({identity(text) for text in (ONE, *others)}) == 4
    # what is stored somewhere must not change from one version to the next
    assert identity(ONE).startswith("3a51f8c6e11d4196")


def test_feature_tables_and_names_are_both_good():
    table = [
        Feature(name="moving", description="", low=0, high=1),
        Feature(name="map", description="", low=0, high=1, shape=(3, 3)),
    ]
    assert compile_reward(ONE, obs_size=0, features=table).reads == ("moving",)
    with pytest.raises(ValueError, match=r"feature 'map' is no number: its shape is \(3, 3\)"):
        compile_reward(ONE.replace("moving", "map"), obs_size=0, features=table)
    with pytest.raises(ValueError, match="did you mean moving"):
        compile_reward(ONE.replace("moving", "movin"), obs_size=0, features=table)


@pytest.mark.integration
def test_the_language_is_light():
    code = "import sys, operant.reward_design.llm; print({'numba', 'torch'} & {*sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "set()\n", result.stderr
