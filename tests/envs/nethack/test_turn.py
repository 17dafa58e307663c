"""Machine code that follows addresses: nothing that it writes to is ever gone, moved or overrun."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nle")

from operant.envs.nethack import facts as f
from operant.envs.nethack import judging
from operant.envs.nethack.tasks.score import ScoreWorld
from operant.envs.nethack.turn import OPENING, STUDY, TurnRow

SEARCH = ord("s")
_CANARY, _MARGIN = 77, 64


@pytest.fixture
def world() -> Iterator[ScoreWorld]:
    made = ScoreWorld(max_steps=300)
    made.seed([3])
    made.reset(np.zeros(1, np.int64))
    yield made
    made.close()


def seat_of(world: ScoreWorld) -> TurnRow:
    seat = world.seats[0]
    assert seat is not None
    return seat


def test_a_row_outlives_its_world() -> None:
    world = ScoreWorld(max_steps=300)
    world.seed([3])
    world.reset(np.zeros(1, np.int64))
    seat, notes, game = seat_of(world), weakref.ref(world._notes), weakref.ref(world.games[0])
    shelved = world._shelf[0][1]
    del world
    gc.collect()
    assert notes() is not None
    assert game() is not None
    assert seat.play(SEARCH) >= 0
    assert shelved.play(SEARCH) >= 0
    assert seat.play(STUDY) == 0
    game().close()  # type: ignore[union-attr]


@pytest.mark.parametrize("place", [0, 1], ids=["plain", "with copies"])
def test_a_game_that_was_closed_is_not_played(world: ScoreWorld, place: int) -> None:
    seat = (seat_of(world), world._shelf[0][1])[place]
    world.close()
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        seat.play(SEARCH)
    assert seat.play(STUDY) == 0  # it may be looked at, for the arrays are there


def test_a_game_whose_reset_failed_is_not_played(
    world: ScoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operant.envs.nethack.game._PATIENCE", 0)
    with pytest.raises(RuntimeError, match="first move"):
        world.reset(np.zeros(1, np.int64))
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        world.play(17)


def test_the_memory_of_an_observation_cannot_be_moved(world: ScoreWorld) -> None:
    for part in world.play(17)[0].values():
        with pytest.raises(ValueError, match="does not own"):
            part.resize(2 * part.size, refcheck=False)


def padded(shape: tuple[int, ...], dtype: Any, all_: list[Any]) -> Any:
    """Return an array in the middle of one that is full of a number."""
    size = int(np.prod(shape))
    whole = np.full(size + 2 * _MARGIN, _CANARY, dtype)
    all_.append(whole)
    return whole[_MARGIN : _MARGIN + size].reshape(shape)


def test_nothing_is_written_beyond_its_place(world: ScoreWorld) -> None:
    game, all_ = world.games[0], list[Any]()
    assert game is not None
    shown = {
        "crop": padded((9, 9), np.uint8, all_),
        "blstats": padded((27,), np.float32, all_),
        "message": padded((16,), np.float32, all_),
    }
    ledger = padded((judging.LEDGER,), np.float64, all_)
    ledger[:] = world._ledgers[0]
    judged = [padded((1,), dtype, all_) for dtype in (np.float64, np.uint8, np.uint8)]
    numbers = [padded((size,), np.int64, all_) for size in (f.LENGTH, f.FACTS)]
    row = TurnRow(game, *numbers, ledger, judged, shown)
    row.play(OPENING)
    for action in np.random.default_rng(0).integers(23, size=100).tolist():
        if row.play(world.keys[action]) & 1:
            break
        row.play(STUDY)
        for whole in all_:
            assert (whole[:_MARGIN] == _CANARY).all()
            assert (whole[-_MARGIN:] == _CANARY).all()
