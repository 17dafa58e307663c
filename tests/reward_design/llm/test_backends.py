"""Three back ends, one meaning: programs from a typed grammar, run by Python, numba and torch."""

from __future__ import annotations

import itertools
import math
import re
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.llm import (
    RewardProgramError,
    UnsafeRewardCodeError,
    compile_factors,
    compile_reward,
)
from operant.reward_design.llm.language import tensors
from operant.reward_design.llm.language.execution import ARGUMENTS
from operant.reward_design.llm.language.rendering import by_key, render
from operant.reward_design.llm.language.vocabulary import TABLE

HEAD = "def reward(obs, action, next_obs, info):\n"
START = "x = 0.5\ny = info['b']\nnear = action[0] > 1\n"
ARITHMETIC = ("abs({})", "min({}, {}, {})", "max({}, {})", "float({})", "int({})")
ARITHMETIC += ("math.fabs({})", "math.floor({})", "math.ceil({})", "math.copysign({}, {})")
SMOOTH = ("math.sqrt({})", "math.exp({})", "math.log({})", "math.log1p({})", "math.tanh({})")
SMOOTH += ("math.sin({})", "math.cos({})", "math.atan2({}, {})", "math.hypot({}, {})")
LITERALS = ("0", "1", "2", "3", "-1", "7", "0.5", "0.1", "1e-3", "1e12", "-2.5")
READS = ("action[0]", "info['a']", "info['prev_a']", "info['b']", "obs[0]", "obs[-1]")
READS += ("next_obs[1]", "action[-1]", "mem[0]", "mem[2]")


