"""N games whose rows start and move one by one: below batches and single-player views."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.envs.multiagent.chance import BITS, RowDraws
from operant.envs.multiagent.explore import GameTables, explored
from operant.envs.multiagent.rules import GameRules
from operant.games import CHANCE
from operant.types import Bool, Float, Int


class GameEngine(abc.ABC):
    """N rows of a game; rows never influence each other.

    Attributes:
        num: N.
        players: P.
        observation_space: Space of what one player sees.
        action_space: Discrete, from 0 on.
        draws: All chance there is.
        turn: (N,) int64, who moves next; the first player where a game is over.
        legal: (N, A) bool, what that player may do; nothing where a game is over.
    """

    def __init__(self, num: int, rules: GameRules[Any]) -> None:
        """Prepare rows; they have no games yet.

        Args:
            num: N.
            rules: The game.

        Raises:
            ValueError: If N is no positive integer.
        """
        if not isinstance(num, (int, np.integer)) or num < 1:
            raise ValueError(f"num_envs must be an integer >= 1, got {num!r}")
        self.num, self.players = num, rules.players
        self.observation_space = rules.space
        self.action_space = gym.spaces.Discrete(len(rules.words))
        self.draws = RowDraws(num)
        self.turn: Int = np.zeros(num, np.int64)
        self.legal: Bool = np.zeros((num, len(rules.words)), np.bool_)

    @abc.abstractmethod
    def start(self, rows: Int) -> None:
        """Start a game in some rows, (B,) ascending indices."""

    @abc.abstractmethod
    def move(self, rows: Int, actions: Int) -> tuple[Float, Bool]:
        """Let the players to move do something.

        Args:
            rows: (B,) ascending indices of rows whose games are running.
            actions: (B,) legal actions.

        Returns:
            (B, P) rewards of this move, and (B,) whether it ended the game.
        """

    @abc.abstractmethod
    def seen(self, rows: Int, players: Int) -> npt.NDArray[Any]:
        """Return what a player of each row sees, (B, ...).

        Args:
            rows: (B,) indices.
            players: (B,) whose view.
        """

    @abc.abstractmethod
    def text(self, row: int) -> str:
        """Return a row for a person who may see everything."""

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, as copies."""
        draws = {f"draws/{name}": value for name, value in self.draws.get_state().items()}
        return {"turn": self.turn.copy(), "legal": self.legal.copy(), **draws, **self._get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of another number of rows.
        """
        if len(state["turn"]) != self.num:
            raise ValueError(f"the state has {len(state['turn'])} rows, this batch has {self.num}")
        self.draws.set_state(section(state, "draws"))
        self.turn[:], self.legal[:] = state["turn"], state["legal"]
        self._set_state(state)

    @abc.abstractmethod
    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what decides the future beside the attributes of this class, as copies."""

    @abc.abstractmethod
    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`_get_state` returned."""


_TOLD = (
    *("tables", "_width", "_child", "_over", "_looks", "_next", "_chancy"),
    *("_bounds", "_rank", "_first"),
)
"""Attributes of an engine that the rules tell; copies and pickles leave them out."""


class TableEngine(GameEngine):
    """A game all of whose states fit into tables: a move is a few look-ups."""

    def __init__(self, num: int, rules: GameRules[Any], limit: int = 200_000) -> None:
        """Visit all states, unless that was done before.

        Args:
            num: N.
            rules: The game.
            limit: Largest number of states.

        Raises:
            ValueError: If there are more states, or N is not positive.
        """
        super().__init__(num, rules)
        self._source = rules, limit
        self.node: Int = np.zeros(num, np.int64)
        self._adopt(explored(rules, limit))

    def _adopt(self, tables: GameTables) -> None:
        """Prepare what is looked up; copies of this engine share it."""
        self.tables = tables
        self._width = tables.child.shape[1]
        self._child = tables.child.ravel()
        self._over = ~tables.legal.any(axis=1) & (tables.mover != CHANCE)
        self._looks = tables.obs.reshape(-1, *tables.obs.shape[2:])
        self._next = np.maximum(tables.mover, 0)
        self._chancy = tables.mover == CHANCE
        # All odds in one ascending array, so that one search serves rows at different states:
        # those of the k-th state of chance lie between k and k + 1, in units of 2^-32.
        bounds = [bound + (k << BITS) for k, bound in enumerate(tables.bounds.values())]
        self._bounds = np.concatenate([*bounds, np.zeros(0, np.int64)])
        self._rank = np.zeros(len(tables.mover), np.int64)
        self._first = np.zeros(len(tables.mover), np.int64)
        sizes = np.cumsum([0] + [len(bound) for bound in bounds])
        for k, state in enumerate(tables.bounds):
            self._rank[state], self._first[state] = k << BITS, sizes[k]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out of copies and pickles what the rules tell."""
        return {name: value for name, value in vars(self).items() if name not in _TOLD}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take it from the rules again."""
        vars(self).update(state)
        self._adopt(explored(*self._source))

    def start(self, rows: Int) -> None:
        """Start a game in some rows."""
        self._enter(rows, np.zeros(len(rows), np.int64))

    def move(self, rows: Int, actions: Int) -> tuple[Float, Bool]:
        """Let the players to move do something."""
        # take(), as plain indexing of rows of two-dimensional tables costs ten times as much
        nodes = self._child.take(self.node[rows] * self._width + actions)
        nodes = self._enter(rows, nodes)
        return self.tables.payoff.take(nodes, 0), self._over.take(nodes)

    def seen(self, rows: Int, players: Int) -> npt.NDArray[Any]:
        """Return what a player of each row sees."""
        return self._looks.take(self.node[rows] * self.players + players, 0)

    def text(self, row: int) -> str:
        """Return a row for a person who may see everything."""
        return self._source[0].text(self.tables.states[self.node[row]])

    def _enter(self, rows: Int, nodes: Int) -> Int:
        """Let chance move until a player does or the game is over; return where that is."""
        if self._bounds.size:
            chancy = np.flatnonzero(self._chancy.take(nodes))
            while chancy.size:
                here = nodes[chancy]
                drawn = self.draws.draw(rows[chancy]) + self._rank[here]
                outcome = self._bounds.searchsorted(drawn, "right") - self._first[here]
                nodes[chancy] = there = self._child[here * self._width + outcome]
                chancy = chancy[self._chancy[there]]
        if len(rows) == self.num:
            self.node[...] = nodes
            np.take(self._next, nodes, out=self.turn, mode="clip")
            np.take(self.tables.legal, nodes, 0, out=self.legal, mode="clip")
        else:
            self.node[rows] = nodes
            self.turn[rows] = self._next.take(nodes)
            self.legal[rows] = self.tables.legal.take(nodes, 0)
        return nodes

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        return {"node": self.node.copy()}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.node[:] = state["node"]
