from __future__ import annotations

import numpy as np
import pytest

from operant.envs import multiagent
from operant.envs.multiagent.tic_tac_toe import TicTacToe, winner
from operant.games import TERMINAL


def test_states_and_values() -> None:
    game = multiagent.states("TicTacToe-v0")
    assert len(game.mover) == 5478
    ends = game.payoff[game.mover == TERMINAL, 0]
    assert [(ends == won).sum() for won in (1, 0, -1)] == [626, 16, 316]
    values = game.values()
    assert values[0].tolist() == [0, 0]
    assert game.best(values)[0].all()  # every opening draws
    assert (values[:, 0] == -values[:, 1]).all()


def test_best_moves_win_and_block() -> None:
    game = multiagent.states("TicTacToe-v0")
    best = game.best(game.values())
    state = 0
    for cell in (0, 4, 1):  # two in a row: the second player must block
        state = game.successor[state, cell]
    assert np.flatnonzero(best[state]).tolist() == [2]
    state = game.successor[game.successor[0, 0], 1]
    assert game.values()[state, 0] == 1  # an edge is no reply to a corner


def test_who_won() -> None:
    assert winner((2, 1, 1, 1, 2, 0, 0, 0, 2)) == 2
    assert winner((1, 2, 1, 1, 2, 2, 2, 1, 1)) == 0


def test_planes_are_the_own_ones_first() -> None:
    seen = TicTacToe().seen((1, 0, 0, 0, 2, 0, 0, 0, 0), 1)
    assert np.argwhere(seen).tolist() == [[0, 0, 1], [1, 1, 0]]


def test_it_is_openspiels_game() -> None:
    pyspiel = pytest.importorskip("pyspiel")
    rules, rng = TicTacToe(), np.random.default_rng(0)
    for _ in range(50):
        state, judge = rules.start(), pyspiel.load_game("tic_tac_toe").new_initial_state()
        while not judge.is_terminal():
            assert rules.mover(state) == judge.current_player()
            assert list(rules.moves(state)) == judge.legal_actions()
            move = int(rng.choice(judge.legal_actions()))
            state = rules.after(state, move)
            judge.apply_action(move)
        assert rules.mover(state) == TERMINAL
        assert list(rules.payoff(state)) == judge.returns()


def test_an_illegal_move_loses_and_ends_the_game() -> None:
    pytest.importorskip("pettingzoo")
    env = multiagent.make("TicTacToe-v0")
    env.reset(seed=0)
    env.step(4)
    env.step(4)
    assert env.rewards == {"player_0": 0.0, "player_1": -1.0}
    assert all(env.terminations.values())
    assert env.infos["player_0"]["illegal_move"] == 1
