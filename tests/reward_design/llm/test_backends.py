"""Two back ends, one meaning: programs from a typed grammar, run by Python and by numba."""

from __future__ import annotations

import itertools
import math
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.llm import RewardProgramError, UnsafeRewardCodeError, compile_reward

HEAD = "def reward(obs, action, next_obs, info):\n"
START = "x = 0.5\ny = info['b']\nnear = action > 1\n"
ARITHMETIC = ("abs({})", "min({}, {}, {})", "max({}, {})", "float({})", "int({})")
ARITHMETIC += ("math.fabs({})", "math.floor({})", "math.ceil({})", "math.copysign({}, {})")
SMOOTH = ("math.sqrt({})", "math.exp({})", "math.log({})", "math.log1p({})", "math.tanh({})")
SMOOTH += ("math.sin({})", "math.cos({})", "math.atan2({}, {})", "math.hypot({}, {})")
LITERALS = ("0", "1", "2", "3", "-1", "7", "0.5", "0.1", "1e-3", "1e12", "-2.5")
READS = ("action", "info['a']", "info['prev_a']", "info['b']", "obs[0]", "obs[-1]", "next_obs[1]")


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
        return f"{draw(st.sampled_from(('obs', 'next_obs')))}[{draw(wholes(depth - 1, loops))}]"
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
            lines.append(f"{draw(st.sampled_from('xy'))} {sign} {draw(numbers(3, loops))}")
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
    body = START + draw(blocks(2)) + f"\nreturn 1 * {draw(numbers(3))}"
    return HEAD + textwrap.indent(body, "    ")


SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 0.1, 30.0, 1e3, 1e200, -1e200)
RNG = np.random.default_rng(0)
N = 48


def inputs(*shape):
    values = np.where(RNG.random(shape) < 0.5, RNG.choice(SPECIAL, shape), RNG.normal(size=shape))
    values[-8:] = RNG.choice((*SPECIAL, math.inf, -math.inf, math.nan), values[-8:].shape)
    return values


GIVEN = (
    inputs(N, 3),
    RNG.integers(-1, 4, N).astype(float),
    inputs(N, 3),
    {"a": inputs(N), "prev_a": inputs(N), "b": RNG.integers(0, 2, N).astype(float)},
)


def rows(*which):
    obs, action, next_obs, info = GIVEN
    pick = list(which)
    return obs[pick], action[pick], next_obs[pick], {k: v[pick] for k, v in info.items()}


def agree(text):
    """Hold the compiled program against Python, row by row."""
    try:
        python = compile_reward(text, obs_size=3, features=("a", "b"))
    except UnsafeRewardCodeError as refusal:
        refused = refusal.code
    else:
        return compare(text, python)
    assert refused in ("size", "depth", "return", "number")
    return 0


def compare(text, python):
    """Return how many rows have a value, which both give alike; both refuse the others."""
    compiled = compile_reward(text, obs_size=3, features=("a", "b"), backend="numba")
    good, bad = {}, {}
    for n in range(N):
        try:
            good[n] = python.batch(*rows(n))[0]
        except RewardProgramError as error:
            bad[n] = error.code
    paid = compiled._compiled(*_plain(compiled, rows(*good)))
    assert paid is not None, "compiled code fails where Python does not"
    expected = np.array(list(good.values()))
    np.testing.assert_allclose(paid, expected, rtol=1e-12, atol=1e-12)
    for n, code in bad.items():
        with pytest.raises(RewardProgramError) as caught:
            compiled.batch(*rows(n))
        assert (caught.value.code, caught.value.row) == (code, 0)
        assert compiled._compiled(*_plain(compiled, rows(n))) is None
    return len(good)


def _plain(program, given):
    obs, action, next_obs, info = given
    keys = program._checked.keys
    columns = np.array([info[key] for key in keys]).reshape(len(keys), len(action)).T.copy()
    if not program.reads_obs:
        obs = next_obs = np.empty((len(action), 0))
    return obs, action, next_obs, columns


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


def test_every_operation_at_the_edges_of_its_domain():
    operations = (*UNARY, *BINARY)
    lines = [f"if action == {k}:\n    return 1 * ({op})" for k, op in enumerate(operations)]
    body = "\n".join(["v = info['v']", "w = info['w']", *lines, "return 0"])
    text = HEAD + textwrap.indent(body, "    ")
    program = compile_reward(text, obs_size=3, features=("v", "w"), backend="numba", cap=1e308)
    failed, same = 0, 0
    for k, v, w in itertools.product(range(len(operations)), EDGES, EDGES):
        obs, info = (0.25, 0.5, 0.75), {"v": v, "w": w}
        row = np.array([obs]), np.array([float(k)]), np.array([obs]), np.array([[v, w]])
        compiled = program._compiled(*row)
        try:
            expected = program(obs, k, obs, info)
        except RewardProgramError:
            assert compiled is None, (operations[k], v, w)
            failed += 1
        else:
            assert compiled is not None, (operations[k], v, w)
            assert compiled[0] == pytest.approx(expected, rel=1e-14, abs=0), (operations[k], v, w)
            same += 1
    assert failed > 1000
    assert same > 5000


@settings(max_examples=4)
@given(programs())
def test_numba_says_what_python_says(text):
    agree(text)


@pytest.mark.slow
@settings(max_examples=200)
@given(programs())
def test_numba_says_what_python_says_of_many_programs(text):
    agree(text)
