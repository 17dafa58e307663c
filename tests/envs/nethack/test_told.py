"""Features that are told late are what they would have been at once, and behave as a dict."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nle")

from operant.envs.nethack import facts, features
from operant.envs.nethack.tasks.score import ScoreWorld
from operant.envs.nethack.told import Told, told_later

NAMES = [feature.name for feature in features.table(())]
VALUES = list(range(100, 100 + facts.FEATURES))
PLAIN = dict(zip(NAMES, VALUES, strict=True))


@pytest.fixture
def told() -> Told:
    return told_later(NAMES, np.array(VALUES, np.int64).tobytes())


LOOKS: dict[str, Callable[[Any], Any]] = {
    "equal": lambda d: d == PLAIN and d == PLAIN and not d != PLAIN,  # noqa: SIM202 (both are asked)
    "dict": dict,
    "unpacked": lambda d: {**d},
    "merged": lambda d: d | {"x": 0},
    "merged into": lambda d: {"x": 0, "more": 1} | d,
    "keys": lambda d: list(d),
    "backwards": lambda d: list(reversed(d)),
    "items": lambda d: list(d.items()),
    "values": lambda d: list(d.values()),
    "length": len,
    "truth": bool,
    "member": lambda d: "hp" in d and "nothing" not in d,
    "item": lambda d: d["hp"],
    "get": lambda d: (d.get("hp"), d.get("nothing", 3)),
    "pop": lambda d: (d.pop("hp"), dict(d)),
    "text": repr,
    "json": json.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda d: pickle.loads(pickle.dumps(d)),
    "updated": lambda d: (d.update(hp=1), dict(d)),
    "other's update": lambda d: _updated({}, d),
}


def _updated(target: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    target.update(source)
    return target


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_every_first_look_sees_a_full_dict(look: Callable[[Any], Any], told: Told) -> None:
    assert look(told) == look(dict(PLAIN))


def test_what_is_missing_is_missing(told: Told) -> None:
    with pytest.raises(KeyError, match="nothing"):
        told["nothing"]
    with pytest.raises(KeyError, match="nothing"):
        told["nothing"]


def test_late_looks_see_the_step_they_belong_to() -> None:
    early, late = (ScoreWorld(max_steps=300) for _ in range(2))
    kept, expected = [], []
    for world in (early, late):
        world.seed([11])
        world.reset(np.zeros(1, np.int64))
    for action in np.random.default_rng(3).integers(23, size=300).tolist():
        expected.append(dict(early.play(action)[4]["features"]))
        kept.append(late.play(action)[4]["features"])
        if early.out.terminated[0]:
            break
    assert [dict(told) for told in kept] == expected
    assert len({told["message_class"] for told in kept}) > 3
    for world in (early, late):
        world.close()


def test_steps_of_machine_code_and_of_a_row_tell_the_same() -> None:
    alone, batch = ScoreWorld(max_steps=400), ScoreWorld(num=2, max_steps=400)
    for world, rows in ((alone, 1), (batch, 2)):
        world.seed([5] * rows)
        world.reset(np.arange(rows))
    for action in np.random.default_rng(1).integers(23, size=400).tolist():
        _, reward, terminated, _, info = alone.play(action)
        batch.step(np.array([1]), np.array([action]))
        assert info["features"] == batch.told(1)
        assert reward == batch.out.reward[1]
        assert terminated == batch.out.terminated[1]
        if terminated:
            break
    assert alone.get_state()["out/features/known_cells"] == batch.told(1)["known_cells"]
    alone.close()
    batch.close()


@pytest.mark.parametrize(
    "hold",
    [lambda obs: obs, lambda obs: obs["glyphs"][3:5], lambda obs: memoryview(obs["glyphs"])],
    ids=["all", "a view", "a buffer"],
)
def test_memory_that_somebody_holds_is_never_written_again(hold: Callable[[Any], Any]) -> None:
    world = ScoreWorld(max_steps=300)
    world.seed([2])
    world.reset(np.zeros(1, np.int64))
    held, copies, places = [], [], set()
    for at, action in enumerate(np.random.default_rng(1).integers(23, size=120).tolist()):
        obs = world.play(action)[0]
        places.add(obs["glyphs"].ctypes.data)
        if at % 3 == 0:
            held.append(hold(obs))
            copies.append(copy.deepcopy(obs))
        del obs
    for mine, other in zip(held, copies, strict=True):
        expected = hold(other)
        if isinstance(mine, dict):
            for key, part in mine.items():
                np.testing.assert_array_equal(part, expected[key])
        else:
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(expected))
    world.close()


def test_memory_that_nobody_holds_is_used_again() -> None:
    world = ScoreWorld(max_steps=300)
    world.seed([2])
    world.reset(np.zeros(1, np.int64))
    places = {world.play(17)[0]["glyphs"].ctypes.data for _ in range(50)}
    assert len(places) == 2
    world.close()
