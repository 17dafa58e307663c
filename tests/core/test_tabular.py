from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from operant.tabular import TabularMDP

CHAIN = TabularMDP(
    next_state=np.array([[0, 1], [0, 2], [1, -1]]),
    reward=np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]),
    success=np.array([[False, False], [False, False], [False, True]]),
    obs=np.arange(3),
    features={"at": np.arange(3)},
    successor_features={"at": np.array([[0, 1], [0, 2], [1, 3]])},
)


def test_sizes_come_from_the_table() -> None:
    assert (CHAIN.num_states, CHAIN.num_actions) == (3, 2)


def test_tables_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHAIN.reward = np.zeros((3, 2))


def test_checkers_planner_solves_the_chain() -> None:
    """Three steps right are best; by hand: V = 0.81, 0.9, 1.0 at gamma = 0.9."""
    from operant.testing._invariance import _optimal_actions

    assert _optimal_actions(CHAIN, CHAIN.reward, 0.9).tolist() == [[False, True]] * 3
    # A farm: 0.2 per step for staying in state 0 is worth 2.0 > 0.81.
    farm = CHAIN.reward.copy()
    farm[0, 0] = 0.2
    assert _optimal_actions(CHAIN, farm, 0.9)[0].tolist() == [True, False]
