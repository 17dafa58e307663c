"""Reward machines as data: a finite automaton that reads features and pays rewards."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from operant.planning import fixed_point
from operant.reward_design.formalisms.logic import (
    Atom,
    Formula,
    FormulaError,
    atoms,
    holds,
    show,
    show_number,
    valuations,
)
from operant.types import Bool, Feature, Features, Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """A way from one state of a machine to another.

    Attributes:
        source: State before.
        target: State after.
        guard: When it is taken, in features after the env's step; None for "else", if no other way
            out of ``source`` is.
        reward: What it pays, finite.
        line: Line in the machine's text, from 1; 0 if it has none.
        column: Column of the guard, from 1; 0 if it has none.
    """

    source: str
    target: str
    guard: Formula | None = None
    reward: float = 0.0
    line: int = dataclasses.field(default=0, compare=False)
    column: int = dataclasses.field(default=0, compare=False)

    def __str__(self) -> str:
        """Return it as a line of text."""
        guard = "else" if self.guard is None else show(self.guard)
        reward = f" / {show_number(self.reward)}" if self.reward else ""
        return f"{self.source} -> {self.target}: {guard}{reward}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RewardMachine:
    """A finite automaton whose edges are guarded by features and pay rewards.

    At each step of the env the machine takes the one edge out of its state whose guard holds for
    the features of the env's new state. Where none does it takes the "else" edge, and without that
    it stays and pays nothing. In a terminal state its work is done: it stays and pays nothing. That
    does not end the env's episode.

    Source: Using Reward Machines for High-Level Task Specification and Decomposition in
    Reinforcement Learning (Toro Icarte, Klassen, Valenzano, McIlraith, 2018). Addition: ``final``.

    Attributes:
        initial: State in which every episode starts.
        edges: All edges; the order means nothing.
        terminal: States in which the machine's work is done.
        final: State -> reward, finite, paid on top if the episode ends in that state.
    """

    initial: str
    edges: tuple[Edge, ...]
    terminal: tuple[str, ...] = ()
    final: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the machine is well-formed.

        Whether two guards can hold together may depend on whether a number is an integer, as for
        ``x < 1`` and ``x > 0``. That is refused in :meth:`check_features`, here what is always so.

        Raises:
            FormulaError: If a guard never holds or two guards of one state hold together, a state
                cannot be reached, a terminal state has a way out or a final reward, a reward is not
                finite or a state's name no identifier; with the position where there is one.
        """
        for edge in self.edges:
            if not math.isfinite(edge.reward):
                raise _error(f"the reward must be finite, got {edge.reward}", edge)
            if edge.source in self.terminal:
                raise _error(f"{edge.source!r} is terminal and has no way out", edge)
        for state, reward in self.final.items():
            if state in self.terminal or state not in self.states or not math.isfinite(reward):
                raise FormulaError(
                    "a final reward must be finite and belong to a state that is not terminal, got "
                    f"{reward} in {state!r}"
                )
        for state in self.states:
            if not state.isidentifier():
                raise FormulaError(f"the name of a state must be an identifier, got {state!r}")
            _check_guards([edge for edge in self.edges if edge.source == state])
        self._check_reached()

    @cached_property
    def states(self) -> tuple[str, ...]:
        """All U states, the initial one first, then in the order in which edges name them."""
        named = itertools.chain.from_iterable((edge.source, edge.target) for edge in self.edges)
        return tuple(dict.fromkeys((self.initial, *named, *self.terminal)))

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features that guards read, in the order of their first use."""
        return tuple(dict.fromkeys(atom.name for edge in self.edges for atom in _atoms(edge)))

    def advance(self, states: Int, features: Features) -> tuple[Int, Float]:
        """Take one step in B envs.

        Args:
            states: (B,) index of the state before, see :attr:`states`.
            features: Features of the envs after their step, (B,) each.

        Returns:
            (B,) index of the state after, and (B,) rewards of the edges.
        """
        after, reward = states.copy(), np.zeros(len(states))
        waiting = np.ones(len(states), np.bool_)
        for source, target, edge in self._steps:
            fires = waiting & (states == source)
            if edge.guard is not None:
                fires &= holds(edge.guard, features, len(states))
            after[fires], reward[fires] = target, edge.reward
            waiting &= ~fires
        return after, reward

    @cached_property
    def final_rewards(self) -> Float:
        """What is paid if an episode ends in a state, (U,)."""
        return np.array([self.final.get(state, 0.0) for state in self.states])

    def values(self, gamma: float, tol: float = 1e-12) -> Float:
        """Return what each state is worth if the machine alone decided what happens, (U,).

        The value is that of the best sequence of edges, each of which takes one step, which may
        stop at any time and then earns the final reward. As a potential it leads an agent through
        the machine.

        Args:
            gamma: Discount, in [0, 1).
            tol: Largest error, in units of reward.

        Raises:
            ValueError: If ``gamma`` is outside [0, 1).

        Source: Reward Machines: Exploiting Reward Function Structure in Reinforcement Learning
        (Toro Icarte, Klassen, Valenzano, McIlraith, 2022), automated reward shaping.
        """
        ways = [(source, target, edge.reward) for source, target, edge in self._steps]
        ways += [(i, i, 0.0) for i, state in enumerate(self.states) if self._may_stay(state)]
        sources, targets, paid = map(np.array, zip(*ways, strict=True))
        ends = paid + self.final_rewards[targets]

        def improve(values: Float) -> Float:
            best = np.full(len(values), -np.inf)
            np.maximum.at(best, sources, np.maximum(paid + gamma * values[targets], ends))
            return best

        return fixed_point(improve, np.zeros(len(self.states)), gamma=gamma, tol=tol)

    def check_features(self, table: Sequence[Feature]) -> None:
        """Check that an env publishes the features that the guards read, in the right type.

        Raises:
            FormulaError: At the first that it does not, or if two guards of one state hold together
                for numbers of these types; with the position.
        """
        known = {feature.name: feature for feature in table}
        for atom in itertools.chain.from_iterable(map(_atoms, self.edges)):
            reason = _misuse(atom, known)
            if reason:
                raise FormulaError(reason, atom.line, atom.column)
        integers = {feature.name for feature in table if feature.dtype == "int"}
        for state in self.states:
            _check_apart([edge for edge in self.edges if edge.source == state], integers)

    def __str__(self) -> str:
        """Return the machine's text, which reads back as an equal machine."""
        lines = [f"initial {self.initial}"]
        lines += [f"terminal {state}" for state in self.terminal]
        lines += [f"end {state} / {show_number(reward)}" for state, reward in self.final.items()]
        return "\n".join([*lines, *map(str, self.edges)]) + "\n"

    @cached_property
    def _steps(self) -> list[tuple[int, int, Edge]]:
        """(source, target, edge) of all edges as indices, "else" edges last."""
        index = {state: i for i, state in enumerate(self.states)}
        ordered = sorted(self.edges, key=lambda edge: edge.guard is None)
        return [(index[edge.source], index[edge.target], edge) for edge in ordered]

    def _may_stay(self, state: str) -> bool:
        """Tell whether the machine can stay for want of an edge; all numbers count as real."""
        ways = [edge for edge in self.edges if edge.source == state]
        has_else = any(edge.guard is None for edge in ways)
        return state in self.terminal or not (has_else or _fires(ways)[0].any(axis=0).all())

    def _check_reached(self) -> None:
        reached, fresh = {self.initial}, {self.initial}
        while fresh:
            ahead = {edge.target for edge in self.edges if edge.source in fresh}
            fresh = ahead - reached
            reached |= fresh
        for state in self.states:
            if state not in reached:
                edge = next((e for e in self.edges if state in (e.source, e.target)), None)
                raise _error(f"state {state!r} cannot be reached from {self.initial!r}", edge)


