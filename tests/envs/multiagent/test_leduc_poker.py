from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from operant.envs import multiagent
from operant.envs.multiagent.leduc_poker import Deal, LeducPoker
from operant.games import CHANCE, TERMINAL

Compare = Callable[..., tuple[int, int, set[tuple[str, str]]]]
JACK, QUEEN, QUEEN_TOO, KING = 0, 2, 3, 4


def test_the_tree_has_its_known_size() -> None:
    game = multiagent.tree("LeducPoker-v0")
    assert len(game.parent) == 9457
    assert (game.player == TERMINAL).sum() == 5520
    assert len(game.actions) == 936
    assert np.abs(game.utility).max() == 13
    assert np.allclose(game.utility.sum(axis=1), 0)


@pytest.mark.parametrize(
    ("cards", "rounds", "won"),
    [
        ((JACK, KING, QUEEN), ("11", "11"), -1),
        ((QUEEN, KING, QUEEN_TOO), ("11", "11"), 1),  # a pair beats the king
        ((QUEEN, QUEEN_TOO, KING), ("121", "11"), 0),
        ((KING, JACK, QUEEN), ("221", "221"), 13),
        ((KING, JACK), ("20", ""), 1),  # the jack folds
        ((KING, JACK), ("220", ""), -3),  # the king folds after a raise
        ((JACK, KING, QUEEN), ("121", "20"), 3),
        ((JACK, KING, QUEEN), ("121", "120"), -3),
    ],
)
def test_payoffs(cards: tuple[int, ...], rounds: tuple[str, str], won: float) -> None:
    rules, state = LeducPoker(), Deal(cards, rounds)
    assert rules.mover(state) == TERMINAL
    assert rules.payoff(state) == (won, -won)


def test_folding_needs_a_raise_and_there_are_two_raises() -> None:
    rules = LeducPoker()
    assert list(rules.moves(Deal((0, 1), ("", "")))) == [1, 2]
    assert list(rules.moves(Deal((0, 1), ("2", "")))) == [0, 1, 2]
    assert list(rules.moves(Deal((0, 1), ("22", "")))) == [0, 1]
    assert rules.mover(Deal((0, 1), ("221", ""))) == CHANCE
    assert list(rules.moves(Deal((0, 1, 2), ("221", "")))) == [1, 2]


def test_it_is_openspiels_game(compare: Compare) -> None:
    inner, ends, names = compare(LeducPoker(), "leduc_poker")
    assert inner + ends == 9457
    assert len(names) == len({ours for ours, _ in names}) == len({its for _, its in names}) == 936