@st.composite
def numbers(draw, depth, loops=0):
    """Return an expression that is a number."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        names = ("x", "y", "near", *"ij"[:loops])
        return draw(st.sampled_from((*LITERALS, *READS, *READS, *names, *names)))
    inner = numbers(depth - 1, loops)
    kind = draw(st.integers(0, 9))
    if kind < 4:
        sign = draw(st.sampled_from(("+", "-", "*", "*", "/", "//", "%", "**")))
        return f"({draw(inner)} {sign} {draw(inner)})"
    if kind < 7:
        shape = draw(st.sampled_from((*ARITHMETIC, *SMOOTH)))
        return shape.format(*(draw(inner) for _ in range(shape.count("{}"))))
    if kind == 7:
        return f"({draw(inner)} if {draw(flags(depth - 1, loops))} else {draw(inner)})"
    if kind == 8:
        table = draw(st.sampled_from(("obs", "next_obs", "action")))
        return f"{table}[{draw(wholes(depth - 1, loops))}]"
    return f"({draw(inner)} {draw(st.sampled_from(('and', 'or')))} {draw(inner)})"


@st.composite
def wholes(draw, depth, loops):
    """Return an expression that is a whole number."""
    inside = ("0", "1", "2", "-3", *"ij"[:loops])
    shape = draw(st.sampled_from(("{0}", "{0}", "int({1})", "{0} % 3", "min({0}, 1)", "{0} - {0}")))
    return shape.format(draw(st.sampled_from(inside)), draw(numbers(depth, loops)))


@st.composite
def flags(draw, depth, loops=0):
    """Return an expression that is a flag, or a number where a flag is wanted."""
    if depth == 0:
        return draw(st.sampled_from(("near", "True", "info['b']", "x > y")))
    number, flag = numbers(depth - 1, loops), flags(depth - 1, loops)
    kind = draw(st.integers(0, 4))
    if kind < 2:
        sign = draw(st.sampled_from(("<", "<=", ">", ">=", "==", "!=")))
        return f"{draw(number)} {sign} {draw(number)}"
    if kind == 2:
        return f"({draw(flag)} {draw(st.sampled_from(('and', 'or')))} {draw(flag)})"
    return f"(not {draw(flag)})" if kind == 3 else f"math.isfinite({draw(number)})"


@st.composite
def blocks(draw, depth, loops=0):
    """Return some statements; the names x, y and near have values before them."""
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, 6 if depth else 2))
        if kind < 2:
            sign = draw(st.sampled_from(("=", "=", "+=", "-=", "*=", "**=")))
            target = draw(st.sampled_from(("x", "y", "x", "y", "mem[0]", "mem[2]")))
            lines.append(f"{target} {sign} {draw(numbers(3, loops))}")
        elif kind == 2:
            lines.append(f"near = not {draw(flags(2, loops))}")
        elif kind == 3 and loops < 2:
            lines.append(f"for {'ij'[loops]} in range({draw(st.sampled_from(('3', '-1, 2')))}):")
            lines.append(textwrap.indent(draw(blocks(depth - 1, loops + 1)), "    "))
        elif kind < 6:
            lines.append(f"if {draw(flags(2, loops))}:")
            lines.append(textwrap.indent(draw(blocks(depth - 1, loops)), "    "))
            if draw(st.booleans()):
                lines.append(f"else:\n    return 1 * {draw(numbers(2, loops))}")
        else:
            lines.append(f"if {draw(flags(1, loops))}:\n    return 1 * {draw(numbers(2, loops))}")
    return "\n".join(lines)


@st.composite
def programs(draw):
    """Return the text of a program that returns a sum of three terms, or a list of two numbers."""
    body = START + draw(blocks(2)) + f"\nreturn 1 * {draw(numbers(3))}"
    shape = draw(st.sampled_from((r"x + \1 - y", r"[\1, y]")))
    body = re.sub(r"return (1 \* .*)$", f"return {shape}", body, flags=re.MULTILINE)
    entry = "factors" if "return [" in body else "reward"
    head = f"def {entry}(obs, action, next_obs, info, mem):\n"
    return head + textwrap.indent(body, "    ")


BACKENDS = [pytest.param("numba", marks=pytest.mark.integration), "torch"]
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 0.1, 30.0, 1e3, 1e200, -1e200)
RNG = np.random.default_rng(0)
N = 48


def inputs(*shape):
    values = np.where(RNG.random(shape) < 0.5, RNG.choice(SPECIAL, shape), RNG.normal(size=shape))
    values[-8:] = RNG.choice((*SPECIAL, math.inf, -math.inf, math.nan), values[-8:].shape)
    return values


GIVEN = (
    inputs(N, 3),
    RNG.integers(-1, 4, (N, 3)).astype(float),
    inputs(N, 3),
    {"a": inputs(N), "prev_a": inputs(N), "b": RNG.integers(0, 2, N).astype(float)},
    inputs(N, 3),
)


def rows(program, which):
    """Return some rows; no more memory than the program has."""
    obs, action, next_obs, info, mem = GIVEN
    some = {key: values[which] for key, values in info.items()}
    mem = mem[which][:, : program.mem_size]
    return obs[which], action[which], next_obs[which], some, mem.copy()


def compiled_as(text, backend):
    compile_ = compile_factors if "def factors" in text else compile_reward
    kwargs = {"obs_size": 3, "features": ("a", "b"), "action_size": 3, "backend": backend}
    return compile_(text, **kwargs)


def agree(text, backend):
    """Hold another back end against Python, row by row; returns how many rows were alike."""
    try:
        python = compiled_as(text, "python")
    except UnsafeRewardCodeError as refusal:
        refused = refusal.code
    else:
        return compare(text, python, backend)
    assert refused in ("size", "depth", "return", "number")
    return 0


def compare(text, python, backend):
    """Rows that have a value have the same in both, and the same memory; both refuse the others.

    What torch rounds in another way may matter: rows are left out of which Python itself says
    something else if its functions are a little off.
    """
    other = compiled_as(text, backend)
    results, memory, failed = raw(other)
    known = steady(python) if backend == "torch" else range(N)
    good, bad = [], {}
    for n in known:
        given = rows(python, [n])
        try:
            value = python.batch(*given)[0]
        except RewardProgramError as error:
            bad[n] = error.code
            assert failed[n], f"{backend} does not fail where Python does"
            continue
        assert not failed[n], f"{backend} fails where Python does not"
        np.testing.assert_allclose(results[n], value, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(memory[n], given[-1][0], rtol=1e-12, atol=1e-12)
        good.append(n)
    for n in [*bad][:2]:
        *given, mem = rows(python, [*good[:2], n])
        kept = torch.as_tensor(mem) if backend == "torch" else mem
        before = mem.copy()
        with pytest.raises(RewardProgramError) as caught:
            other.batch(*given, kept)
        assert (caught.value.code, caught.value.row) == (bad[n], len(good[:2]))
        np.testing.assert_array_equal(kept, before)
    return len(good)


def raw(program):
    """Return results, memory and failures of all rows as a back end says, without Python's help."""
    execution, given = program._execution, rows(program, [*range(N)])
    if program.backend == "torch":
        tensor = tensors.as_tensors(execution.checked, (N, 3, 3), *given)
        results, memory, failed = tensors.run(execution.checked, tensor)
        failed |= ~(results.abs() <= program.cap).all(1)
        return (results if execution.checked.outputs else results[:, 0]), memory, failed
    arrays = execution._arrays(*given, N)
    found = [execution.compiled(*(array[n : n + 1] for array in arrays)) for n in range(N)]
    failed = [each is None for each in found]
    results, memory = zip(*(each or (([0],), ([0],)) for each in found), strict=True)
    return [each[0] for each in results], [each[0] for each in memory], failed


