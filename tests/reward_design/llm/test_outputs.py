"""Programs that return lists, are sums of terms, read vectors of actions, and remember."""

from __future__ import annotations

import copy
import pickle
import textwrap

import numpy as np
import pytest
import torch

from operant.reward_design.llm import (
    RewardProgramError,
    UnsafeRewardCodeError,
    compile_factors,
    compile_potential,
    compile_reward,
    compile_signs,
)

BACKENDS = ("python", pytest.param("numba", marks=pytest.mark.integration), "torch")


def text(entry, body, mem=False):
    head = f"def {entry}(obs, action, next_obs, info{', mem' if mem else ''}):\n"
    return head + textwrap.indent(textwrap.dedent(body).strip(), "    ")


FACTORS = text(
    "factors",
    """
    speed = next_obs[0] - obs[0]
    if info["near"] > 1:
        return [speed, 1.0, info["near"]]
    return 0, -action[0] * action[1], speed
    """,
)
OBS, NEXT = np.array([[1.0], [2.0], [3.0]]), np.array([[1.5], [1.0], [9.0]])
ACTION, INFO = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), {"near": np.array([0.0, 2.0, 1.0])}


@pytest.mark.parametrize("backend", BACKENDS)
def test_factors_are_rows_of_numbers(backend):
    options = {"obs_size": 1, "features": ["near"], "action_size": 2, "backend": backend}
    program = compile_factors(FACTORS, **options)
    expected = [[0.0, -2.0, 0.5], [-1.0, 1.0, 2.0], [0.0, -30.0, 6.0]]
    assert program.size == 3
    np.testing.assert_array_equal(program.batch(OBS, ACTION, NEXT, INFO), expected)
    assert program.batch(OBS[:0], ACTION[:0], NEXT[:0], {"near": []}).shape == (0, 3)
    for n, row in enumerate(expected):
        assert program(OBS[n], ACTION[n], NEXT[n], {"near": INFO["near"][n]}) == tuple(row)
    twin = pickle.loads(pickle.dumps(program))
    assert (twin.size, twin.action_size, twin.identity) == (3, 2, program.identity)
    with pytest.raises(RewardProgramError, match="one of the numbers is -30") as caught:
        compile_factors(FACTORS, **options, cap=20.0).batch(OBS, ACTION, NEXT, INFO)
    assert caught.value.code == "cap"


def test_signs_are_two():
    program = compile_signs(text("signs", "return [action, -1]"), obs_size=0, features=())
    assert program(None, 3, None, {}) == (3.0, -1.0)
    assert program.size == 2


@pytest.mark.parametrize(
    ("entry", "code", "body"),
    [
        ("signs", "return", "return ¤[1, 2, 3]"),
        ("signs", "return", "return ¤[1]"),
        ("signs", "return", "return ¤action"),
        ("signs", "type", "return [1, ¤action > 2]"),
        ("factors", "return", "return ¤[]"),
        ("factors", "return", "return ¤[" + "1, " * 17 + "]"),
        ("factors", "return", "if action > 1:\n    return [1, 2]\nreturn ¤[1]"),
        ("factors", "return", "return ¤1.0"),
        ("factors", "type", "return [1, ¤obs]"),
        ("factors", "forbidden", "return [1, ¤[2]]"),
        ("factors", "forbidden", "return [¤*obs]"),
        ("factors", "forbidden", "x = ¤[1, 2]\nreturn x"),
        ("factors", "forbidden", "return ¤[1, 2] * 3"),
        ("factors", "forbidden", "return ¤{1, 2}"),
        ("reward", "forbidden", "return ¤[1, 2]"),
        ("potential", "forbidden", "return ¤[1, 2]"),
    ],
)
def test_a_list_is_refused_where_it_is_none(entry, code, body):
    compile_ = {
        "signs": compile_signs,
        "factors": compile_factors,
        "reward": compile_reward,
        "potential": compile_potential,
    }[entry]
    source = text(entry, body)
    if entry == "potential":
        source = source.replace("obs, action, next_obs, info", "obs, info")
    with pytest.raises(UnsafeRewardCodeError) as caught:
        compile_(source.replace("¤", ""), obs_size=2, features=())
    error = caught.value
    before = source[: source.index("¤")]
    place = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert (error.code, error.line, error.column) == (code, *place), str(error)


