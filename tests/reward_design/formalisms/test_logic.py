from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operant.reward_design.formalisms.logic import (
    And,
    Atom,
    Constant,
    FormulaError,
    Next,
    Not,
    Or,
    Release,
    Until,
    WeakNext,
    atoms,
    holds,
    show,
    valuations,
)
from operant.reward_design.formalisms.reader import parse

WORDS = st.one_of(
    st.builds(Constant, st.booleans()),
    st.builds(Atom, st.sampled_from(["a", "lit_2"])),
    st.builds(
        Atom,
        st.sampled_from(["x", "y"]),
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.integers(-2, 3).map(float) | st.floats(-9, 9, allow_nan=False),
    ),
)


def larger(parts, *, temporal):
    unary = [Not, Next, WeakNext] if temporal else [Not]
    binary = [And, Or, Until, Release] if temporal else [And, Or]
    return st.one_of(
        *(st.builds(shape, parts) for shape in unary),
        *(st.builds(shape, parts, parts) for shape in binary),
    )


STEP = st.recursive(WORDS, lambda parts: larger(parts, temporal=False), max_leaves=8)
TEMPORAL = st.recursive(WORDS, lambda parts: larger(parts, temporal=True), max_leaves=12)


@given(TEMPORAL)
def test_a_shown_formula_reads_back_as_itself(formula):
    assert parse(show(formula), temporal=True) == formula


@pytest.mark.parametrize(
    ("text", "explicit"),
    [
        ("!a & b | c", "((!a) & b) | c"),
        ("a | b -> c & d", "!(a | b) | (c & d)"),
        ("a -> b -> c", "!a | (!b | c)"),
        ("a & b U c", "a & (b U c)"),
        ("a U b U c", "a U (b U c)"),
        ("X a U F b", "(X a) U (F b)"),
        ("!x >= -1.5", "!(x >= -1.5)"),
        ("G a", "false R a"),
        ("F a", "true U a"),
    ],
)
def test_what_binds_tighter(text, explicit):
    assert parse(text, temporal=True) == parse(explicit, temporal=True)


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("a &", 4, "expected a feature.* got the end of the line"),
        ("a $ b", 3, r"unexpected character '\$'"),
        ("a = 1", 3, "unexpected character '='"),
        ("(a | b", 7, r"expected '\)'"),
        ("a b", 3, "expected the end of the line, got 'b'"),
        ("subgoal >= b", 12, "expected a number, got 'b'"),
        ("x > 1e999", 5, "expected a finite number"),
        ("a & F b", 5, "'F' is temporal"),
        ("a U b", 3, "'U' is temporal"),
        ("else", 1, "expected a feature"),
        ("", 1, "expected a feature"),
        ("a & " * 200 + "a", 601, "too long: at most 300 symbols"),
    ],
)
def test_syntax_errors_say_where_and_why(text, column, reason):
    with pytest.raises(FormulaError, match=rf"^line 1, column {column}: {reason}") as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_an_error_shows_the_line_and_a_mark():
    with pytest.raises(FormulaError) as caught:
        parse("a & & b")
    assert str(caught.value).splitlines()[1:] == ["  a & & b", "      ^"]


def test_the_deepest_formula_that_is_read_can_be_used():
    formula = parse("(" * 149 + "a" + ")" * 149)
    assert formula == Atom("a")
    formula = parse("!" * 299 + "a")
    assert holds(formula, {"a": np.array([0.0, 1.0])}, 2).tolist() == [True, False]


@given(STEP)
def test_the_valuations_of_integers_stand_for_all_integers_and_are_some(formula):
    """Every combination of truths on all integers around is among theirs, and no other."""
    words = list(dict.fromkeys(atoms(formula)))
    named = dict.fromkeys(word.name for word in words)
    choices = [[0.0, 1.0] if name in ("a", "lit_2") else range(-11, 12) for name in named]
    rows = list(itertools.product(*choices))
    grid = np.array(rows, np.float64).reshape(len(rows), len(named))
    everywhere = dict(zip(named, grid.T, strict=True))
    chosen, count = valuations(words, whole=["x", "y"])
    assert all((values == np.round(values)).all() for values in chosen.values())
    truths = [
        {tuple(row) for row in np.array([holds(w, values, size) for w in words]).T.tolist()}
        for values, size in ((everywhere, len(grid)), (chosen, count))
    ]
    assert truths[0] == truths[1]


@pytest.mark.parametrize("number", [1e17, -1e17, 1e300, 2.0**53, 1.7e308, -1.7e308, 1e-320])
def test_there_are_values_below_and_above_every_number(number):
    for whole in ((), ("x",)):
        values, _ = valuations([Atom("x", ">", number), Atom("x", "<", -number)], whole=whole)
        for bound in (-number, number):
            assert (values["x"] < bound).any()
            assert (values["x"] > bound).any()
        assert np.isfinite(values["x"]).all()
        assert (np.abs(values["x"]) < abs(number)).any()


@given(STEP)
def test_the_valuations_stand_for_all_values(formula):
    """Every combination of truths on a fine grid of values is among those of the valuations."""
    words = list(dict.fromkeys(atoms(formula)))
    named = dict.fromkeys(word.name for word in words)
    near = sorted({word.value + shift for word in words for shift in (-0.5, 0.0, 0.25)})
    choices = [[0.0, 1.0] if name in ("a", "lit_2") else near for name in named]
    rows = list(itertools.product(*choices))[:20_000]
    grid = np.array(rows, np.float64).reshape(len(rows), len(named))
    everywhere = dict(zip(named, grid.T, strict=True))
    chosen, count = valuations(words)
    truths = [
        {tuple(row) for row in np.array([holds(w, values, size) for w in words]).T.tolist()}
        for values, size in ((everywhere, len(grid)), (chosen, count))
    ]
    assert truths[0] <= truths[1]


def test_a_flag_that_is_also_compared_has_both_values():
    values, count = valuations([Atom("x"), Atom("x", ">=", 2.0)])
    assert count == len(values["x"])
    assert 0.0 in values["x"]
    assert (values["x"] >= 2.0).any()


def test_too_many_features_are_refused():
    with pytest.raises(FormulaError, match=r"17 features have 131,072 combinations"):
        valuations([Atom(f"a{i}") for i in range(17)])


def test_flags_may_be_floats():
    features = {"a": np.array([0.0, 1.0]), "b": np.array([True, True])}
    assert holds(parse("!a & b"), features, 2).tolist() == [True, False]
    assert holds(parse("true"), features, 2).tolist() == [True, True]
