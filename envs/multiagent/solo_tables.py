"""Games for one whose states all fit into tables: TicTacToe, Kuhn poker, Leduc poker."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.engine import TableEngine
from operant.envs.multiagent.explore import explored
from operant.envs.multiagent.opponents import Opponent, RandomOpponent, TableOpponent, policy_table
from operant.envs.multiagent.rules import GameRules
from operant.envs.multiagent.solo import SoloGame
from operant.types import Float, Int


class TableSolo(SoloGame):
    """A game for one, all of whose states are looked up; a subclass says of what its features are.

    Attributes:
        RULES: The game.
    """

    RULES: ClassVar[GameRules[Any]]
    engine: TableEngine

    def _engine(self, num: int) -> TableEngine:
        return TableEngine(num, self.RULES)

    def _opponent(self, name: str) -> Opponent:
        return RandomOpponent() if name == "random" else known_opponent(type(self), name)

    def _facts(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        facts = facts_of(type(self))
        found = facts.take(self.engine.node[rows] * 2 + self.seat[rows], 0)
        return {feature.name: found[:, k] for k, feature in enumerate(self.TABLE)}

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return a picture of the game, all secrets included."""
        return self.RULES.picture(self.engine.tables.states[self.engine.node[row]])

    @classmethod
    def facts(cls, state: Any, player: int) -> Sequence[float]:
        """Return the values of :attr:`TABLE` of a state, from a player's side."""
        raise NotImplementedError

    @classmethod
    def weights(cls, name: str) -> Sequence[Sequence[float]]:
        """Return what an opponent does in every state, as weights of all actions."""
        raise NotImplementedError


@functools.cache
def facts_of(kind: type[TableSolo]) -> Float:
    """Return the features of all states for both players, (2 S, F)."""
    states = explored(kind.RULES).states
    return np.array([kind.facts(state, player) for state in states for player in (0, 1)])


@functools.cache
def known_opponent(kind: type[TableSolo], name: str) -> TableOpponent:
    """Return an opponent that has a table; it is made once."""
    return TableOpponent(policy_of(kind, name))


@functools.cache
def policy_of(kind: type[TableSolo], name: str) -> Float:
    """Return the probabilities of an opponent's actions in all states, (S, A)."""
    return policy_table(explored(kind.RULES).legal, kind.weights(name))
