"""Games of several players: what envs offer, and what solvers and self-play build on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.types import Bool, Float, Int

TERMINAL, CHANCE = -2, -1
"""Who moves where no player does; see :class:`ExtensiveGame`."""


class TurnBatch(Protocol):
    """N games of the same kind, in each of which one of P players moves at a time.

    A game that ends starts again at once, with chance of its own row: row i of N games does what a
    single game with the same seed does. Arrays are the batch's own and change with the next call.

    Attributes:
        num: N.
        players: P.
        observation_space: Space of what one player sees, a Box.
        action_space: Actions of all players, Discrete, from 0 on.
        turn: (N,) int64, who moves next.
        legal: (N, A) bool, what that player may do.
        obs: (N, ...), what that player sees; nothing that is hidden from it.
    """

    num: int
    players: int
    observation_space: gym.spaces.Box
    action_space: gym.spaces.Discrete
    turn: Int
    legal: Bool
    obs: npt.NDArray[Any]

    def reset(self, seeds: Sequence[int]) -> None:
        """Start all games anew, row i with the chance of ``seeds[i]``."""

    def step(self, actions: Int) -> tuple[Float, Bool]:
        """Let the players to move do something.

        Args:
            actions: (N,) legal actions.

        Returns:
            (N, P) rewards of this move, and (N,) whether it ended the game; what is shown belongs
            to the next game then.

        Raises:
            ValueError: If an action is illegal; names the row, the action and the legal ones.
        """


class SimultaneousBatch(Protocol):
    """N games of the same kind, in each of which all P players act at once.

    A game that ends starts again at once, with chance of its own row: row i of N games does what a
    single game with the same seed does. Arrays are the batch's own and change with the next call.

    Attributes:
        num: N.
        players: P.
        observation_space: Space of what one player sees, a Box.
        action_space: Actions of all players, Discrete, from 0 on.
        obs: (N, P, ...), what the players see now.
        last_obs: (N, P, ...), what they saw after the last step, before new games began.
    """

    num: int
    players: int
    observation_space: gym.spaces.Box
    action_space: gym.spaces.Discrete
    obs: npt.NDArray[Any]
    last_obs: npt.NDArray[Any]

    def reset(self, seeds: Sequence[int]) -> None:
        """Start all games anew, row i with the chance of ``seeds[i]``."""

    def step(self, actions: Int) -> tuple[Float, Bool, Bool]:
        """Let all players act.

        Args:
            actions: (N, P) actions.

        Returns:
            (N, P) rewards of this step; (N,) whether the game came to an end; (N,) whether its time
            was up.

        Raises:
            ValueError: If an action is none; names the row, the player and the action.
        """


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ExtensiveGame:
    """The whole tree of a finite game with H nodes, P players and I information sets.

    Node 0 is the root, and every node comes after its parent. All nodes of an information set have
    the same player and the same actions, numbered 0 .. A_i - 1 in the order of ``actions``.

    Attributes:
        players: P.
        parent: (H,) int64, -1 for the root.
        move: (H,) int64, index of the parent's action (or chance outcome) that leads here.
        player: (H,) int64, who moves: a player, :data:`CHANCE` or :data:`TERMINAL`.
        chance: (H,) float64, probability of the edge that leads here, 1 where no chance is.
        infoset: (H,) int64, the information set of a decision node, else -1.
        utility: (H, P) float64, what the players get at a terminal node, else 0.
        actions: Per information set the game's actions, ascending.
        names: Per information set a text that a person can read.
        obs: (I, ...) what the player sees in each, as the env's observation.
    """

    players: int
    parent: Int
    move: Int
    player: Int
    chance: Float
    infoset: Int
    utility: Float
    actions: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    obs: npt.NDArray[Any]

    def owner(self) -> Int:
        """Return the player of every information set, (I,)."""
        owner = np.full(len(self.actions), -1, np.int64)
        known = self.infoset >= 0
        owner[self.infoset[known]] = self.player[known]
        return owner


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StateGame:
    """A finite game without chance or secrets, as the graph of its S states.

    State 0 is the start, and every state comes before those that its moves lead to.

    Attributes:
        players: P.
        mover: (S,) int64, who moves, or :data:`TERMINAL`.
        successor: (S, A) int64, where an action leads; -1 where it is illegal.
        payoff: (S, P) float64, what the players get at a terminal state, else 0.
        obs: (S, ...), what the player to move sees, as the env's observation.
    """

    players: int
    mover: Int
    successor: Int
    payoff: Float
    obs: npt.NDArray[Any]

    @property
    def legal(self) -> Bool:
        """(S, A), what may be done."""
        legal: Bool = self.successor >= 0
        return legal

    def values(self) -> Float:
        """Return what every state is worth to the players under best play, (S, P).

        By backward induction: whoever moves maximises the own payoff, and takes the first of
        equally good moves. With two players whose payoffs sum to zero it is the minimax value.
        """
        values = self.payoff.copy()
        for state in range(len(values) - 1, -1, -1):
            if self.mover[state] != TERMINAL:
                after = self.successor[state]
                after = after[after >= 0]
                values[state] = values[after[values[after, self.mover[state]].argmax()]]
        return values

    def best(self, values: Float) -> Bool:
        """Return the moves that lose nothing of what the states are worth, (S, A).

        Args:
            values: (S, P) values of the states, of which the moves are best replies.
        """
        movers = np.maximum(self.mover, 0)
        own = values[np.arange(len(values)), movers]
        after = values[self.successor, movers[:, None]]
        best: Bool = self.legal & (after >= own[:, None])
        return best


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GameForms:
    """A game in the forms that agents ask for; each is built when it is.

    Attributes:
        batch: N -> so many games in rows: a :class:`TurnBatch` or a :class:`SimultaneousBatch`.
        tree: () -> the whole tree. Raises ValueError where there is none.
        states: () -> all states. Raises ValueError where chance or secrets forbid it.
    """

    batch: Callable[[int], Any]
    tree: Callable[[], ExtensiveGame]
    states: Callable[[], StateGame]
