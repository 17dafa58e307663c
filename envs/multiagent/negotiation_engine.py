"""Many negotiations at once; a test holds them against the rules, move by move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.chance import thresholds
from operant.envs.multiagent.engine import GameEngine
from operant.envs.multiagent.makers import game_makers
from operant.envs.multiagent.simple_negotiation import (
    ACCEPT,
    MOST_VALUE,
    OFFERS,
    PASS,
    Bargain,
    SimpleNegotiation,
)
from operant.types import Bool, Float, Int


class NegotiationEngine(GameEngine):
    """N rows of :class:`SimpleNegotiation`, which has too many states for tables.

    Attributes:
        rules: The game.
        held: (N, 2, G) int64, what the players have.
        start_held: (N, 2, G) int64, what they had at the start.
        values: (N, 2, G) int64, what a piece is worth to them.
        offer: (N, 5) int64, who offers (-1 if nobody), good given, pieces, good asked for, pieces.
        played: (N,) int64, turns that are over.
        offers: (A, 4) int64, good given, pieces, good asked for and pieces of every action.
    """

    def __init__(self, num: int, rules: SimpleNegotiation) -> None:
        """Prepare rows.

        Args:
            num: N.
            rules: The game.
        """
        super().__init__(num, rules)
        self.rules = rules
        shape = (num, 2, rules.goods)
        self.held: Int = np.zeros(shape, np.int64)
        self.start_held: Int = np.zeros(shape, np.int64)
        self.values: Int = np.zeros(shape, np.int64)
        self.offer: Int = np.full((num, 5), -1)
        self.played: Int = np.zeros(num, np.int64)
        self.offers: Int = np.array([(0,) * 4] * OFFERS + rules.offers)
        self._cells = [
            (low, thresholds([1 / (high - low + 1)] * (high - low + 1)))
            for low, high in rules.cells()
        ]

    def start(self, rows: Int) -> None:
        """Deal in some rows."""
        rules, size = self.rules, 2 * self.rules.goods
        dealt = [
            low + bounds.searchsorted(self.draws.draw(rows), "right") for low, bounds in self._cells
        ]
        for fixed, array in (
            (rules.start_held, self.start_held),
            (rules.start_values, self.values),
        ):
            if fixed is not None:
                array[rows] = fixed
            else:
                array[rows] = np.stack(dealt[:size], axis=1).reshape(len(rows), 2, rules.goods)
                dealt = dealt[size:]
        self.held[rows] = self.start_held[rows]
        self.offer[rows], self.played[rows] = -1, 0
        self._judge(rows)

    def move(self, rows: Int, actions: Int) -> tuple[Float, Bool]:
        """Let the players to move do something."""
        accepting = rows[actions == ACCEPT]
        if accepting.size:
            by, given, pays, asked, wants = self.offer[accepting].T
            self.held[accepting, by, given] -= pays
            self.held[accepting, 1 - by, given] += pays
            self.held[accepting, 1 - by, asked] -= wants
            self.held[accepting, by, asked] += wants
            self.offer[accepting] = -1
        offers = actions >= OFFERS
        offering = rows[offers]
        self.offer[offering, 0] = self.turn[offering]
        self.offer[offering, 1:] = self.offers.take(actions[offers], 0)
        self.played[rows] += 1
        over = self.played[rows] == self.rules.turns
        rewards = np.zeros((len(rows), 2))
        rewards[over] = self._payoffs(rows[over])
        self._judge(rows)
        return rewards, over

    def gains(self, rows: Int) -> Int:
        """Return how much more the players' goods are worth to them than at the start, (B, 2)."""
        gains: Int = ((self.held[rows] - self.start_held[rows]) * self.values[rows]).sum(axis=2)
        return gains

    def seen(self, rows: Int, players: Int) -> npt.NDArray[Any]:
        """Return what a player of each row sees."""
        rules, count = self.rules, len(rows)
        held = self.held[rows] / rules.quantities[1]
        worth = self.values[rows] / MOST_VALUE
        each, others = np.arange(count), 1 - players
        seen = np.zeros((count, 8, rules.goods))
        seen[:, 0], seen[:, 1] = held[each, players], worth[each, players]
        if rules.reveal != "nothing":
            seen[:, 2] = held[each, others]
        if rules.reveal == "everything":
            seen[:, 3] = worth[each, others]
        standing = np.flatnonzero(self.offer[rows, 0] >= 0)
        by, given, pays, asked, wants = self.offer[rows[standing]].T
        place = np.where(by == players[standing], 4, 6)
        seen[standing, place, given] = pays / rules.most
        seen[standing, place + 1, asked] = wants / rules.most
        turns = self.played[rows] / rules.turns
        return np.column_stack([seen.reshape(count, -1), turns]).astype(np.float32)

    def text(self, row: int) -> str:
        """Return a row for a person who may see everything."""
        rules = self.rules
        dealt: list[int] = []
        for fixed, array in (
            (rules.start_held, self.start_held),
            (rules.start_values, self.values),
        ):
            dealt += array[row].ravel().tolist() if fixed is None else []
        by, given, pays, asked, wants = self.offer[row].tolist()
        return rules.text(
            Bargain(
                tuple(dealt),
                tuple(self.held[row].ravel().tolist()),
                int(self.played[row]),
                (by, given, pays, asked, wants) if by >= 0 else None,
            )
        )

    def _payoffs(self, rows: Int) -> Float:
        gains = self.gains(rows)
        if self.rules.payoff_of == "outcome":
            won = np.sign(gains[:, 0] - gains[:, 1]).astype(np.float64)
            return np.stack([won, -won], axis=1)
        worth = (self.start_held[rows] * self.values[rows]).sum(axis=2)
        share: Float = gains / np.maximum(worth, 1)
        return share

    def _judge(self, rows: Int) -> None:
        """Find out who is to move, and what is legal."""
        rules, count = self.rules, len(rows)
        over = self.played[rows] == rules.turns
        turn = np.where(over, 0, self.played[rows] % 2)
        self.turn[rows] = turn
        own = self.held[rows, turn]
        by, _, _, asked, wants = self.offer[rows].T
        enough = own[np.arange(count), np.maximum(asked, 0)] >= wants
        self.legal[rows, PASS] = True
        self.legal[rows, ACCEPT] = (by == 1 - turn) & enough
        pays = own[:, :, None] >= np.arange(1, rules.most + 1)
        shape = (self.num, rules.goods, rules.goods - 1, rules.most, rules.most)
        offers = self.legal[:, OFFERS:].reshape(shape)  # a view, as it only splits an axis
        offers[rows if count < self.num else ...] = pays[:, :, None, :, None]
        self.legal[rows[over]] = False

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        names = ("held", "start_held", "values", "offer", "played")
        return {name: getattr(self, name).copy() for name in names}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        for name in ("held", "start_held", "values", "offer", "played"):
            getattr(self, name)[...] = state[name]


make, make_batch = game_makers(SimpleNegotiation, NegotiationEngine)