def steady(program):
    """Return the rows that have the same result if functions round in another way."""
    functions = [
        render(program._checked, ARGUMENTS, by_key, {**TABLE, **table})
        for table in (
            {name: nudged(TABLE[name], off) for name in ROUNDING} for off in (0.0, 1e-15, -1e-15)
        )
    ]
    *lists, info, mem = rows(program, [*range(N)])
    lists = [each.tolist() for each in (*lists, mem)]
    found = []
    for n in range(N):
        *given, memory = (each[n] for each in lists)
        keys = {key: float(values[n]) for key, values in info.items()}
        if same(program.cap, [result(f, *given, keys, [*memory]) for f in functions]):
            found.append(n)
    return found


def result(function, *given):
    """Return what a function returns and remembers, or the name of its failure."""
    try:
        return np.hstack([function(*given), given[-1]])
    except (ArithmeticError, ValueError, IndexError) as error:
        return type(error).__name__


def same(cap, found):
    first = found[0]
    if any(isinstance(each, str) for each in found):
        return all(isinstance(each, str) and each == first for each in found)
    beyond = {tuple(np.abs(each) <= cap) for each in found}
    return len(beyond) == 1 and all(
        np.allclose(each, first, rtol=1e-13, atol=1e-13, equal_nan=True) for each in found
    )


ROUNDING = ("power", "exp", "log", "log1p", "tanh", "sin", "cos", "atan2", "hypot", "sqrt")


def nudged(function, off):
    return lambda *values: function(*values) * (1.0 + off)


UNARY = (
    *("math.sqrt(v)", "math.exp(v)", "math.log(v)", "math.log1p(v)", "math.tanh(v)", "math.sin(v)"),
    *("math.cos(v)", "math.floor(v)", "math.ceil(v)", "math.fabs(v)", "abs(v)", "int(v)", "-v"),
    *("math.isfinite(v) + 0", "obs[int(v)]", "obs[math.floor(v) // 2]", "not v", "v and 2"),
)
BINARY = (
    *("math.atan2(v, w)", "math.hypot(v, w)", "math.copysign(v, w)", "min(v, w)", "max(v, w, 1)"),
    *("v + w", "v - w", "v * w", "v / w", "v // w", "v % w", "v**w", "v or w", "(v < w) * 1"),
    *("(v <= w) * 1", "(v == w) * 1", "(v != w) * 1", "math.atan2(v // w, -1)"),
)
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.7, 3.7, 900.0, -900.0, 1e16, 1e300, -1e300)
EDGES += (math.inf, -math.inf, math.nan)


def edges():
    """Return a program with every operation, and what to give it."""
    operations = (*UNARY, *BINARY)
    lines = [f"if action == {k}:\n    return 1 * ({op})" for k, op in enumerate(operations)]
    body = "\n".join(["v = info['v']", "w = info['w']", *lines, "return 0"])
    text = HEAD + textwrap.indent(body, "    ")
    given = np.array([*itertools.product(range(len(operations)), EDGES, EDGES)])
    return text, operations, given


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_operation_at_the_edges_of_its_domain(backend):
    text, operations, given = edges()
    options = {"obs_size": 3, "features": ("v", "w"), "cap": 1e308}
    python = compile_reward(text, **options)
    other = compile_reward(text, backend=backend, **options)._execution
    obs, info = np.tile([0.25, 0.5, 0.75], (len(given), 1)), {"v": given[:, 1], "w": given[:, 2]}
    if backend == "torch":
        tensor = tensors.as_tensors(
            other.checked, (len(given), 3, 0), obs, given[:, 0], obs, info, None
        )
        results, _, failed = tensors.run(other.checked, tensor)
        failed |= ~(results[:, 0].abs() <= 1e308)
    failures = 0
    for n, (k, v, w) in enumerate(given):
        if backend == "torch":
            paid = None if failed[n] else float(results[n, 0])
        else:
            row = other._arrays(obs[n : n + 1], [k], obs[n : n + 1], {"v": [v], "w": [w]}, None, 1)
            found = other.compiled(*row)
            paid = None if found is None else found[0][0]
        try:
            expected = python(obs[n], k, obs[n], {"v": v, "w": w})
        except RewardProgramError:
            expected = None
            failures += 1
        where = operations[int(k)], v, w
        if expected is None or paid is None:
            assert paid is expected, where
        else:
            assert paid == pytest.approx(expected, rel=1e-14, abs=0), where
            assert math.copysign(1.0, paid) == math.copysign(1.0, expected), where
    assert failures > 1000
    assert len(given) - failures > 5000


