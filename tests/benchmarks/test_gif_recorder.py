"""Recording an env as it is stepped."""

from __future__ import annotations

import io
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import operant
from operant.benchmarks.gif import LAST_MS, STRIP, GifRecorder

ENV_ID = "SparseKey-5x5-v0"


def opened(data: bytes) -> list[tuple[np.ndarray, int]]:
    picture = Image.open(io.BytesIO(data))
    found = []
    for index in range(picture.n_frames):
        picture.seek(index)
        found.append((np.asarray(picture.convert("RGB")).astype(int), picture.info["duration"]))
    return found


def record(env, recorder: GifRecorder, actions: list) -> list[tuple[np.ndarray, int]]:
    env.reset(seed=4)
    recorder.capture()
    for action in actions:
        env.step(action)
        recorder.capture()
    return opened(recorder.gif())


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(np.abs(one - other).mean() < 3)  # few colours


def test_row_of_a_batch_looks_like_the_scalar_env(tmp_path: Path) -> None:
    batch = gym.make_vec(ENV_ID, num_envs=600)  # no render mode, and nothing else is drawn
    shown = record(batch, GifRecorder(batch, row=7), [np.full(600, a) for a in (1, 1, 1)])
    env = gym.make(ENV_ID, render_mode="rgb_array")
    env.reset(seed=4 + 7)
    expected = [env.render()]
    for action in (1, 1, 1):
        env.step(action)
        expected.append(env.render())
    assert len(shown) == len(expected)
    assert all(alike(frame, want) for (frame, _), want in zip(shown, expected, strict=True))
    assert not alike(shown[0][0], shown[2][0] + 60)


def test_wrapped_and_scalar_envs() -> None:
    plain = gym.make(ENV_ID, render_mode="rgb_array")
    scalar = record(plain, GifRecorder(plain), [0, 0])
    batch = operant.shape(gym.make_vec(ENV_ID, num_envs=2), "count", gamma=0.9)
    wrapped = record(batch, GifRecorder(batch, row=0), [np.zeros(2, int)] * 2)
    for (one, _), (other, _) in zip(scalar, wrapped, strict=True):
        assert alike(one, other)


def test_rows_of_other_vector_envs() -> None:
    pytest.importorskip("pygame")
    env = gym.make_vec("CartPole-v1", num_envs=2, render_mode="rgb_array")
    recorder = GifRecorder(env, row=1)
    shown = record(env, recorder, [np.zeros(2, int)] * 3)
    assert alike(shown[-1][0], np.asarray(env.render()[1]))
    assert len(recorder) == 4
    env.close()


@pytest.mark.parametrize(("fps", "frame_ms"), [(1, 1000), (8, 120), (10, 100), (30, 30), (50, 20)])
def test_frames_per_second(fps: float, frame_ms: int) -> None:
    env = gym.make(ENV_ID, render_mode="rgb_array")
    shown = record(env, GifRecorder(env, fps=fps), [0, 1, 0])
    assert [duration for _, duration in shown] == [frame_ms] * 3 + [LAST_MS]


def test_captions_have_room_below() -> None:
    env = gym.make(ENV_ID, render_mode="rgb_array")
    env.reset(seed=0)
    recorder = GifRecorder(env)
    recorder.capture("step 0")
    env.step(0)
    recorder.capture("step 1")
    (first, _), (second, _) = opened(recorder.gif())
    height = env.render().shape[0]
    assert first.shape[0] == height + STRIP
    assert np.abs(first[height:] - second[height:]).max() > 50


def test_colours_that_only_come_up_in_between_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    env = gym.make(ENV_ID, render_mode="rgb_array")
    recorder = GifRecorder(env)
    colours = [(255, 0, 0)] * 5 + [(0, 0, 255)] * 3 + [(0, 128, 0)] * 5
    for colour in colours:
        monkeypatch.setattr(env, "render", lambda c=colour: np.full((8, 8, 3), c, np.uint8))
        recorder.capture()
    kept = {tuple(frame[0, 0]) for frame, _ in opened(recorder.gif())}
    assert kept == set(colours)


def test_saved_whole(tmp_path: Path) -> None:
    env = gym.make(ENV_ID, render_mode="rgb_array")
    recorder = GifRecorder(env)
    record(env, recorder, [0, 2])
    path = tmp_path / "out.gif"
    path.write_bytes(b"old")
    recorder.save(path)
    assert path.read_bytes() == recorder.gif()
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_recorded() -> None:
    env, batch = gym.make(ENV_ID), gym.make_vec(ENV_ID, num_envs=2)
    with pytest.raises(ValueError, match="nothing to animate"):
        GifRecorder(batch).gif()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="make it with render_mode='rgb_array'"):
        GifRecorder(env).capture()
    with pytest.raises(gym.error.ResetNeeded):
        GifRecorder(batch).capture()
    for row in (-1, 2):
        with pytest.raises(ValueError, match=rf"row must lie in \[0, 1\], got {row}"):
            GifRecorder(batch, row=row)
    with pytest.raises(ValueError, match=r"row must lie in \[0, 0\], got 1"):
        GifRecorder(env, row=1)
    for fps in (0, -1, 51, float("nan")):
        with pytest.raises(ValueError, match=r"fps must lie in \(0, 50\]"):
            GifRecorder(env, fps=fps)