def _error(reason: str, edge: Edge | None) -> FormulaError:
    if edge is None:
        return FormulaError(reason)
    if not edge.line:
        reason = f"{reason} (edge '{edge}')"
    return FormulaError(reason, edge.line, edge.column)


def _check_guards(ways: Sequence[Edge]) -> None:
    """Check the edges out of one state: each can be taken, and never two together."""
    guarded = [edge for edge in ways if edge.guard is not None]
    fires, values = _fires(guarded)
    for edge, row in zip(guarded, fires, strict=True):
        if not row.any():
            raise _error("this guard never holds", edge)
    _check_apart(guarded, integers=values)  # integers are real numbers too
    others = [edge for edge in ways if edge.guard is None]
    if len(others) > 1:
        raise _error(f"a second 'else' out of {others[1].source!r}", others[1])
    if others and fires.any(axis=0).all():
        raise _error("this 'else' is never taken: some other guard always holds", others[0])


def _check_apart(ways: Sequence[Edge], integers: Container[str]) -> None:
    """Check that no two guards out of one state hold together, if some numbers are integers."""
    guarded = [edge for edge in ways if edge.guard is not None]
    fires, values = _fires(guarded, integers)
    clash = np.flatnonzero(fires.sum(axis=0) > 1)
    if clash.size:
        one, other = (guarded[i] for i in np.flatnonzero(fires[:, clash[0]])[:2])
        read = {atom.name: values[atom.name] for edge in (one, other) for atom in _atoms(edge)}
        example = ", ".join(f"{name} = {show_number(v[clash[0]])}" for name, v in read.items())
        first = f"line {one.line}" if one.line else f"edge '{one}'"
        raise _error(
            f"two ways out of {one.source!r} at once: this guard and that of {first} both hold "
            f"where {example or 'anything holds'}",
            other,
        )


def _fires(guarded: Sequence[Edge], integers: Container[str] = ()) -> tuple[Bool, Features]:
    """Return which guards hold, (E, V), in all V valuations of their features, and these."""
    words = list(itertools.chain.from_iterable(map(_atoms, guarded)))
    values, count = valuations(words, whole=integers)
    fires = np.zeros((len(guarded), count), np.bool_)
    for row, edge in zip(fires, guarded, strict=True):
        row[:] = edge.guard is not None and holds(edge.guard, values, count)
    return fires, values


def _atoms(edge: Edge) -> Iterator[Atom]:
    return iter(()) if edge.guard is None else atoms(edge.guard)


def _misuse(atom: Atom, known: Mapping[str, Feature]) -> str:
    """Return what is wrong with the use of a feature, or nothing."""
    feature = known.get(atom.name)
    if feature is None:
        near = difflib.get_close_matches(atom.name, known, n=3, cutoff=0.5)
        hint = (
            f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
        )
        return f"unknown feature {atom.name!r}; {hint}"
    if feature.shape != ():
        return f"feature {atom.name!r} is no scalar; its shape is {feature.shape}"
    if atom.relation and feature.dtype == "bool":
        return f"feature {atom.name!r} is a flag: write {atom.name} or !{atom.name}"
    if not atom.relation and feature.dtype != "bool":
        return f"feature {atom.name!r} is a number: compare it, as in {atom.name} >= 1"
    whole = feature.dtype == "int" and atom.value != round(atom.value)
    if atom.relation == "==" and (whole or not feature.low <= atom.value <= feature.high):
        kind = "integers" if feature.dtype == "int" else "numbers"
        low, high = show_number(feature.low), show_number(feature.high)
        return (
            f"feature {atom.name!r} is never {show_number(atom.value)}: its values are {kind} in "
            f"[{low}, {high}]"
        )
    return ""
