"""Blind edits of programs: they know the grammar, and nothing of how a program did."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

from operant.reward_design.llm.providers.mutate.grammar import Grammar
from operant.reward_design.llm.providers.mutate.terms import (
    MAX_TERMS,
    Term,
    TermProgram,
    rounded,
    written,
)

Edit = Callable[[TermProgram, Grammar, np.random.Generator], TermProgram]

WEIGHT_DECADES, WIDTH_DECADES = 0.5, 0.3
"""Standard deviation of log10 of the factor that an edit gives a weight or a width."""


def mutate(program: TermProgram, grammar: Grammar, rng: np.random.Generator) -> TermProgram:
    """Return a program with one random edit; equal to the old one if the edit does not fit it."""
    if not program.terms:
        return grammar.program(rng)
    chances = np.array([chance for _, chance in _EDITS])
    edit = _EDITS[rng.choice(len(chances), p=chances / chances.sum())][0]
    return edit(program, grammar, rng)


def reweigh(program: TermProgram, _: Grammar, rng: np.random.Generator) -> TermProgram:
    """Scale a term."""
    return replaced(program, one_of(program, rng), lambda t: t.scaled(_factor(rng)))


def flip(program: TermProgram, _: Grammar, rng: np.random.Generator) -> TermProgram:
    """Turn the sign of a term."""
    return replaced(program, one_of(program, rng), lambda t: t.scaled(-1.0))


def add(program: TermProgram, grammar: Grammar, rng: np.random.Generator) -> TermProgram:
    """Add a fresh term, or a stage and the progress within it."""
    room = MAX_TERMS[program.form] - len(program.terms)
    return program.with_terms([*program.terms, *grammar.part(rng)[:room]])


def drop(program: TermProgram, grammar: Grammar, rng: np.random.Generator) -> TermProgram:
    """Leave out a term, unless it is the only one."""
    if len(program.terms) == 1:
        return swap(program, grammar, rng)
    gone = one_of(program, rng)
    return program.with_terms(term for term in program.terms if term != gone)


def swap(program: TermProgram, grammar: Grammar, rng: np.random.Generator) -> TermProgram:
    """Put a fresh term in the place of another."""
    fresh = grammar.term(rng)
    return replaced(program, one_of(program, rng), lambda _: fresh)


def widen(program: TermProgram, _: Grammar, rng: np.random.Generator) -> TermProgram:
    """Change the width of an ``exp`` or ``tanh``: the numbers that something is divided by."""
    wide = [term for term in program.terms if "/" in term.body]
    if not wide:
        return reweigh(program, _, rng)
    factor = float(10 ** rng.normal(0.0, WIDTH_DECADES))
    chosen = wide[rng.integers(len(wide))]
    return replaced(program, chosen, lambda term: widened(term, factor))


_EDITS: tuple[tuple[Edit, float], ...] = (
    (reweigh, 3.0),
    (add, 2.0),
    (swap, 2.0),
    (drop, 1.0),
    (widen, 1.0),
    (flip, 0.5),
)
"""Edits and how likely they are, relative to each other."""


def one_of(program: TermProgram, rng: np.random.Generator) -> Term:
    """Return one of its terms, all equally likely."""
    return program.terms[rng.integers(len(program.terms))]


def replaced(program: TermProgram, old: Term, new: Callable[[Term], Term]) -> TermProgram:
    """Return a program with another term in the place of one."""
    return program.with_terms(new(term) if term == old else term for term in program.terms)


def widened(term: Term, factor: float) -> Term:
    """Return a term whose numbers that something is divided by are scaled."""
    tree = ast.parse(term.body, mode="eval").body
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(_, ast.Div(), ast.Constant(float() as width) as number) if width > 0:
                number.value = max(rounded(width * factor), 1e-6)
    return Term(name=term.name, body=written(tree), weight=term.weight, slot=term.slot)


def mutate_numbers(function: ast.FunctionDef, rng: np.random.Generator) -> str:
    """Return a program that cannot be taken apart, with some of its decimal numbers scaled.

    Whole numbers stay: they may be indices, counts or exponents.
    """
    numbers = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    for node in numbers:
        if rng.random() < max(0.3, 1 / len(numbers)):
            node.value = rounded(float(node.value) * _factor(rng))  # type: ignore[arg-type]
    return f"{written(function)}\n"


def _factor(rng: np.random.Generator) -> float:
    return float(10 ** rng.normal(0.0, WEIGHT_DECADES))
