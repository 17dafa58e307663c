"""Observations and pictures."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("nle")

from nle.env import base

import operant
from operant.envs.nethack import glyphs, render, views

assert operant


def test_spaces_are_nles() -> None:
    theirs = dict(base.NLE_SPACE_ITEMS)
    for key, space in views.KeysView(tuple(views.KEYS)).space.spaces.items():
        assert isinstance(space, gym.spaces.Box)
        assert space == theirs[key], key


def compact(**fill: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    space = views.CompactView.space
    obs = {key: np.zeros((1, *part.shape), part.dtype) for key, part in space.spaces.items()}
    buffers = {key: np.zeros(**views.KEYS[key]) for key in views.DEFAULT}
    buffers["glyphs"][:] = 2359
    for key, (place, value) in fill.items():
        buffers[key][place] = value
    shown = [obs[key][0] for key in ("crop", "blstats", "message")]
    screen = [buffers[key] for key in views.DEFAULT]
    views.compact(*shown, *screen, glyphs.CLASS_OF, views.SCALES)
    assert space.contains({key: value[0] for key, value in obs.items()})
    return obs["crop"][0], obs["blstats"][0], obs["message"][0]


def test_the_crop_is_around_the_hero_and_blank_outside_of_the_map() -> None:
    crop, _, _ = compact(glyphs=((2, 3), 2359 + 24), blstats=(slice(0, 2), (1, 1)))
    assert crop[5, 6] == 8  # stairs down, two to the right and one below
    assert crop.sum() == 8


def test_numbers_are_scaled_into_one_range() -> None:
    _, status, _ = compact(blstats=([10, 20, 16], [10, 10**9, -10]))
    assert status[10] == 0.5
    assert 0.999 < status[20] <= 1.0
    assert status[16] == -0.5


def test_messages_have_codes_that_differ() -> None:
    texts = [b"", b"It's a wall.", b"It's a wall!", b"You kill the newt!", b"You hear some noises."]
    codes = [compact(message=(slice(len(t)), np.frombuffer(t, np.uint8)))[2] for t in texts]
    assert (codes[0] == 0).all()
    assert all((np.abs(code) == 1).all() for code in codes[1:])
    assert len({code.tobytes() for code in codes}) == len(codes)


def test_rendering_plays_the_episode_again_and_changes_nothing() -> None:
    looking = gym.make("NLEScore-v0", render_mode="ansi")
    blind = gym.make("NLEScore-v0")
    for env in (looking, blind):
        env.reset(seed=2)
    for t, action in enumerate(np.random.default_rng(0).integers(23, size=60).tolist()):
        one, two = looking.step(action), blind.step(action)
        assert one[1:4] == two[1:4]
        assert all((one[0][key] == two[0][key]).all() for key in one[0])
        if t % 20 == 10:
            text: Any = looking.render()
            assert f"HP:{one[0]['blstats'][10]}(" in text.replace("\033[0m", "")
    looking.close()
    blind.close()


def test_a_frame_shows_letters_in_their_colours() -> None:
    chars = np.full((24, 80), ord(" "), np.uint8)
    colors = np.zeros((24, 80), np.int8)
    chars[3, 5], colors[3, 5] = ord("@"), 9
    frame = render.frame(chars, colors, np.array([20, 70], np.uint8))
    assert frame.shape == (24 * render.HEIGHT, 80 * render.WIDTH, 3)
    cell = frame[3 * 16 : 4 * 16, 5 * 8 : 6 * 8].reshape(-1, 3)
    assert (cell.max(axis=0) == render.COLOURS[9]).all()
    frame[3 * 16 : 4 * 16, 5 * 8 : 6 * 8] = 0
    frame[20 * 16 : 21 * 16, 70 * 8 : 71 * 8] = 0  # the cursor
    assert not frame.any()


def test_text_is_coloured_and_marks_the_cursor() -> None:
    chars = np.full((24, 80), ord(" "), np.uint8)
    colors = np.zeros((24, 80), np.int8)
    chars[0, :2], colors[0, :2] = [ord("d"), ord("@")], [1, 15]
    line = render.text(chars, colors, np.array([0, 1], np.uint8)).split("\n")[0]
    assert line == "\033[0;0;31md\033[0;1;37;7m@\033[0;1;37m\033[0m"
