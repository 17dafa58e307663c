"""A policy as a table: a row of numbers per state, and how they become probabilities."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.agents.base import Array
from operant.agents.tabular.states import Ids, States
from operant.types import Float, Obs

Probabilities: TypeAlias = Callable[[Float], Float]
"""Turns (B, A) rows of the table into (B, A) probabilities."""


class Table:
    """Rows of A numbers per state, made when a state is first met.

    Attributes:
        initial: What every row starts with.
    """

    def __init__(self, width: int, initial: float = 0.0) -> None:
        """Start without rows.

        Args:
            width: A >= 1.
            initial: What every row starts with.
        """
        self.initial = initial
        self._width, self._rows = width, np.full((64, width), initial, np.float64)

    def rows(self, count: int) -> Float:
        """Return the rows of the first ``count`` states, (count, A); writing changes the table.

        The view is valid until more are asked for.
        """
        while len(self._rows) < count:
            self._rows = np.concatenate([self._rows, np.full_like(self._rows, self.initial)])
        return self._rows[:count]

    def at(self, ids: Ids) -> Float:
        """Return copies of the rows of some states, (B, A); -1 is a state never met."""
        rows = self.rows(int(ids.max(initial=-1)) + 1)
        found = np.full((len(ids), self._width), self.initial, np.float64)
        found[ids >= 0] = rows[ids[ids >= 0]]
        return found

    def load(self, rows: Array) -> None:
        """Restore what :meth:`rows` of all states returned.

        Raises:
            ValueError: If the rows are no rows of A numbers.
        """
        if rows.ndim != 2 or rows.shape[1] != self._width or rows.dtype != np.float64:
            raise ValueError(
                f"the saved table must be (S, {self._width}) float64, got {rows.shape} {rows.dtype}"
            )
        self.rows(len(rows))
        self._rows[: len(rows)], self._rows[len(rows) :] = rows, self.initial


class TabularPolicy:
    """Acts by a table."""

    def __init__(
        self,
        states: States,
        table: Table,
        probabilities: Probabilities,
        space: spaces.Discrete,
        rng: np.random.Generator,
    ) -> None:
        """Combine what is known with how it is used; nothing is copied."""
        self._states, self._table, self._probabilities = states, table, probabilities
        self._first, self._dtype, self.rng = int(space.start), space.dtype, rng

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row; see :meth:`operant.agents.base.Agent.act`."""
        rows = self._table.at(self._states.known(obs))
        if deterministic:
            return self.to_env(rows.argmax(1))
        return self.to_env(draw(self._probabilities(rows), self.rng))

    def to_env(self, actions: Ids) -> Array:
        """Return actions of the space for indices from 0 on."""
        return np.asarray(actions + self._first, self._dtype)

    @contextlib.contextmanager
    def sampling(self, seed: int) -> Iterator[None]:
        """Draw from a stream of this seed; see :meth:`operant.agents.base.Agent.sampling`."""
        kept, self.rng = self.rng, np.random.default_rng(seed)
        try:
            yield
        finally:
            self.rng = kept


def draw(probabilities: Float, rng: np.random.Generator) -> Ids:
    """Draw one index per row of (B, A) probabilities, with one random number each."""
    total = probabilities.cumsum(1)
    chosen: Ids = (total[:, :-1] <= rng.random((len(total), 1)) * total[:, -1:]).sum(1)
    return chosen


def epsilon_greedy(values: Float, epsilon: float) -> Float:
    """Return the probabilities of the best actions, ties shared, and of all with ``epsilon``.

    Args:
        values: (B, A).
        epsilon: Probability of a uniformly random action, in [0, 1].

    >>> epsilon_greedy(np.array([[0.0, 2.0, 2.0, 1.0]]), 0.2).round(2).tolist()
    [[0.05, 0.45, 0.45, 0.05]]
    """
    best = values == values.max(axis=1, keepdims=True)
    greedy: Float = best / best.sum(axis=1, keepdims=True)
    mixed: Float = (1 - epsilon) * greedy + epsilon / values.shape[1]
    return mixed


def softmax(preferences: Float) -> Float:
    """Return the probabilities of (B, A) preferences."""
    raised = np.exp(preferences - preferences.max(axis=1, keepdims=True))
    probabilities: Float = raised / raised.sum(axis=1, keepdims=True)
    return probabilities


def discrete(space: gym.Space[Any]) -> spaces.Discrete:
    """Return the action space, if a table can have a column per action.

    Raises:
        ValueError: If it is not Discrete.
    """
    if not isinstance(space, spaces.Discrete):
        raise ValueError(f"the action space of a tabular agent must be Discrete, got {space}")
    return space
