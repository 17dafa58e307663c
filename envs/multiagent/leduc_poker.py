"""Leduc poker: six cards, two rounds of bets, one public card."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.makers import game_makers
from operant.envs.multiagent.rules import GameRules, flags
from operant.games import CHANCE, TERMINAL

CARDS = 6
NAMES = tuple(rank + suit for rank in "JQK" for suit in "sh")
FOLD, CALL, RAISE = 0, 1, 2
ANTE, SIZES, MOST = 1, (2, 4), 2
"""Chips put in at first; by which a raise of each round raises; raises of a round."""
SLOTS = 4
"""Most actions of a round: check, raise, raise, call."""


@dataclasses.dataclass(frozen=True, slots=True)
class Deal:
    """A state of Leduc poker.

    Attributes:
        cards: The players' cards and the public one, as far as dealt; two of each rank.
        rounds: What was done in each of both rounds, a digit each: 0 fold, 1 call, 2 raise.
    """

    cards: tuple[int, ...] = ()
    rounds: tuple[str, str] = ("", "")


def _closed(done: str) -> bool:
    """Tell whether a round of bets is over: by a fold, or a call that answers something."""
    return done.endswith("0") or (len(done) > 1 and done.endswith("1"))


@dataclasses.dataclass(frozen=True)
class LeducPoker(GameRules[Deal]):
    """Leduc poker.

    Description:
        Both players put in one chip and get one of six cards (two jacks, queens and kings). There
        are two rounds of bets with at most two raises each, by 2 chips in the first and by 4 in the
        second; between them a public card is dealt. A pair with the public card wins, else the
        higher card; equal cards share.
    Observation:
        Box(0, 1, (30,), float32): player (2), own card (6), public card (6), and for each of both
        rounds four times which of call and raise was done (2).
    Action:
        Discrete(3): fold (only facing a raise), call (or check), raise.
    Reward:
        At the end what was won or lost, in chips, up to 13.
    Termination:
        After a fold, or when the second round of bets is over.
    Source: Bayes' bluff: opponent modelling in poker (Southey et al., 2005); the observation and
        the cards, which are told apart by suit too, are those of OpenSpiel.
    """

    lowest = -13.0

    @property
    def space(self) -> gym.spaces.Box:
        """Player, cards, bets."""
        return flags(14 + 4 * SLOTS)

    @property
    def words(self) -> Sequence[str]:
        """Fold, call, raise."""
        return ("fold", "call", "raise")

    def start(self) -> Deal:
        """Return the table before the deal."""
        return Deal()

    def mover(self, state: Deal) -> int:
        """Return whose turn it is; chance deals."""
        first, second = state.rounds
        if len(state.cards) < 2:
            return CHANCE
        if first.endswith("0") or _closed(second):
            return TERMINAL
        if _closed(first):
            return CHANCE if len(state.cards) < 3 else len(second) % 2
        return len(first) % 2

    def moves(self, state: Deal) -> Sequence[int]:
        """Return the cards that are left, or what the player may do."""
        if self.mover(state) == CHANCE:
            return [card for card in range(CARDS) if card not in state.cards]
        done = state.rounds[len(state.cards) - 2]
        raises = done.count("2")
        return ((FOLD,) if raises else ()) + (CALL,) + ((RAISE,) if raises < MOST else ())

    def after(self, state: Deal, move: int) -> Deal:
        """Deal a card, or do what the player does."""
        if self.mover(state) == CHANCE:
            return Deal((*state.cards, move), state.rounds)
        first, second = state.rounds
        if len(state.cards) == 2:
            return Deal(state.cards, (first + str(move), second))
        return Deal(state.cards, (first, second + str(move)))

    def stakes(self, state: Deal) -> tuple[int, int]:
        """Return the chips that the players put in."""
        paid = [ANTE, ANTE]
        for done, size in zip(state.rounds, SIZES, strict=True):
            for at, digit in enumerate(done):
                if digit == "1":
                    paid[at % 2] = max(paid)
                elif digit == "2":
                    paid[at % 2] = max(paid) + size
        return paid[0], paid[1]

    def payoff(self, state: Deal) -> Sequence[float]:
        """Return the chips that were won."""
        paid = self.stakes(state)
        last = state.rounds[len(state.cards) - 2]
        if last.endswith("0"):
            winner = len(last) % 2
        else:
            ranks = [card // 2 for card in state.cards]
            worth = [3 * (rank == ranks[2]) + rank for rank in ranks[:2]]
            if worth[0] == worth[1]:
                return 0.0, 0.0
            winner = int(worth[1] > worth[0])
        won = float(paid[1 - winner])
        return (won, -won) if winner == 0 else (-won, won)

    def seen(self, state: Deal, player: int) -> npt.NDArray[np.float32]:
        """Return player, own card, public card and bets."""
        seen = np.zeros(14 + 4 * SLOTS, np.float32)
        seen[player] = 1
        if len(state.cards) > player:
            seen[2 + state.cards[player]] = 1
        if len(state.cards) > 2:
            seen[8 + state.cards[2]] = 1
        for place, done in enumerate(state.rounds):
            for at, digit in enumerate(done):
                if digit != "0":
                    seen[14 + 2 * (SLOTS * place + at) + int(digit) - 1] = 1
        return seen

    def told(self, state: Deal, player: int) -> str:
        """Return the cards that the player sees, and the bets."""
        own = NAMES[state.cards[player]] if len(state.cards) > player else "-"
        public = NAMES[state.cards[2]] if len(state.cards) > 2 else "-"
        bets = "/".join("".join("fcr"[int(digit)] for digit in done) for done in state.rounds)
        return f"{own} {public} {bets}"

    def text(self, state: Deal) -> str:
        """Return cards, bets and stakes."""
        names = [NAMES[card] for card in state.cards] + ["-"] * (3 - len(state.cards))
        bets = self.told(state, 0).split()[-1]
        first, second = self.stakes(state)
        return (
            f"cards: {names[0]} {names[1]}, public {names[2]}\n"
            f"done: {bets}; chips in the pot: {first} + {second}"
        )


make, make_batch = game_makers(LeducPoker)
