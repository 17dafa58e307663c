"""Counterfactual regret minimisation: the average of its policies approaches Nash."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from operant.agents.games.sequence_form import SequenceForm
from operant.games import ExtensiveGame
from operant.types import Bool, Float


class CFR:
    """CFR with updates of one player after the other, and CFR+ with ``plus=True``.

    CFR+ keeps no negative regrets and gives the policy of iteration t the weight t.

    >>> from operant.agents.games.matrix_game import matrix_game
    >>> solver = CFR(matrix_game([[2, -1], [-1, 1]]), plus=True)
    >>> solver.run(1000)
    >>> solver.average.round(2).tolist()
    [[0.4, 0.6], [0.4, 0.6]]

    Attributes:
        form: The game.
        plus: Whether it is CFR+.
        iterations: Iterations so far.
        regret: (I, A) sum of counterfactual regrets.
        current: (I, A) policy of the next iteration; it does not converge.

    Source: Regret Minimization in Games with Incomplete Information (Zinkevich, Johanson, Bowling &
    Piccione, 2007), eqs. 7 and 8; Solving Large Imperfect Information Games Using CFR+ (Tammelin,
    2014), algorithm 1.
    """

    def __init__(self, game: ExtensiveGame | SequenceForm, *, plus: bool = False) -> None:
        """Start from the uniform policy.

        Args:
            game: A game with perfect recall. With more than two players, or if it is no zero-sum
                game, the average need not approach Nash.
            plus: True for CFR+.

        Raises:
            ValueError: If the game has no perfect recall.
        """
        self.form = game if isinstance(game, SequenceForm) else SequenceForm(game)
        self.plus, self.iterations = plus, 0
        self.regret: Float = np.zeros(self.form.shape)
        self.current: Float = self.form.uniform()
        self._total = np.zeros(self.form.sequences)
        empty = np.zeros(self.form.players, np.bool_)
        owned = self.form.owner[:, None] == np.arange(self.form.players)
        every = np.repeat(owned, self.form.shape[1], 0)
        self._owned = [np.append(every[:, p], empty) for p in range(self.form.players)]

    def run(self, iterations: int) -> None:
        """Do so many iterations more.

        Raises:
            ValueError: If it is negative.
        """
        if iterations < 0:
            raise ValueError(f"iterations must be >= 0, got {iterations}")
        for _ in range(iterations):
            self.iterations += 1
            for player in range(self.form.players):
                self._update(player)

    @property
    def average(self) -> Float:
        """The average policy so far, (I, A), weighted by each player's own reach."""
        return self.form.behaviour(self._total)

    def state(self) -> tuple[dict[str, Float], int]:
        """Return everything needed to continue: arrays, and the iterations so far."""
        arrays = {"regret": self.regret, "current": self.current, "total": self._total}
        return {name: part.copy() for name, part in arrays.items()}, self.iterations

    def load_state(self, arrays: Mapping[str, Float], iterations: int) -> None:
        """Continue from what :meth:`state` returned.

        Raises:
            ValueError: If it is of another game.
        """
        mine = {"regret": self.regret, "current": self.current, "total": self._total}
        for name, part in mine.items():
            if np.shape(arrays[name]) != part.shape:
                raise ValueError(
                    f"the state is of another game: its {name} has shape "
                    f"{np.shape(arrays[name])}, here it is {part.shape}"
                )
            part[:] = arrays[name]
        self.iterations = iterations

    def _update(self, player: int) -> None:
        form, rows = self.form, self.form.owner == player
        weights = form.realisation(self.current)
        values, sets = form.counterfactual(form.gains(weights, player), self.current)
        table = values[: -form.players].reshape(form.shape)
        self.regret[rows] += np.where(form.legal[rows], table[rows] - sets[rows, None], 0.0)
        if self.plus:
            np.maximum(self.regret, 0.0, out=self.regret)
        share = self.iterations if self.plus else 1
        self._total += np.where(self._owned[player], share * weights, 0.0)
        self.current[rows] = regret_matching(self.regret[rows], form.legal[rows])


def regret_matching(regret: Float, legal: Bool) -> Float:
    """Return probabilities in proportion to positive regrets, uniform where there are none.

    Args:
        regret: (B, A).
        legal: (B, A), which actions there are; at least one per row.

    Source: A Simple Adaptive Procedure Leading to Correlated Equilibrium (Hart & Mas-Colell, 2000).
    """
    positive = np.where(legal, np.maximum(regret, 0.0), 0.0)
    total = positive.sum(1, keepdims=True)
    uniform = legal / legal.sum(1, keepdims=True)
    return np.where(total > 0, positive / np.where(total > 0, total, 1.0), uniform)
