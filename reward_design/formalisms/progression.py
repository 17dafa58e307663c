"""From temporal formulas to finite automata, by formula progression.

A formula is unfolded into what must hold now and what is left for the next step. What is left is a
positive combination of obligations ``X f`` and ``WX f``; its minimal disjunctive form is unique, so
equal states of the automaton are recognised, and there are finitely many.

Source: Using Temporal Logics to Express Search Control Knowledge for Planning (Bacchus, Kabanza,
2000), progression; Linear Temporal Logic and Linear Dynamic Logic on Finite Traces (De Giacomo,
Vardi, 2013), semantics.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, reduce
from typing import TypeAlias

from operant.reward_design.formalisms.logic import (
    And,
    Atom,
    Constant,
    Formula,
    FormulaError,
    Next,
    Not,
    Or,
    Release,
    Until,
    WeakNext,
)

MAX_STATES, MAX_CHOICES = 1000, 10_000
"""Most states of an automaton before it is minimised, and most alternatives within a state; a
formula that needs more is refused."""

Letter: TypeAlias = tuple[bool, ...]
"""Which of the K atoms hold at a step."""
Rest: TypeAlias = frozenset[frozenset[Next | WeakNext]]
"""What is left to be fulfilled: an "or" of "and"s, of which none contains another."""

_TRUE: Rest = frozenset({frozenset()})
_FALSE: Rest = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Automaton:
    """A deterministic finite automaton with U states over L letters; it starts in state 0.

    Attributes:
        ways: ``ways[state][letter]`` is the next state.
        accepts: ``accepts[state]`` tells whether a trace may end there.
    """

    ways: list[list[int]]
    accepts: list[bool]


def automaton(
    start: Next | WeakNext, words: Sequence[Atom], letters: Sequence[Letter]
) -> Automaton:
    """Return the smallest automaton of the traces on which ``start`` holds just before they begin.

    Args:
        start: ``X f`` or ``WX f`` with a formula f in negation normal form; they differ in whether
            the empty trace is accepted.
        words: The K atoms of the formula.
        letters: Combinations of atoms that can occur.

    Raises:
        FormulaError: If it is too large.
    """
    return _minimal(_explore(start, words, letters))


def negation_normal(formula: Formula, positive: bool = True) -> Formula:
    """Push negations down to the atoms; ``positive`` is False below an odd number of them."""

    def push(body: Formula) -> Formula:
        return negation_normal(body, positive)

    match formula:
        case Constant(value):
            return Constant(value == positive)
        case Atom():
            return formula if positive else Not(formula)
        case Not(body):
            return negation_normal(body, not positive)
        case Next(body):
            return Next(push(body)) if positive else WeakNext(push(body))
        case WeakNext(body):
            return WeakNext(push(body)) if positive else Next(push(body))
        case And(left, right):
            return And(push(left), push(right)) if positive else Or(push(left), push(right))
        case Or(left, right):
            return Or(push(left), push(right)) if positive else And(push(left), push(right))
        case Until(left, right):
            return (Until if positive else Release)(push(left), push(right))
        case Release(left, right):
            return (Release if positive else Until)(push(left), push(right))


def _unfold(formula: Formula, true: Mapping[Atom, bool]) -> Rest:
    """Return what a formula in negation normal form leaves for the next step.

    Args:
        formula: The formula.
        true: Which atoms hold now.
    """
    match formula:
        case Constant(value):
            return _TRUE if value else _FALSE
        case Atom():
            return _TRUE if true[formula] else _FALSE
        case Not(body):
            return _FALSE if _unfold(body, true) else _TRUE  # of an atom
        case And(left, right):
            return _and(_unfold(left, true), _unfold(right, true))
        case Or(left, right):
            return _or(_unfold(left, true), _unfold(right, true))
        case Until(left, right):
            later = _and(_unfold(left, true), _left(Next(formula)))
            return _or(_unfold(right, true), later)
        case Release(left, right):
            freed = _or(_unfold(left, true), _left(WeakNext(formula)))
            return _and(_unfold(right, true), freed)
        case _:
            return _left(formula)


def _left(obligation: Next | WeakNext) -> Rest:
    return frozenset({frozenset({obligation})})


def _or(one: Rest, other: Rest) -> Rest:
    return _smallest(one | other)


def _and(one: Rest, other: Rest) -> Rest:
    if len(one) * len(other) > MAX_CHOICES:
        raise FormulaError(f"the formula needs more than {MAX_CHOICES} alternatives; simplify it")
    return _smallest(a | b for a, b in itertools.product(one, other))


def _smallest(choices: Iterable[frozenset[Next | WeakNext]]) -> Rest:
    """Drop the "and"s that contain another one."""
    kept: list[frozenset[Next | WeakNext]] = []
    for choice in sorted(set(choices), key=len):
        if not any(smaller <= choice for smaller in kept):
            kept.append(choice)
    return frozenset(kept)


def _accepts(rest: Rest) -> bool:
    """Tell whether an episode may end here: some choice has weak obligations only."""
    return any(all(isinstance(each, WeakNext) for each in choice) for choice in rest)


def _explore(start: Next | WeakNext, words: Sequence[Atom], letters: Sequence[Letter]) -> Automaton:
    """Return the automaton of all states that can be reached."""

    @cache
    def unfolded(body: Formula, letter: Letter) -> Rest:
        return _unfold(body, dict(zip(words, letter, strict=True)))

    def follow(rest: Rest, letter: Letter) -> Rest:
        after = _FALSE
        for choice in rest:
            after = _or(
                after, reduce(_and, (unfolded(each.body, letter) for each in choice), _TRUE)
            )
        return after

    states: list[Rest] = [_left(start)]
    ways: list[list[int]] = []
    number = {states[0]: 0}
    for rest in states:  # grows while it is gone through
        row = []
        for letter in letters:
            after = follow(rest, letter)
            if after not in number:
                number[after] = len(states)
                states.append(after)
            row.append(number[after])
        ways.append(row)
        if len(states) > MAX_STATES:
            raise FormulaError(f"the formula needs more than {MAX_STATES} states; simplify it")
    return Automaton(ways, [_accepts(rest) for rest in states])


def _minimal(large: Automaton) -> Automaton:
    """Merge states that no continuation tells apart; state 0 stays state 0.

    Source: Gedanken-Experiments on Sequential Machines (Moore, 1956).
    """
    block: list[int] = list(map(int, large.accepts))
    while True:
        kinds = [
            (block[state], *(block[after] for after in row)) for state, row in enumerate(large.ways)
        ]
        number = {kind: i for i, kind in enumerate(dict.fromkeys(kinds))}
        done = len(number) == len(set(block))
        block = [number[kind] for kind in kinds]
        if done:
            members = [block.index(i) for i in range(len(number))]
            ways = [[block[after] for after in large.ways[state]] for state in members]
            return Automaton(ways, [large.accepts[state] for state in members])
