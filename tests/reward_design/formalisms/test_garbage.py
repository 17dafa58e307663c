"""Whatever the text: a machine or formula, or an error that says where."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from operant.reward_design.formalisms.logic import FormulaError
from operant.reward_design.formalisms.ltlf import compile_ltlf
from operant.reward_design.formalisms.text import parse_machine

WORDS = (
    *("a", "b", "x_1", "initial", "terminal", "end", "else", "true", "X", "WX", "F", "G", "U"),
    *("->", ":", "/", "&", "|", "!", "(", ")", ">=", "!=", "1", "-2.5", "1e400", "\n", "\t"),
    *("#", ",", "$", "é", "'"),
)
TEXTS = st.one_of(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join), st.text(max_size=30))


def outcome(read, text):
    try:
        return read(text)
    except FormulaError as error:
        return error


@settings(max_examples=200)
@given(TEXTS)
def test_a_machine_or_an_error_with_its_place(text):
    found = outcome(parse_machine, text)
    if isinstance(found, FormulaError):
        assert 1 <= found.line <= max(1, len(text.splitlines()))
        assert found.column >= 1
    else:
        assert parse_machine(str(found)) == found


@settings(max_examples=200)
@given(TEXTS)
def test_a_formula_or_an_error(text):
    found = outcome(compile_ltlf, text)
    if isinstance(found, FormulaError):
        assert found.line == 1 or "no episode can satisfy" in str(found)
    else:
        assert parse_machine(str(found)) == found