# ---- terms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "terms"),
    [
        ("return 1", ("term1",)),
        ("bonus = 1.0\nreturn bonus - 0.5 * action", ("bonus", "term2")),
        ("a = 1.0\nb = 2.0\nreturn -a - (b - 3) + action", ("a", "b", "term3", "action")),
        ("near = action > 1\nreturn near + 1", ("near", "term2")),
        ("x = action > 1\ny = 2.0\nreturn (1.0 if x else 0.0) + y", ("x", "y")),
        ("a = 1.0\nreturn a + 2 * a + a", ("a", "term2")),
        ("total = 1.0\nreturn total + 2", ("term1", "term2")),
        ("x = 2.0\nif action > 1:\n    return 3 - x\nreturn x + action", ("term1", "x", "action")),
        (
            "for i in range(3):\n    if action > 1:\n        return i + 1\nreturn 0",
            ("i", "term2", "term1"),
        ),
        ("x = 1.0\nreturn 2 * (x + 1)", ("term1",)),
        ("x = 1.0\nreturn +x if action else -x", ("term1",)),
    ],
)
@pytest.mark.parametrize("backend", ["python", "torch"])
def test_the_summands_of_a_return_are_its_terms(body, terms, backend):
    program = compile_reward(text("reward", body), obs_size=0, features=(), backend=backend)
    action = np.array([0.0, 1.0, 2.0, 3.0])
    found = program.batch_terms(None, action, None, {})
    assert (program.terms, tuple(found)) == (terms, terms)
    np.testing.assert_allclose(sum(found.values()), program.batch(None, action, None, {}))


