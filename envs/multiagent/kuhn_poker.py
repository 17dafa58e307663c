"""Kuhn poker: three cards, one bet; the smallest game in which bluffing is right."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.makers import game_makers
from operant.envs.multiagent.rules import GameRules, flags, one_hot
from operant.games import CHANCE, TERMINAL, ExtensiveGame
from operant.types import Float

CARDS = "JQK"
PASS, BET = 0, 1
ENDS = ("pp", "pbp", "pbb", "bp", "bb")
"""Histories after which the game is over; ``p`` is to check or fold, ``b`` to bet or call."""


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Hand:
    """A state of Kuhn poker.

    Attributes:
        cards: The players' cards, as far as dealt: 0 for the jack to 2 for the king.
        history: What was done, a letter each.
    """

    cards: tuple[int, ...] = ()
    history: str = ""


@dataclasses.dataclass(frozen=True)
class KuhnPoker(GameRules[Hand]):
    """Kuhn poker.

    Description:
        Both players put in one chip and get one of three cards. The first checks or bets one chip;
        whoever faces a bet folds or calls. The higher card wins the pot.
    Observation:
        Box(0, 1, (11,), float32): player (2), own card (3), and three times which of pass and bet
        was done (2), zero while it was not.
    Action:
        Discrete(2): pass (check or fold), bet (bet or call).
    Reward:
        At the end what was won or lost, in chips: 1 or 2.
    Termination:
        After a fold, a call or two checks.
    Game value:
        -1/18 for the first player. There are 12 information sets.

    Source: A simplified two-person poker (Kuhn, 1950); the observation is that of OpenSpiel.
    """

    lowest = -2.0

    @property
    def space(self) -> gym.spaces.Box:
        """Player, card, history."""
        return flags(11)

    @property
    def words(self) -> Sequence[str]:
        """Pass and bet."""
        return ("pass", "bet")

    def start(self) -> Hand:
        """Return the table before the deal."""
        return Hand()

    def mover(self, state: Hand) -> int:
        """Return whose turn it is; chance deals."""
        if len(state.cards) < 2:
            return CHANCE
        return TERMINAL if state.history in ENDS else len(state.history) % 2

    def moves(self, state: Hand) -> Sequence[int]:
        """Return the cards that are left, or pass and bet."""
        if len(state.cards) < 2:
            return [card for card in range(3) if card not in state.cards]
        return (PASS, BET)

    def after(self, state: Hand, move: int) -> Hand:
        """Deal a card, or do what the player does."""
        if len(state.cards) < 2:
            return Hand((*state.cards, move))
        return Hand(state.cards, state.history + "pb"[move])

    def payoff(self, state: Hand) -> Sequence[float]:
        """Return the chips that were won."""
        first, second = state.cards
        won = 1.0 if first > second else -1.0
        if state.history.endswith("bb"):
            won *= 2
        elif state.history != "pp":  # a fold, by whoever moved last
            won = 1.0 if len(state.history) == 2 else -1.0
        return won, -won

    def seen(self, state: Hand, player: int) -> npt.NDArray[np.float32]:
        """Return player, own card and history."""
        card = state.cards[player] if player < len(state.cards) else -1
        done = ["pb".index(letter) for letter in state.history]
        seen = [*one_hot(player, 2), *one_hot(card, 3)]
        for at in range(3):
            seen += one_hot(done[at] if at < len(done) else -1, 2)
        return np.array(seen, np.float32)

    def told(self, state: Hand, player: int) -> str:
        """Return the own card and the history, such as ``"Kpb"``."""
        own = CARDS[state.cards[player]] if player < len(state.cards) else "-"
        return own + state.history

    def text(self, state: Hand) -> str:
        """Return cards and history."""
        cards = " ".join(CARDS[card] for card in state.cards)
        return f"cards: {cards or '-'}; done: {state.history or '-'}"


def nash(game: ExtensiveGame, bluff: float = 0.0) -> list[Float]:
    """Return one of the equilibria of Kuhn poker.

    Args:
        game: The tree of :class:`KuhnPoker`.
        bluff: See :func:`bets`.

    Returns:
        Per information set the probabilities of pass and bet.

    Raises:
        ValueError: If ``bluff`` is outside its range.
    """
    known = bets(bluff)
    odds = [known[name.split(": ")[1]] for name in game.names]
    return [np.array([1 - bet, bet]) for bet in odds]


def bets(bluff: float = 0.0) -> dict[str, float]:
    """Return how often an equilibrium bets (or calls), by what :class:`KuhnPoker` tells.

    Args:
        bluff: How often the first player bets with the jack, in [0, 1/3].

    Raises:
        ValueError: If ``bluff`` is outside its range.

    Source: A simplified two-person poker (Kuhn, 1950).
    """
    if not 0 <= bluff <= 1 / 3:
        raise ValueError(f"bluff must lie in [0, 1/3], got {bluff}")
    return {  # the same text never belongs to both players
        **{"J": bluff, "Q": 0.0, "K": 3 * bluff, "Jpb": 0.0, "Qpb": bluff + 1 / 3, "Kpb": 1.0},
        **{"Jp": 1 / 3, "Qp": 0.0, "Kp": 1.0, "Jb": 0.0, "Qb": 1 / 3, "Kb": 1.0},
    }


make, make_batch = game_makers(KuhnPoker)
