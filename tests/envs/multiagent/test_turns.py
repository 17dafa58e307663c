from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from operant.envs import multiagent
from operant.games import TurnBatch


def test_it_follows_the_protocol() -> None:
    batch: TurnBatch = multiagent.make_batch("KuhnPoker-v0", 3)
    assert (batch.num, batch.players, batch.action_space.n) == (3, 2, 2)


def test_deals_are_fair() -> None:
    batch = multiagent.make_batch("KuhnPoker-v0", 6000)
    batch.reset(range(6000))
    first = batch.obs[:, 2:5].argmax(1)
    batch.step(np.zeros(6000, np.int64))
    second = batch.obs[:, 2:5].argmax(1)
    counts = np.bincount(3 * first + second, minlength=9).reshape(3, 3)
    assert counts.diagonal().sum() == 0
    assert abs(counts[~np.eye(3, dtype=bool)] - 1000).max() < 5 * np.sqrt(1000 * 5 / 6)


def test_a_game_that_ends_starts_again_at_once() -> None:
    batch = multiagent.make_batch("TicTacToe-v0", 2)
    batch.reset([0, 1])
    for cells in ((0, 8), (3, 1), (1, 7), (4, 2)):
        _, over = batch.step(np.array(cells))
        assert not over.any()
    rewards, over = batch.step(np.array([2, 6]))  # a row on top; a row at the bottom
    assert over.all()
    assert rewards.tolist() == [[1, -1], [1, -1]]
    assert batch.turn.tolist() == [0, 0]
    assert batch.legal.all()
    assert not batch.obs.any()


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 4], r"action 4 is illegal in row 1, where player 1 may do \[0, 1, 2, 3, 5, 6, 7, 8\]"),
        ([-1, 0], "action -1 is illegal in row 0"),
        ([9, 0], "action 9 is illegal in row 0"),
        ([0], "actions must be 2 integers"),
        ([0.0, 1.0], "actions must be 2 integers, got float64"),
    ],
)
def test_what_is_illegal_names_row_action_and_the_legal_ones(
    actions: list[int], message: str
) -> None:
    batch = multiagent.make_batch("TicTacToe-v0", 2)
    with pytest.raises(gym.error.ResetNeeded):
        batch.step(np.zeros(2, np.int64))
    batch.reset([0, 1])
    batch.step(np.array([4, 4]))
    with pytest.raises(ValueError, match=message):
        batch.step(np.array(actions))
    assert batch.legal.sum(1).tolist() == [8, 8]


def test_states_of_other_sizes_are_refused() -> None:
    batch, other = (multiagent.make_batch("KuhnPoker-v0", number) for number in (2, 3))
    batch.reset([0, 1])
    with pytest.raises(ValueError, match="the state has 2 rows, this batch has 3"):
        other.set_state(batch.get_state())
    with pytest.raises(ValueError, match="num_envs must be an integer >= 1, got 0"):
        multiagent.make_batch("KuhnPoker-v0", 0)
