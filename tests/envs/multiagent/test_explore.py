from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from operant.envs import multiagent
from operant.envs.multiagent.explore import explored, extensive, state_game
from operant.envs.multiagent.kuhn_poker import Hand, KuhnPoker
from operant.envs.multiagent.tic_tac_toe import TicTacToe
from operant.games import CHANCE, TERMINAL


def test_children_come_after_their_parents_and_chances_sum_to_one() -> None:
    tables = explored(multiagent.rules_of("KuhnPokerMatch-v0"))
    at, _ = np.nonzero(tables.child >= 0)
    assert (tables.child[tables.child >= 0] > at).all()
    assert not tables.legal[tables.mover == TERMINAL].any()
    game = multiagent.tree("LeducPoker-v0")
    sums = np.zeros(len(game.parent))
    np.add.at(sums, game.parent[1:], game.chance[1:])
    assert np.allclose(sums[game.player == CHANCE], 1)


def test_infosets_share_player_and_actions() -> None:
    game = multiagent.tree("LeducPoker-v0")
    own = np.flatnonzero(game.infoset >= 0)
    assert (game.owner()[game.infoset[own]] == game.player[own]).all()
    counts = np.bincount(game.parent[1:], minlength=len(game.parent))
    assert all(counts[node] == len(game.actions[game.infoset[node]]) for node in own)


def test_what_is_too_large_or_has_secrets_says_so() -> None:
    with pytest.raises(ValueError, match="more than 1,000 nodes; raise limit"):
        multiagent.tree("TicTacToe-v0", limit=1000)
    with pytest.raises(ValueError, match="more than 100 states"):
        explored(TicTacToe(), limit=100)
    with pytest.raises(ValueError, match="has chance"):
        multiagent.states("KuhnPoker-v0")
    with pytest.raises(ValueError, match="has secrets"):
        multiagent.states("RockPaperScissors-v0")


@dataclasses.dataclass(frozen=True)
class Endless(TicTacToe):
    """A game that comes back to where it was."""

    def after(self, state: tuple[int, ...], move: int) -> tuple[int, ...]:
        return self.start()


def test_a_game_that_comes_back_is_refused() -> None:
    with pytest.raises(ValueError, match="return to an earlier state"):
        state_game(Endless())


@dataclasses.dataclass(frozen=True)
class Mumbling(KuhnPoker):
    """Poker whose players are told nothing, and have one action less with a jack."""

    def told(self, state: Hand, player: int) -> str:
        return ""

    def moves(self, state: Hand) -> Sequence[int]:
        moves = super().moves(state)
        return moves[:1] if self.mover(state) == 0 and state.cards[0] == 0 else moves


def test_infosets_with_different_actions_are_refused() -> None:
    with pytest.raises(ValueError, match="told\\(\\) must tell these apart"):
        extensive(Mumbling())
