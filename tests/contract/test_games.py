"""Every row of a game keeps the contract; a new row is tested without an edit here."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, cast

import pytest

from operant.envs import multiagent
from operant.envs.multiagent import GameRow
from operant.errors import MissingExtraError

pytest.importorskip("pettingzoo")

# PettingZoo would rather have observations without masks, and no empty boards at the start.
TASTES = pytest.mark.filterwarnings(
    "ignore:Observation (space for each agent probably|numpy array is all zeros|is not a NumPy)",
)


def _params(*interfaces: str) -> list[object]:
    """Return ids with marks: what differs from another row in options only is slow."""
    params: list[object] = []
    kinds = set()
    for row in multiagent.games():
        row = cast(GameRow, row)
        if row.interface in interfaces:
            marks = [pytest.mark.integration] if row.tier else []
            marks = [pytest.mark.slow] if row.entry_point in kinds else marks
            params.append(pytest.param(row.id, marks=marks))
            kinds.add(row.entry_point)
    return params


def _made(game_id: str) -> Callable[[], Any]:
    """Return what builds the game; skip what is not installed here."""
    try:
        multiagent.make(game_id).close()
    except MissingExtraError as error:
        pytest.skip(str(error))
    return functools.partial(multiagent.make, game_id)


@pytest.fixture(scope="module")
def judge() -> Any:
    """PettingZoo's tests, whose module imports what it has deprecated itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pettingzoo.test

    return pettingzoo.test


@pytest.mark.parametrize("game_id", _params("aec", "parallel"))
def test_game_is_sound(game_id: str) -> None:
    _made(game_id)
    multiagent.check(game_id, moves=40)


@pytest.mark.slow
@pytest.mark.parametrize("game_id", _params("aec", "parallel"))
def test_game_is_sound_for_long(game_id: str) -> None:
    _made(game_id)
    multiagent.check(game_id, moves=1000)


@TASTES
@pytest.mark.parametrize("game_id", _params("aec"))
def test_pettingzoo_accepts_it(game_id: str, judge: Any) -> None:
    make = _made(game_id)
    judge.api_test(make(), num_cycles=100)
    judge.seed_test(make, num_cycles=100)


@TASTES
@pytest.mark.parametrize("game_id", _params("parallel"))
def test_pettingzoo_accepts_it_in_parallel(game_id: str, judge: Any) -> None:
    make = _made(game_id)
    judge.parallel_api_test(make(), num_cycles=100)
    judge.parallel_seed_test(make, num_cycles=100)


@pytest.mark.parametrize("game_id", _params("aec", "parallel"))
def test_row_is_complete(game_id: str) -> None:
    row = cast(GameRow, multiagent.games()[game_id])
    env = _made(game_id)()
    assert row.summary
    assert env.metadata["name"] == game_id
    kinds = {"aec": "agent_iter", "parallel": "step"}
    assert hasattr(env, kinds[row.interface])
    assert row.interface == "aec" or not hasattr(env, "agent_iter")
    if row.players:
        assert len(env.possible_agents) == row.players