def test_a_term_that_a_path_lacks_is_zero_there():
    body = "x = 2.0\nif action > 1:\n    return 3 - x\nreturn x + action"
    program = compile_reward(text("reward", body), obs_size=0, features=())
    found = program.batch_terms(None, [1, 2], None, {})
    np.testing.assert_equal(
        found, {"term1": np.array([0.0, 3.0]), "x": np.array([2, -2]), "action": np.array([1, 0])}
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_cap_is_for_the_sum_of_terms(backend):
    body = "x = 1000 * action\nreturn x - 999 * action"
    program = compile_reward(
        text("reward", body), obs_size=0, features=(), cap=10.0, backend=backend
    )
    found = program.batch_terms(None, np.array([5.0, 10.0]), None, {})
    np.testing.assert_array_equal(found["x"], [5000.0, 10000.0])
    with pytest.raises(RewardProgramError, match=r"the reward is 11.0 in row 1"):
        program.batch_terms(None, np.array([5.0, 11.0]), None, {})


# ---- actions that are vectors -------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_action_can_be_a_vector(backend):
    body = "x = 0.0\nfor i in range(2):\n    x += action[i] ** 2\nreturn x + action[-1]"
    options = {"obs_size": 0, "features": (), "backend": backend}
    program = compile_reward(text("reward", body), **options, action_size=2)
    np.testing.assert_array_equal(program.batch(None, ACTION, None, {}), [7.0, 29.0, 67.0])
    assert program(None, (1, 2), None, {}) == 7.0
    with pytest.raises(ValueError, match="action must have 2 numbers, got 3"):
        program(None, (1, 2, 3), None, {})
    with pytest.raises(ValueError, match=r"action must have shape \(3, 2\), got \(3,\)"):
        program.batch(None, ACTION[:, 0], None, {})
    for wrong, size in (("action + 1", 2), ("action[2]", 2), ("action[0]", 0), ("-action", 2)):
        with pytest.raises(UnsafeRewardCodeError, match="line 2"):
            compile_reward(text("reward", f"return {wrong}"), **options, action_size=size)


# ---- memory -------------------------------------------------------------------------------------

REMEMBERS = text(
    "reward",
    """
    mem[2] += 1
    if info["near"] > mem[0]:
        mem[0] = info["near"]
        return mem[2]
    return 1 / (3 - mem[2])
    """,
    mem=True,
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_is_the_callers(backend):
    program = compile_reward(REMEMBERS, obs_size=0, features=["near"], backend=backend)
    assert program.mem_size == 3
    one, many = [0.0] * 3, np.zeros((2, 3))
    many = torch.as_tensor(many) if backend == "torch" else many
    given = [1.0, 0.5, 2.0]
    paid = [program(None, 0, None, {"near": near}, one) for near in given[:2]]
    assert paid == [1.0, 1.0]
    assert one == [1.0, 0.0, 2.0]
    for near, expected in zip(given[:2], paid, strict=True):
        info = {"near": np.array([near, near])}
        np.testing.assert_array_equal(program.batch(None, np.zeros(2), None, info, many), expected)
    np.testing.assert_array_equal(many, [one] * 2)
    assert program(None, 0, None, {"near": 2.0}, np.array(one)) == 3.0
    terms = copy.deepcopy(many)
    found = program.batch_terms(None, np.zeros(2), None, {"near": np.array([2.0, 3.0])}, terms)
    np.testing.assert_array_equal(found["term1"], [3.0, 3.0])
    np.testing.assert_array_equal(terms, [[2.0, 0.0, 3.0], [3.0, 0.0, 3.0]])
    with pytest.raises(RewardProgramError, match="in row 1") as caught:
        program.batch(None, np.zeros(2), None, {"near": np.array([2.0, 0.5])}, many)
    assert caught.value.code == "division"
    with pytest.raises(RewardProgramError):
        program(None, 0, None, {"near": 0.5}, one)
    np.testing.assert_array_equal(many, [one] * 2)  # a failure leaves it as it was
    for wrong, shown in ((None, "none"), ([0.0], "1")):
        with pytest.raises(ValueError, match=f"mem must have 3 numbers, got {shown}"):
            program(None, 0, None, {"near": 0.5}, wrong)
    with pytest.raises(ValueError, match="mem must have shape"):
        program.batch(None, np.zeros(2), None, {"near": np.zeros(2)}, np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("index", "mem[¤16] = 1\nreturn 0"),
        ("index", "return mem[¤-1]"),
        ("index", "for i in range(3):\n    mem[¤i] = 1\nreturn 0"),
        ("index", "return mem[¤int(action)]"),
        ("index", "return mem[¤True]"),
        ("type", "return ¤mem"),
        ("type", "x = ¤mem\nreturn 0"),
        ("type", "mem[0] = ¤obs\nreturn 0"),
        ("name", "¤mem = 1\nreturn 0"),
        ("forbidden", "mem[¤0:3] = 1\nreturn 0"),
        ("assign", "¤mem[0] = mem[1] = 1\nreturn 0"),
        ("attribute", "return ¤mem.real"),
    ],
)
def test_memory_is_used_in_one_way(code, body):
    source = text("reward", body, mem=True)
    with pytest.raises(UnsafeRewardCodeError) as caught:
        compile_reward(source.replace("¤", ""), obs_size=2, features=())
    error = caught.value
    before = source[: source.index("¤")]
    place = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert (error.code, error.line, error.column) == (code, *place), str(error)


def test_memory_must_be_declared_and_never_by_a_potential():
    with pytest.raises(UnsafeRewardCodeError, match="declares no memory"):
        compile_reward(text("reward", "mem[0] = 1\nreturn 0"), obs_size=0, features=())
    with pytest.raises(UnsafeRewardCodeError, match="signature"):
        compile_potential("def potential(obs, info, mem):\n    return 0", obs_size=0, features=())
    unused = compile_reward(text("reward", "return 1", mem=True), obs_size=0, features=())
    assert (unused.mem_size, unused(None, 0, None, {})) == (0, 1.0)
    local = compile_reward(text("reward", "mem = 2\nreturn mem"), obs_size=0, features=())
    assert local(None, 0, None, {}) == 2.0


def test_the_compiled_step_of_an_env_has_neither():
    options = {"obs_size": 0, "features": ["near"], "action_size": 2}
    with pytest.raises(RewardProgramError, match="memory"):
        compile_reward(REMEMBERS, **options).for_kernel()
    with pytest.raises(RewardProgramError, match="action of several numbers"):
        compile_reward(text("reward", "return action[0]"), **options).for_kernel()
