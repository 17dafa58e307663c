from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.formalisms import progression
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
    show,
)
from operant.reward_design.formalisms.ltlf import LTLfDesign, compile_ltlf
from operant.reward_design.formalisms.reader import parse

LETTERS = tuple(itertools.product((False, True), repeat=2))
ATOMS = (Atom("a"), Atom("b"))


def grown(parts):
    return st.one_of(
        *(st.builds(shape, parts) for shape in (Not, Next, WeakNext)),
        *(st.builds(shape, parts, parts) for shape in (And, Or, Until, Release)),
    )


FORMULAS = st.recursive(
    st.sampled_from([*ATOMS, Constant(True), Constant(False)]), grown, max_leaves=7
)


def satisfied(formula, letters):
    """The semantics of De Giacomo and Vardi (2013), word for word.

    ``letters`` are B traces of T > 0 steps, (B, T, 2); returned is (B, T): from which step on the
    formula holds.
    """
    steps = range(letters.shape[1])
    truth = np.zeros(letters.shape[:2], np.bool_)
    match formula:
        case Constant(value):
            truth[:] = value
        case Atom(name):
            truth[:] = letters[:, :, "ab".index(name)]
        case Not(body):
            truth = ~satisfied(body, letters)
        case And(left, right):
            truth = satisfied(left, letters) & satisfied(right, letters)
        case Or(left, right):
            truth = satisfied(left, letters) | satisfied(right, letters)
        case Next(body):
            truth[:, :-1] = satisfied(body, letters)[:, 1:]
        case WeakNext(body):
            truth[:, -1] = True
            truth[:, :-1] = satisfied(body, letters)[:, 1:]
        case Until(left, right):
            before, then = satisfied(left, letters), satisfied(right, letters)
            for t in steps:
                for k in steps[t:]:
                    truth[:, t] |= then[:, k] & before[:, t:k].all(axis=1)
        case Release(left, right):
            truth = ~satisfied(Until(Not(left), Not(right)), letters)
    return truth


def traces(length):
    """Return all traces of a length, (4 ** length, length, 2)."""
    words = list(itertools.product(LETTERS, repeat=length))
    return np.array(words, np.bool_).reshape(len(words), length, 2)


def paid(machine, letters):
    """Return what the machine pays for traces of one length, whole episodes each, (B,)."""
    state, total = np.zeros(len(letters), np.int64), np.zeros(len(letters))
    for t in range(letters.shape[1]):
        state, reward = machine.advance(state, {"a": letters[:, t, 0], "b": letters[:, t, 1]})
        total += reward
    return total + machine.final_rewards[state]


def check(formula, longest):
    expected = {n: satisfied(formula, traces(n))[:, 0] for n in range(1, longest + 1)}
    try:
        machine = compile_ltlf(formula)
    except FormulaError:
        assert not any(truth.any() for truth in expected.values())
        return
    for length, truth in expected.items():
        assert np.array_equal(paid(machine, traces(length)), truth)


@settings(max_examples=150)
@given(FORMULAS)
def test_a_machine_pays_1_for_the_traces_that_satisfy_the_formula_and_0_for_others(formula):
    check(formula, 5)


@pytest.mark.slow
@settings(max_examples=1500)
@given(FORMULAS)
def test_the_same_on_all_traces_up_to_length_6(formula):
    check(formula, 6)


@pytest.mark.parametrize(
    "text",
    [
        "a U b",
        "a R b",
        "F (a & X b)",
        "G (a -> F b)",
        "G (a -> X b)",
        "F a & F b",
        "!(a U !b) | X X a",
    ],
)
def test_known_formulas_on_all_traces_up_to_length_6(text):
    check(parse(text, temporal=True), 6)


