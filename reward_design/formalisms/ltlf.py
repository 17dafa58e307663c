"""Temporal logic on finite episodes, compiled to a reward machine that pays 1 for satisfaction."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from functools import reduce

import numpy as np

from operant.reward_design.base import OnTruncation
from operant.reward_design.formalisms.logic import (
    And,
    Atom,
    Constant,
    Formula,
    FormulaError,
    Next,
    Not,
    Or,
    WeakNext,
    atoms,
    holds,
    show,
    valuations,
)
from operant.reward_design.formalisms.machine import Edge, RewardMachine
from operant.reward_design.formalisms.progression import (
    Automaton,
    Letter,
    automaton,
    negation_normal,
)
from operant.reward_design.formalisms.reader import parse
from operant.reward_design.formalisms.reward_machine import RewardMachineDesign
from operant.types import Bool

MAX_LETTERS = 256
"""Most combinations of a formula's words that can occur; a formula with more is refused."""
_SINKS = ("accepted", "rejected")
_OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}


class LTLfDesign(RewardMachineDesign):
    """Pays 1 for an episode that satisfies a temporal formula. Terms as of the reward machine.

    It pays as soon as the formula is sure to hold, whatever follows (``F goal``), else when the
    episode ends (``G !lava``). The trace that is judged are the features after each step; the first
    observation is not part of it. What the agent must see beyond the observation is the machine's
    state: wrap the env with ``MachineObservation(env, design.machine)``.

    Source: Linear Temporal Logic and Linear Dynamic Logic on Finite Traces (De Giacomo, Vardi,
    2013).
    """

    def __init__(
        self,
        *,
        formula: str = "(!door_open U has_key) & F (door_open & F steps_to_goal == 0)",
        keep_true_reward: bool = False,
        shaping: bool = False,
        on_truncation: OnTruncation = "bootstrap",
        gamma: float | None = None,
    ) -> None:
        """Choose the formula.

        Args:
            formula: Text of the formula: features, comparisons, ``! & | ->`` and ``X`` (next),
                ``WX`` (next, if there is one), ``F`` (eventually), ``G`` (always), ``U`` (until),
                ``R`` (release).
            keep_true_reward: Add the payment to the true reward instead of replacing it.
            shaping: Add the potential difference of the machine's own values.
            on_truncation: At a time limit, ``"bootstrap"`` keeps the potential and pays nothing,
                for agents that bootstrap there; ``"terminal"`` judges the episode there.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            FormulaError: If the formula is malformed (with column and reason), can never hold, or
                is too large.
            ValueError: If another argument is outside its range.
        """
        super().__init__(
            machine=compile_ltlf(formula),
            keep_true_reward=keep_true_reward,
            shaping=shaping,
            on_truncation=on_truncation,
            gamma=gamma,
        )


def compile_ltlf(formula: str | Formula) -> RewardMachine:
    """Compile a temporal formula to the smallest reward machine that pays 1 if it holds.

    States are ``accepted`` and ``rejected`` where nothing can change any more, else ``q0``, ``q1``,
    ...; those in which the formula holds if the episode ends there have a final reward of 1.

    Raises:
        FormulaError: If the formula is malformed, can never hold, or is too large.

    >>> print(compile_ltlf("!lava U goal"))
    initial q0
    terminal accepted
    terminal rejected
    q0 -> accepted: goal / 1
    q0 -> rejected: lava & !goal
    <BLANKLINE>
    """
    tree = formula if isinstance(formula, Formula) else parse(formula, temporal=True)
    words = list(dict.fromkeys(atoms(tree)))
    letters = _letters(words)
    if len(letters) > MAX_LETTERS:
        raise FormulaError(f"the {len(words)} words have more than {MAX_LETTERS} combinations")
    positive = negation_normal(tree)
    strong = automaton(Next(positive), words, letters)
    if strong.accepts == [False]:
        raise FormulaError(f"no episode can satisfy {show(tree)!r}")
    # No episode is empty, so the start may accept the empty one: take what is smaller. (One state
    # means that the formula always holds; that is paid for after a step, not before.)
    weak = automaton(WeakNext(positive), words, letters)
    smaller = 1 < len(weak.ways) < len(strong.ways)
    return _as_reward_machine(weak if smaller else strong, words, letters)


def _letters(words: Sequence[Atom]) -> list[Letter]:
    """Return the combinations of atoms that can occur; ``x >= 2`` without ``x >= 1`` cannot."""
    values, count = valuations(words)
    truth = np.array([holds(word, values, count) for word in words], np.bool_)
    return sorted(set(zip(*truth.tolist(), strict=True))) if words else [()]


def _as_reward_machine(
    found: Automaton, words: Sequence[Atom], letters: Sequence[Letter]
) -> RewardMachine:
    """Write an automaton as a reward machine that pays 1 on acceptance."""
    names = _names(found)
    edges = [
        Edge(
            source=names[state],
            target=names[target],
            guard=guard,
            reward=float(names[target] == "accepted"),
        )
        for state, row in enumerate(found.ways)
        if names[state] not in _SINKS
        for target, guard in _guards(state, row, words, letters)
    ]
    final = [names[i] for i, accepts in enumerate(found.accepts) if accepts]
    return RewardMachine(
        initial=names[0],
        edges=tuple(edges),
        terminal=tuple(name for name in _SINKS if name in names),
        final={name: 1.0 for name in final if name not in _SINKS},
    )


def _names(found: Automaton) -> list[str]:
    """Name the states: sinks by what they mean, the others by number."""
    names: list[str] = []
    number = itertools.count()
    for state, row in enumerate(found.ways):
        if set(row) == {state}:
            names.append("accepted" if found.accepts[state] else "rejected")
        else:
            names.append(f"q{next(number)}")
    return names


def _guards(
    state: int, row: Sequence[int], words: Sequence[Atom], letters: Sequence[Letter]
) -> list[tuple[int, Formula | None]]:
    """Return the ways out of a state: targets and guards; staying needs no edge."""
    table = np.array(letters, np.bool_).reshape(len(letters), len(words))
    targets = np.array(row)
    leads = [target for target in dict.fromkeys(row) if target != state]
    found: list[tuple[int, Formula | None]] = [
        (target, _guard(table[targets == target], table[targets != target], words))
        for target in leads
    ]
    if state not in row and len(found) > 1:  # somebody must move: the rest is "else"
        longest = max(range(len(found)), key=lambda i: len(show(found[i][1] or Constant(True))))
        found.append((found.pop(longest)[0], None))
    return found


def _guard(on: Bool, off: Bool, words: Sequence[Atom]) -> Formula:
    """Return a short formula that holds for all letters of ``on``, (L, K), and none of ``off``.

    Each term of it is a prime implicant, found by dropping what is not needed to stay out of
    ``off``: negations first, which read worse.
    """
    terms: list[Formula] = []
    left = on[np.argsort(on.sum(axis=1), kind="stable")]
    while len(left):
        letter, kept = left[0], np.ones(len(words), np.bool_)
        for k in np.argsort(letter, kind="stable"):
            kept[k] = False
            kept[k] = (off[:, kept] == letter[kept]).all(axis=1).any()
        left = left[(left[:, kept] != letter[kept]).any(axis=1)]
        literals = [_literal(words[k], bool(letter[k])) for k in np.flatnonzero(kept).tolist()]
        terms.append(reduce(And, literals) if literals else Constant(True))
    return reduce(Or, terms)


def _literal(word: Atom, value: bool) -> Formula:
    if value:
        return word
    opposite = _OPPOSITE.get(word.relation)
    return dataclasses.replace(word, relation=opposite) if opposite else Not(word)
