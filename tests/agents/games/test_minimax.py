"""Tic-tac-toe, and a game of one heap that is solved by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from operant.agents.games.minimax import Minimax
from operant.agents.games.policies import UniformSeat, state_policy
from operant.envs.multiagent.explore import state_game
from operant.envs.multiagent.tic_tac_toe import TicTacToe
from operant.games import TERMINAL, StateGame


def nim(heap: int) -> StateGame:
    """Return the game in which two take 1 to 3 of a heap in turn, and who takes the last wins."""
    places = [(left, mover) for left in range(heap, 0, -1) for mover in range(2)]
    number = {place: index for index, place in enumerate(places)}
    ends = [len(places), len(places) + 1]  # won by the first, by the second
    successor = np.full((len(places) + 2, 3), -1)
    for (left, mover), state in number.items():
        for take in range(1, min(3, left) + 1):
            over = take == left
            successor[state, take - 1] = ends[mover] if over else number[left - take, 1 - mover]
    payoff = np.zeros((len(places) + 2, 2))
    payoff[ends[0]], payoff[ends[1]] = (1, -1), (-1, 1)
    return StateGame(
        players=2,
        mover=np.array([*(mover for _, mover in places), TERMINAL, TERMINAL]),
        successor=successor,
        payoff=payoff,
        obs=np.zeros((len(places) + 2, 1)),
    )


@pytest.fixture(scope="module")
def tic_tac_toe() -> Minimax:
    return Minimax(state_game(TicTacToe()))


@pytest.mark.parametrize("heap", range(1, 10))
def test_nim_is_lost_exactly_at_multiples_of_four(heap: int) -> None:
    assert Minimax(nim(heap)).value.tolist() == ([-1, 1] if heap % 4 == 0 else [1, -1])


def test_perfect_play_draws_tic_tac_toe(tic_tac_toe: Minimax) -> None:
    assert len(tic_tac_toe.values) == 5478
    assert tic_tac_toe.value.tolist() == [0, 0]
    assert tic_tac_toe.optimality_gap(tic_tac_toe.perfect).tolist() == [0, 0]
    assert tic_tac_toe.loss_rate(tic_tac_toe.perfect, 0) == 0
    assert (tic_tac_toe.perfect[0] == 1 / 9).all()  # nothing is lost by any first move


def test_random_play_of_tic_tac_toe_is_the_known_one(tic_tac_toe: Minimax) -> None:
    uniform = state_policy(UniformSeat(), tic_tac_toe.game)
    # 131184 of 9! orders of play favour the first, 77904 the second, 46080 are draws; weighted by
    # how likely they are: 0.5849, 0.2881, 0.1270.
    assert tic_tac_toe.expected_values(uniform, uniform)[0] == pytest.approx(0.2968, abs=1e-4)
    assert tic_tac_toe.loss_rate(uniform, 0, uniform) == pytest.approx(0.2881, abs=1e-4)
    assert tic_tac_toe.loss_rate(uniform, 1, uniform) == pytest.approx(0.5849, abs=1e-4)
    gap = tic_tac_toe.optimality_gap(uniform)
    assert gap[1] > gap[0] > 0.5


def test_the_worst_case_is_no_better_than_any_opponent(tic_tac_toe: Minimax) -> None:
    uniform = state_policy(UniformSeat(), tic_tac_toe.game)
    for player in range(2):
        pair = (uniform, tic_tac_toe.perfect) if player == 0 else (tic_tac_toe.perfect, uniform)
        against_perfect = tic_tac_toe.expected_values(*pair)[player]
        assert tic_tac_toe.worst_case(uniform, player) <= against_perfect < 0


def test_a_mistake_costs_what_it_gives_away() -> None:
    solved = Minimax(nim(5))
    policy = solved.perfect.copy()
    policy[0] = [0.75, 0.25, 0.0]  # taking 1 leaves 4, which wins; taking 2 loses
    assert solved.optimality_gap(policy)[0] == pytest.approx(0.25 * 2)
    assert solved.loss_rate(policy, 0) == pytest.approx(0.25)


def test_bad_input_is_refused(tic_tac_toe: Minimax) -> None:
    policy = tic_tac_toe.perfect.copy()
    policy[0] = 0
    with pytest.raises(ValueError, match=r"policy\[0\] must be probabilities"):
        tic_tac_toe.worst_case(policy, 0)
    with pytest.raises(ValueError, match=r"shape \(5478, 9\), got \(3, 9\)"):
        tic_tac_toe.optimality_gap(policy[:3])
    coop = dataclasses.replace(nim(2), payoff=np.ones((6, 2)))
    with pytest.raises(ValueError, match="two players whose payoffs sum up to 0"):
        Minimax(coop)
