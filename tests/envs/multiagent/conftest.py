"""What tests of games share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from operant.envs.multiagent.rules import GameRules
from operant.games import CHANCE, TERMINAL


def _compare(
    rules: GameRules[Any], state: Any, judge: Any
) -> tuple[int, int, set[tuple[str, str]]]:
    """Compare whole trees; return inner nodes, ends, and pairs of information sets' names."""
    mover = rules.mover(state)
    if judge.is_terminal():
        assert mover == TERMINAL
        assert list(rules.payoff(state)) == judge.returns()
        return 0, 1, set()
    inner, ends, names = 1, 0, set()
    if judge.is_chance_node():
        assert mover == CHANCE
        outcomes, odds = zip(*judge.chance_outcomes(), strict=True)
        assert tuple(rules.moves(state)) == outcomes
        assert np.allclose(rules.odds(state), odds, rtol=0, atol=1e-15)
    else:
        assert mover == judge.current_player()
        assert list(rules.moves(state)) == judge.legal_actions()
        assert rules.seen(state, mover).tolist() == judge.information_state_tensor()
        names.add((rules.told(state, mover), judge.information_state_string()))
    for move in rules.moves(state):
        more = _compare(rules, rules.after(state, move), judge.child(move))
        inner, ends, names = inner + more[0], ends + more[1], names | more[2]
    return inner, ends, names


@pytest.fixture
def compare() -> Callable[..., tuple[int, int, set[tuple[str, str]]]]:
    """A function of rules and OpenSpiel's name of the game, see :func:`_compare`."""
    pyspiel = pytest.importorskip("pyspiel")
    return lambda rules, name: _compare(
        rules, rules.start(), pyspiel.load_game(name).new_initial_state()
    )
