"""Kuhn poker written out by hand: a judge of its own, apart from the envs and their trees."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import gymnasium as gym
import numpy as np
import pytest

from operant.agents.games.sequence_form import SequenceForm
from operant.games import CHANCE, TERMINAL, ExtensiveGame

PASS, BET = 0, 1
PAYS = {  # history -> chips that the higher card wins, or None with who folded
    "pp": 1,
    "bb": 2,
    "pbb": 2,
}
FOLDS = {"bp": 0, "pbp": 1}  # history -> who wins 1 chip


def kuhn_tree() -> ExtensiveGame:
    """Return the tree: one chance node with six deals, then up to three moves."""
    rows: list[tuple[int, int, int, float, int, tuple[float, float]]] = [
        (-1, 0, CHANCE, 1.0, -1, (0.0, 0.0))
    ]
    sets: dict[tuple[int, str], int] = {}

    def grow(parent: int, move: int, chance: float, cards: tuple[int, int], history: str) -> None:
        node, sign = len(rows), 1 if cards[0] > cards[1] else -1
        if history in PAYS or history in FOLDS:
            won = PAYS[history] * sign if history in PAYS else 1 - 2 * FOLDS[history]
            rows.append((parent, move, TERMINAL, chance, -1, (won, -won)))
            return
        mover = len(history) % 2
        known = sets.setdefault((cards[mover], history), len(sets))
        rows.append((parent, move, mover, chance, known, (0.0, 0.0)))
        for action, letter in enumerate("pb"):
            grow(node, action, 1.0, cards, history + letter)

    for deal, cards in enumerate(itertools.permutations(range(3), 2)):
        grow(0, deal, 1 / 6, cards, "")
    parent, move, player, chance, infoset, utility = map(np.array, zip(*rows, strict=True))
    obs = np.zeros((len(sets), 11), np.int8)
    for (card, history), number in sets.items():
        obs[number, len(history) % 2] = obs[number, 2 + card] = 1
        for slot, letter in enumerate(history):
            obs[number, 5 + 2 * slot + "pb".index(letter)] = 1
    return ExtensiveGame(
        players=2,
        parent=parent,
        move=move,
        player=player,
        chance=chance,
        infoset=infoset,
        utility=utility,
        actions=((PASS, BET),) * len(sets),
        names=tuple("JQK"[card] + history for card, history in sets),
        obs=obs,
    )


def kuhn_nash(game: ExtensiveGame, alpha: float) -> np.ndarray:
    """Return the equilibrium of Kuhn poker whose first player bets the jack with ``alpha``."""
    bets = {
        "J": alpha, "Q": 0, "K": 3 * alpha, "Jpb": 0, "Qpb": alpha + 1 / 3, "Kpb": 1,
        "Jp": 1 / 3, "Qp": 0, "Kp": 1, "Jb": 0, "Qb": 1 / 3, "Kb": 1,
    }  # fmt: skip
    bet = np.array([bets[name] for name in game.names], np.float64)
    return np.stack([1 - bet, bet], 1)


@pytest.fixture(scope="session")
def kuhn() -> ExtensiveGame:
    return kuhn_tree()


@pytest.fixture(scope="session")
def nash(kuhn: ExtensiveGame) -> Callable[[float], np.ndarray]:
    return lambda alpha: kuhn_nash(kuhn, alpha)


@pytest.fixture(scope="session")
def form(kuhn: ExtensiveGame) -> SequenceForm:
    return SequenceForm(kuhn)


class OddBatch:
    """A game in which the first of two moves decides; the second player only watches.

    The first player gets ``lead`` and 1 more for action 1, at the second's expense.
    """

    players = 2
    observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, num: int, lead: float) -> None:
        self.num, self.lead = num, lead
        self.turn = np.zeros(num, np.int64)
        self.legal = np.ones((num, 2), np.bool_)
        self.obs = np.zeros((num, 1), np.float32)

    def reset(self, seeds: Sequence[int]) -> None:
        self.turn[:] = 0

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = self.turn == 0
        paid = (self.lead + actions)[:, None] * np.array([1.0, -1.0])
        self.turn[:] = 1 - self.turn
        return np.where(first[:, None], paid, 0.0), ~first


class SavedOddBatch(OddBatch):
    def get_state(self) -> dict[str, np.ndarray]:
        return {"turn": self.turn}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.turn[:] = state["turn"]


@pytest.fixture
def odd_batch() -> OddBatch:
    return OddBatch(8, 0.0)


@pytest.fixture
def lopsided_batch() -> OddBatch:
    return SavedOddBatch(128, 3.0)
