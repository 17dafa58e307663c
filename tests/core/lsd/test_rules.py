"""How counters move, by table, and what bad rules are told."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from operant.lsd import LSDInstance, LSDRules

RESET = LSDRules(K=1, D=4, S=3)
GRADUAL = LSDRules(K=1, D=4, S=3, recovery="gradual")
POSITIVE = LSDRules(K=1, D=4, S=0)
MOVES = {
    # tau: (after a play, after a rest)
    "reset": (
        RESET,
        {-3: (-3, 1), -2: (-3, 1), -1: (-2, 1), 1: (-1, 2), 2: (-1, 3), 3: (-1, 4), 4: (-1, 4)},
    ),
    "gradual": (
        GRADUAL,
        {-3: (-3, -2), -2: (-3, -1), -1: (-2, 1), 1: (-1, 2), 2: (-1, 3), 3: (-1, 4), 4: (-1, 4)},
    ),
    "positive": (POSITIVE, {1: (1, 2), 2: (1, 3), 3: (1, 4), 4: (1, 4)}),
}


@pytest.mark.parametrize("name", MOVES)
def test_every_counter_moves_as_the_table_says(name: str) -> None:
    rules, table = MOVES[name]
    assert rules.taus.tolist() == list(table)
    for tau, (played, rested) in table.items():
        levels = rules.levels([[tau]])
        for action, expected in ((0, played), (1, rested)):
            after = rules.advance(levels, np.array([action]))
            assert rules.taus[after].tolist() == [[expected]], (tau, action)


def test_rows_and_arms_move_independently() -> None:
    rules = LSDRules(K=3, D=3, S=2)
    taus = rules.levels([[3, -2, 1], [1, -1, 3], [2, 3, -2]])
    after = rules.taus[rules.advance(taus, np.array([1, 2, 3]))]
    assert after.tolist() == [[3, -2, 2], [2, 1, -1], [3, 3, 1]]


def test_levels_and_counters_are_each_others_inverse() -> None:
    np.testing.assert_array_equal(RESET.levels(RESET.taus), np.arange(7))
    assert RESET.start(2).tolist() == [[6], [6]]
    assert RESET.start(tau=1).tolist() == [[3]]
    assert (RESET.states, LSDRules(K=3, D=4, S=3).states, LSDRules(K=8, D=4, S=3).actions) == (
        7,
        343,
        9,
    )


def test_means_are_those_before_the_move() -> None:
    rules = LSDRules(K=2, D=2, S=1)
    instance = LSDInstance(rules=rules, payoffs=np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))
    levels = rules.levels([[-1, 2], [1, 1], [2, -1]])
    assert instance.means(levels, np.array([0, 1, 2])).tolist() == [0.1, 0.5, 0.0]
    np.testing.assert_array_equal(
        instance.rewards(levels), [[0.1, 0.6, 0.0], [0.2, 0.5, 0.0], [0.3, 0.4, 0.0]]
    )
    assert instance.monotone


def test_monotone_means_that_more_rest_never_pays_less() -> None:
    rules = LSDRules(K=1, D=2, S=1)
    assert LSDInstance(rules=rules, payoffs=[[0.5, 0.5, 0.5]]).monotone
    assert not LSDInstance(rules=rules, payoffs=[[0.6, 0.5, 0.7]]).monotone  # mu(-1) > mu(1)
    assert not LSDInstance(rules=rules, payoffs=[[0.1, 0.5, 0.4]]).monotone


def test_an_instance_cannot_be_changed_and_can_be_pickled() -> None:
    given = np.full((1, 7), 0.5)
    instance = LSDInstance(rules=RESET, payoffs=given)
    given[:] = 0.0
    assert instance.payoffs.min() == 0.5
    with pytest.raises(ValueError, match="read-only"):
        instance.payoffs[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        RESET.idle[0] = 5
    again = pickle.loads(pickle.dumps(instance))
    assert again.rules == RESET
    np.testing.assert_array_equal(again.payoffs, instance.payoffs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"K": 0, "D": 1, "S": 1}, r"K must be an integer in \[1, 10000\], got 0"),
        ({"K": 2, "D": 0, "S": 1}, "D must be an integer in .*, got 0"),
        ({"K": 2, "D": 1, "S": -1}, "S must be an integer in .*, got -1"),
        ({"K": 2.5, "D": 1, "S": 1}, "K must be an integer"),
        ({"K": 2, "D": 1, "S": 1, "recovery": "slow"}, "recovery must be one of .*'slow'"),
    ],
)
def test_bad_rules_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LSDRules(**arguments)


def test_bad_tables_and_counters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"payoffs must be \(1, 7\) finite numbers"):
        LSDInstance(rules=RESET, payoffs=np.zeros((1, 6)))
    with pytest.raises(ValueError, match="finite"):
        LSDInstance(rules=RESET, payoffs=np.full((1, 7), np.nan))
    with pytest.raises(ValueError, match=r"tau must be -3 to -1 or 1 to 4, got \[0\]"):
        RESET.levels([0])
    with pytest.raises(ValueError, match=r"tau must be 1 to 4, got \[-1\]"):
        POSITIVE.levels([-1])
