"""Perfect play in games without chance or secrets, and what a policy loses against it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.games import TERMINAL, StateGame
from operant.types import Float

TOLERANCE = 1e-6
"""How far the probabilities in a state may be from summing up to 1."""


class Minimax:
    """The exact solution of a state game, and exact judgements of policies by it.

    A policy is an array (S, A) of probabilities; rows of terminal states do not matter.

    Attributes:
        game: The game.
        values: (S, P) what every state is worth under best play.
        perfect: (S, A) the policy that draws equally often from all best moves.
    """

    def __init__(self, game: StateGame) -> None:
        """Solve a game by backward induction.

        Raises:
            ValueError: If it has not two players with opposite payoffs: perfect play of others is
                then no bound on what a policy may get.
        """
        if game.players != 2 or not np.allclose(game.payoff.sum(1), 0):
            raise ValueError(
                "game must have two players whose payoffs sum up to 0, got "
                f"{game.players} and sums from {game.payoff.sum(1).min():g} to "
                f"{game.payoff.sum(1).max():g}"
            )
        self.game, self.values = game, game.values()
        best = game.best(self.values).astype(np.float64)
        self.perfect: Float = best / np.maximum(best.sum(1, keepdims=True), 1.0)

    @property
    def value(self) -> Float:
        """What the players get under best play, (P,)."""
        start: Float = self.values[0]
        return start

    def expected_values(self, first: Float, second: Float) -> Float:
        """Return what the players get on average, (P,), if each follows a policy, (S, A)."""
        tables = self.checked(first), self.checked(second)
        values = self.game.payoff.copy()
        for state in self._decisions():
            values[state] = tables[self.game.mover[state]][state] @ values[self._after(state)]
        start: Float = values[0]
        return start

    def worst_case(self, policy: Float, player: int) -> float:
        """Return what a policy gets from a seat if the other knows it and answers perfectly.

        Args:
            policy: (S, A) probabilities; rows of the other player do not matter.
            player: The seat, 0 or 1.
        """
        policy, values = self.checked(policy), self.game.payoff[:, player].copy()
        for state in self._decisions():
            after = values[self._after(state)]
            if self.game.mover[state] == player:
                values[state] = policy[state] @ after
            else:
                values[state] = after[self.game.legal[state]].min()
        return float(values[0])

    def optimality_gap(self, policy: Float) -> Float:
        """Return what a policy loses against a perfect opponent by seat, (P,), >= 0.

        It is the value of the game less :meth:`worst_case`.
        """
        return np.array([self.value[p] - self.worst_case(policy, p) for p in range(2)])

    def loss_rate(self, policy: Float, player: int, opponent: Float | None = None) -> float:
        """Return how often a policy ends with a negative payoff.

        Args:
            policy: (S, A) probabilities.
            player: Its seat, 0 or 1.
            opponent: (S, A) how the other plays; None for :attr:`perfect`.
        """
        opponent = self.perfect if opponent is None else opponent
        tables = self.checked(policy), self.checked(opponent)
        lost = (self.game.payoff[:, player] < 0).astype(np.float64)
        for state in self._decisions():
            table = tables[0 if self.game.mover[state] == player else 1]
            lost[state] = table[state] @ lost[self._after(state)]
        return float(lost[0])

    def checked(self, policy: Float) -> Float:
        """Return a policy as float64.

        Raises:
            ValueError: If it is not (S, A), or a row is no distribution over legal moves.
        """
        policy, legal = np.asarray(policy, np.float64), self.game.legal
        if policy.shape != legal.shape:
            raise ValueError(f"policy must have the shape {legal.shape}, got {policy.shape}")
        bad = ((policy < 0) | (~legal & (policy != 0))).any(1)
        bad |= ~(np.abs(policy.sum(1) - 1) <= TOLERANCE)
        bad &= self.game.mover != TERMINAL
        if bad.any():
            state = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"policy[{state}] must be probabilities of the moves "
                f"{np.flatnonzero(legal[state]).tolist()} that sum up to 1, got "
                f"{policy[state].tolist()}"
            )
        return policy

    def _decisions(self) -> npt.NDArray[np.int64]:
        """Return the states in which somebody moves, from the last to the first."""
        return np.flatnonzero(self.game.mover != TERMINAL)[::-1]

    def _after(self, state: int) -> npt.NDArray[np.int64]:
        # An illegal move has probability 0 and points at state -1, whose value is finite.
        row: npt.NDArray[np.int64] = self.game.successor[state]
        return row