@settings(max_examples=60)
@given(st.recursive(st.sampled_from(ATOMS), grown, max_leaves=4))
def test_the_machine_is_minimal(formula):
    """As many states as there are kinds of beginnings that some continuation tells apart."""
    try:
        machine = compile_ltlf(formula)
    except FormulaError:
        return
    kinds = set()
    for length in range(1, 5):
        kinds |= {tuple(row) for row in after(formula, length)}
    start = tuple(after(formula, 0)[0, 1:])
    # The start's answer to the empty trace is free, unless it would be "yes" to everything.
    merges = any(kind[1:] == start for kind in kinds) and not all(start)
    assert len(machine.states) == len(kinds) + (not merges)


def after(formula, length):
    """Return for all beginnings of a length which continuations of 0 to 3 steps satisfy, (B, C)."""
    begin, columns = traces(length), []
    for more in range(4):
        future = traces(more)
        whole = np.concatenate(
            [np.repeat(begin, len(future), axis=0), np.tile(future, (len(begin), 1, 1))], axis=1
        )
        truth = satisfied(formula, whole)[:, :1] if length + more else np.zeros((1, 1), np.bool_)
        columns.append(truth.reshape(len(begin), len(future)))
    return np.hstack(columns)


@pytest.mark.parametrize(
    ("text", "states"),
    [("F a", 2), ("G a", 2), ("X a", 4), ("F a & F b & F c", 8), ("true", 2), ("a R b", 3)],
)
def test_known_sizes(text, states):
    assert len(compile_ltlf(text).states) == states


def test_what_is_sure_is_paid_at_once_and_what_can_still_fail_at_the_end():
    sure, safe = compile_ltlf("F a"), compile_ltlf("G a")
    assert (sure.terminal, dict(sure.final)) == (("accepted",), {})
    assert [edge.reward for edge in sure.edges] == [1.0]
    assert (safe.terminal, dict(safe.final)) == (("rejected",), {"q0": 1.0})


def test_comparisons_that_exclude_each_other_are_one_word():
    machine = compile_ltlf("G x >= 1 & F x >= 2")
    text = str(machine)
    assert "x < 1" in text  # not "!x >= 1", and never "x >= 2 & x < 1"
    for values, satisfied_ in [([1, 2, 1], 1.0), ([1, 0, 2], 0.0), ([1, 1], 0.0), ([3], 1.0)]:
        state, total = np.zeros(1, np.int64), 0.0
        for value in values:
            state, reward = machine.advance(state, {"x": np.array([value])})
            total += reward[0]
        assert total + machine.final_rewards[state[0]] == satisfied_


@pytest.mark.parametrize("text", ["false", "a & !a", "G (a & X a)", "X X false", "x > 1 & x < 0"])
def test_what_no_episode_can_satisfy_is_refused(text):
    with pytest.raises(FormulaError, match="no episode can satisfy"):
        compile_ltlf(text)


def test_formulas_that_are_too_large_are_refused():
    with pytest.raises(FormulaError, match="9 words have more than 256 combinations"):
        compile_ltlf(" & ".join(f"F a{i}" for i in range(9)))
    chains = [f"F (a & {'X ' * 11} b)", "G F a"]
    with pytest.raises(FormulaError, match="more than 1000 states"):
        compile_ltlf(" & ".join(chains))


def test_equal_states_are_recognised_before_anything_is_minimised(monkeypatch):
    """Without the unique form of what is left, these would be 45 and 31 states."""
    monkeypatch.setattr(progression, "MAX_STATES", 6)
    for text in ("(F a U F b) U (F c)", "G F (a & F (b & F (c & F d)))"):
        assert len(compile_ltlf(text).states) <= 6


@pytest.mark.parametrize(
    ("formula", "column"), [("F (a &", 7), ("a U", 4), ("G G", 4), ("X X X", 6), ("a W b", 3)]
)
def test_syntax_errors_name_the_column(formula, column):
    with pytest.raises(FormulaError, match=f"line 1, column {column}: ") as caught:
        LTLfDesign(formula=formula)
    assert show(parse("F a", temporal=True)) == "F a"
    assert caught.value.column == column


def test_an_unknown_feature_names_its_place_in_the_formula(attach):
    with pytest.raises(FormulaError, match="column 10: unknown feature 'lid'; did you mean lit"):
        attach(LTLfDesign(formula="F (lit & lid)"))
