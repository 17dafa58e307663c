"""Pictures of levels."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.render import TILE

GOLDEN = """\
##########
## . L .##
## k## .##
## <## G##
##########"""
"""MiniGrid's DoorKey-5x5 at seed 0, from MiniGrid's own text."""


def env_at(seed: int, mode: str, size: int = 5, **kwargs):
    env = gym.make(f"SparseKey-{size}x{size}-v0", render_mode=mode, **kwargs).unwrapped
    env.reset(seed=seed)
    return env


def tile(frame: np.ndarray, x: int, y: int) -> np.ndarray:
    return frame[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE]


def here(env) -> tuple[int, int]:
    features = env._features()
    return int(features["agent_x"]), int(features["agent_y"])


def test_text_of_a_fixed_level() -> None:
    env = env_at(0, "ansi", layout="minigrid")
    assert env.render() == GOLDEN


def test_text_equals_minigrids() -> None:
    """MiniGrid prints two characters per cell, too; only its alphabet differs."""
    alphabet = {"  ": " .", "WG": "##", "GG": " G", "KY": " k", "LY": " L", "DY": " D", "__": " _"}
    theirs = gym.make("MiniGrid-DoorKey-6x6-v0").unwrapped
    ours = env_at(0, "ansi", size=6, layout="minigrid")
    for seed in range(5):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        plan = ours.oracle().actions
        for action in [None, *plan[:-1], 1, 5, 4, 0]:
            if action is not None:
                ours.step(action)
                theirs.step(action)
            lines = []
            for line in theirs.pprint_grid().split("\n"):
                cells = [line[i : i + 2] for i in range(0, len(line), 2)]
                agent = {">>": ">", "VV": "v", "<<": "<", "^^": "^"}
                load = "*" if theirs.carrying else " "
                lines.append("".join(load + agent[c] if c in agent else alphabet[c] for c in cells))
            assert ours.render() == "\n".join(lines)


def test_frame_shape_and_dtype() -> None:
    for size in (5, 8):
        frame = env_at(0, "rgb_array", size).render()
        assert frame.shape == (size * TILE, size * TILE, 3)
        assert frame.dtype == np.uint8
        assert frame.min() < 60 < 200 < frame.max()


def test_direction_shows() -> None:
    env = env_at(0, "rgb_array")
    x, y = here(env)
    tiles = []
    for _ in range(4):
        tiles.append(tile(env.render(), x, y).tobytes())
        env.step(1)
    assert len(set(tiles)) == 4
    assert tile(env.render(), x, y).tobytes() == tiles[0]


def test_door_states_and_a_carried_key_show() -> None:
    env = env_at(0, "rgb_array", layout="minigrid")
    key_at, door_at = (1, 2), (2, 1)  # as in the golden text
    locked, floor_with_key = tile(env.render(), *door_at), tile(env.render(), *key_at)
    empty_handed = tile(env.render(), *here(env))
    while not env._features()["has_key"]:
        env.step(env.oracle().actions[0])
    carrying = tile(env.render(), *here(env))
    assert (tile(env.render(), *key_at) != floor_with_key).any()
    yellow = (carrying[..., 0] > 180) & (carrying[..., 1] > 140) & (carrying[..., 2] < 110)
    assert yellow.sum() > 5
    assert not ((empty_handed[..., 0] > 180) & (empty_handed[..., 1] > 140)).any()
    while not env._features()["door_open"]:
        env.step(env.oracle().actions[0])
    opened = tile(env.render(), *door_at)
    env.step(5)
    closed = tile(env.render(), *door_at)
    pictures = {locked.tobytes(), opened.tobytes(), closed.tobytes()}
    assert len(pictures) == 3


def test_what_the_agent_sees_is_brighter() -> None:
    env = env_at(0, "rgb_array", size=8)
    x, y = here(env)
    image, direction = env._obs()["image"], int(env._obs()["direction"])
    frame = env.render().astype(int)
    ahead, right = [((1, 0), (0, 1), (-1, 0), (0, -1))[(direction + k) % 4] for k in (0, 1)]
    seen = {
        (x + (6 - j) * ahead[0] + (i - 3) * right[0], y + (6 - j) * ahead[1] + (i - 3) * right[1])
        for i in range(7)
        for j in range(7)
        if image[i, j, 0]
    }
    floor = {True: [], False: []}
    env_text = env_at(0, "ansi", size=8)
    for row, line in enumerate(env_text.render().split("\n")):
        for column in range(8):
            if line[2 * column : 2 * column + 2] == " .":
                brightness = tile(frame, column, row)[5:-5, 5:-5].mean()
                floor[(column, row) in seen].append(brightness)
    assert len(floor[True]) > 0
    assert len(floor[False]) > 0
    assert min(floor[True]) > max(floor[False]) + 10


def test_vector_frames_are_the_scalar_ones() -> None:
    env = gym.make_vec("SparseKey-6x6-v0", num_envs=3, render_mode="rgb_array")
    env.reset(seed=20)
    env.step(np.array([0, 1, 2]))
    frames = env.render()
    assert isinstance(frames, tuple)
    assert len(frames) == 3
    for row, frame in enumerate(frames):
        scalar = env_at(20 + row, "rgb_array", size=6)
        scalar.step(row)
        np.testing.assert_array_equal(frame, scalar.render())


def test_nothing_is_drawn_without_a_render_mode() -> None:
    env = gym.make("SparseKey-5x5-v0").unwrapped
    env.reset(seed=0)
    assert env.render() is None
    batch = gym.make_vec("SparseKey-5x5-v0", num_envs=2)
    batch.reset(seed=0)
    assert batch.render() is None


@pytest.mark.parametrize("mode", ["rgb_array", "ansi"])
def test_drawing_changes_nothing(mode: str) -> None:
    env = env_at(1, mode)
    before = env.get_state()
    env.render()
    for key, value in env.get_state().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)
