"""Whatever the text: a program that can be run, or an error that says where."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.llm import RewardProgramError, UnsafeRewardCodeError, compile_reward

HEAD = "def reward(obs, action, next_obs, info):\n"
WORDS = (
    *("def", "reward", "return", "if", "else", "elif", "for", "in", "range", "and", "or", "not"),
    *(
        "obs",
        "action",
        "next_obs",
        "info",
        "math",
        ".",
        "sqrt",
        "exp",
        "floor",
        "abs",
        "min",
        "int",
    ),
    *(
        "'key'",
        "'prev_key'",
        '"',
        "x",
        "y",
        "__class__",
        "import",
        "lambda",
        "while",
        "None",
        "True",
    ),
    *("0", "1", "2.5", "1e12", "1e999", "0x", "1j", "9" * 30, "-", "+", "*", "**", "/", "//", "%"),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "=",
        "+=",
        "==",
        "<",
        ">=",
        "!=",
        ":=",
        "@",
        "#",
        "\\",
    ),
    *(
        "\n",
        "\n    ",
        "\n        ",
        "\t",
        "\r",
        "\0",
        "\f",
        "é",
        "\u202e",
        "\ud800",
        "f''",
        "*x",
        "~",
    ),
)
SOUP = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)
LINE = st.lists(st.sampled_from(WORDS[:80]), min_size=1, max_size=8).map(" ".join)
VALID = (
    HEAD + "    x = 0.0\n    for i in range(2):\n        x += obs[i] ** 2 / 3\n"
    "    if info['key'] and not info['prev_key'] or action == 2:\n        return x + 1\n"
    "    near = x > 0.5\n    return math.exp(-x) * near if near else max(x, 1, int(action))\n"
)


@st.composite
def damaged(draw):
    """Return a program in which some pieces are replaced."""
    text = VALID
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 6))
        text = text[:start] + draw(st.sampled_from(("", *WORDS))) + text[end:]
    return text


TEXTS = st.one_of(
    st.text(max_size=60),
    SOUP,
    SOUP.map(lambda soup: HEAD + "    return " + soup),
    st.lists(LINE, max_size=5).map(lambda lines: HEAD + "".join(f"    {x}\n" for x in lines)),
    damaged(),
    damaged(),
)


def outcome(text):
    """Return "accepted" or "refused" after looking at what happened."""
    try:
        program = compile_reward(text, obs_size=2, features=("key",))
    except UnsafeRewardCodeError as refusal:
        line, column = refusal.line, refusal.column
    else:
        run(program)
        return "accepted"
    assert 1 <= line <= text.count("\n") + 2
    assert column >= 1
    return "refused"


def run(program):
    """Look at what a program does on one transition."""
    obs, info = [0.5, -0.5], {"key": 1.0, "prev_key": 0.0}
    try:
        value, code = program(obs, 2, obs, info), ""
    except RewardProgramError as failure:
        value, code = 0.0, failure.code
    assert code in ("", "division", "domain", "overflow", "index", "cap", "not_finite")
    assert type(value) is float
    assert math.isfinite(value)
    assert (obs, info) == ([0.5, -0.5], {"key": 1.0, "prev_key": 0.0})


@settings(max_examples=400)
@given(TEXTS)
def test_a_program_or_an_error_with_its_place(text):
    outcome(text)


@pytest.mark.slow
@settings(max_examples=20_000)
@given(TEXTS)
def test_the_same_for_much_more_text(text):
    outcome(text)


def test_some_of_it_is_accepted():
    assert outcome(VALID) == "accepted"
    assert outcome(VALID.replace("2:", "3:")) == "accepted"
    assert outcome(VALID.replace("2:", "3")) == "refused"