@pytest.mark.parametrize("backend", BACKENDS)
def test_arithmetic_is_the_same_to_the_last_bit(backend):
    operations = ("v + w", "v - w", "v * w", "v / w", "v // w", "v % w", "(v < w) * 1", "-v")
    operations += ("min(v, w)", "max(v, w)", "math.floor(v)", "abs(v)", "math.copysign(v, w)")
    text = "def factors(obs, action, next_obs, info):\n    v = action[0]\n    w = action[1]\n"
    text += f"    return [{', '.join(operations)}]"
    values = RNG.normal(size=(2000, 2)) * 10.0 ** RNG.integers(-6, 6, (2000, 2))
    options = {"obs_size": 0, "features": (), "action_size": 2, "cap": 1e300}
    python = compile_factors(text, **options).batch(None, values, None, {})
    other = compile_factors(text, backend=backend, **options).batch(None, values, None, {})
    np.testing.assert_array_equal(np.asarray(other).view(np.int64), python.view(np.int64))


@pytest.mark.integration
@settings(max_examples=4)
@given(programs())
def test_numba_says_what_python_says(text):
    agree(text, "numba")


@settings(max_examples=8)
@given(programs())
def test_torch_says_what_python_says(text):
    agree(text, "torch")


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "examples"), [("numba", 50), ("torch", 300)])
def test_they_say_what_python_says_of_many_programs(backend, examples):
    alike = []

    @settings(max_examples=examples)
    @given(programs())
    def many(text):
        alike.append(agree(text, backend))

    many()
    assert np.mean(alike) > 10


@pytest.mark.parametrize("backend", ["python", "torch"])
@settings(max_examples=10)
@given(programs())
def test_terms_sum_to_the_reward(backend, text):
    """They do whatever the program is: each is a part of what the whole returns."""
    try:
        program = compiled_as(text, backend)
    except UnsafeRewardCodeError:
        return
    if "def factors" in text:
        return
    good = []
    for n in range(N):
        *given, mem = rows(program, [n])
        try:
            program(
                *(each[0] for each in given[:3]), {k: v[0] for k, v in given[3].items()}, mem[0]
            )
        except RewardProgramError:
            continue
        good.append(n)
    *given, mem = rows(program, good)
    other = mem.copy()
    if backend == "torch":
        mem, other = torch.as_tensor(mem), torch.as_tensor(other)
    terms = program.batch_terms(*given, mem)
    assert tuple(terms) == program.terms
    np.testing.assert_array_equal(sum(terms.values()), program.batch(*given, other))
    np.testing.assert_array_equal(mem, other)


@pytest.mark.gpu
@settings(max_examples=20)
@given(programs())
def test_on_a_gpu_it_is_the_same(text):
    try:
        program = compiled_as(text, "torch")
    except UnsafeRewardCodeError:
        return
    known = steady(program)
    *given, info, mem = rows(program, [*range(N)])
    info = {key: on_gpu(values) for key, values in info.items()}
    tensor = tensors.as_tensors(program._checked, (N, 3, 3), *map(on_gpu, given), info, on_gpu(mem))
    results, memory, failed = tensors.run(program._checked, tensor)
    assert results.is_cuda
    assert memory.is_cuda
    for found, expected in zip((results, memory, failed), on_cpu(program), strict=True):
        np.testing.assert_allclose(found.cpu()[known], expected[known], rtol=1e-12, atol=1e-12)


def on_gpu(values):
    return torch.as_tensor(values, dtype=torch.float64, device="cuda")


def on_cpu(program):
    given = rows(program, [*range(N)])
    return tensors.run(program._checked, tensors.as_tensors(program._checked, (N, 3, 3), *given))
