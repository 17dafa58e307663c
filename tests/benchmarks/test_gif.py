from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from operant.benchmarks import gif as gif_module
from operant.benchmarks.gif import LAST_MS, MAX_FRAMES, STRIP, record_episode
from operant.benchmarks.specs import RunSpec
from operant.seeding import SeedTree

Spec = Callable[..., RunSpec]


class Scripted:
    """Plays one action sequence, then its last action for ever; notes how it was asked."""

    def __init__(self, *actions: int) -> None:
        self.actions, self.t, self.asked, self.seeds = actions, 0, [], []

    def act(self, obs: Any, *, deterministic: bool) -> Any:
        self.asked.append(deterministic)
        action = self.actions[min(self.t, len(self.actions) - 1)]
        self.t += 1
        return np.array([action])

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        self.seeds.append(seed)
        return nullcontext()


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    assert data.startswith(b"GIF89a")
    picture = Image.open(io.BytesIO(data))
    assert picture.info["loop"] == 0
    return picture


def frames(picture: Image.Image) -> list[tuple[Image.Image, int]]:
    found = []
    for index in range(picture.n_frames):
        picture.seek(index)
        found.append((picture.convert("RGB"), picture.info["duration"]))
    return found


def optimal(spec: RunSpec) -> tuple[int, ...]:
    env = gym.make(spec.env_id, **spec.env_kwargs)
    env.reset(seed=SeedTree(spec.seed).seed("evaluation"))
    actions: tuple[int, ...] = env.unwrapped.oracle().actions
    return actions


def test_gif_shows_the_first_evaluation_level_to_its_end(tiny: Spec) -> None:
    spec = tiny(design="naive")
    plan = optimal(spec)
    policy = Scripted(*plan)
    shown = frames(opened(record_episode(spec, policy)))
    assert len(shown) == len(plan) + 1
    assert shown[-1][1] == LAST_MS
    assert len(policy.seeds) == len(set(policy.seeds)) == len(plan)  # a fresh draw at each step
    assert frames(opened(record_episode(spec, Scripted(*plan)))) == shown

    env = gym.make(spec.env_id, render_mode="rgb_array", **spec.env_kwargs)
    env.reset(seed=SeedTree(spec.seed).seed("evaluation"))
    expected = env.render()
    height, width = expected.shape[:2]
    first = np.asarray(shown[0][0])
    assert first.shape[0] == height + STRIP
    left = (first.shape[1] - width) // 2
    difference = np.abs(first[:height, left : left + width].astype(int) - expected)
    assert difference.mean() < 3  # of 255: the palette is small
    assert np.abs(np.asarray(shown[-1][0]).astype(int) - first).max() > 100


def test_colours_that_vanish_are_kept() -> None:
    colours = ["red", "green"]
    encoded = gif_module.encode([Image.new("RGB", (8, 8), colour) for colour in colours])
    first, last = (np.asarray(frame)[0, 0] for frame, _ in frames(opened(encoded)))
    assert first.tolist() == [255, 0, 0]
    assert last.tolist() == [0, 128, 0]


def test_long_episode_is_cut(tiny: Spec) -> None:
    spec = tiny(env_kwargs={"max_steps": MAX_FRAMES + 50})
    picture = opened(record_episode(spec, Scripted(0, 1, 0, 1, 0, 0)))
    durations = [duration for _, duration in frames(picture)]
    # Equal frames in a row are stored as one that lasts longer.
    assert sum(durations) == MAX_FRAMES * gif_module.FRAME_MS + LAST_MS


@pytest.mark.parametrize("deterministic", [False, True])
def test_policy_is_asked_as_it_is_scored(tiny: Spec, deterministic: bool) -> None:
    policy = Scripted(0)
    record_episode(tiny(), policy, deterministic=deterministic)
    assert set(policy.asked) == {deterministic}


def test_gif_is_reproducible_and_small(tiny: Spec) -> None:
    spec = tiny(env_kwargs={"max_steps": 200})
    one, other = (record_episode(spec, Scripted(0, 1, 2, 3, 2, 4, 1, 2)) for _ in range(2))
    assert one is not None
    assert one == other
    assert len(one) < 200_000


def test_env_of_others_is_drawn_if_it_can_be(tiny: Spec) -> None:
    pytest.importorskip("pygame")
    spec = tiny(env_id="CartPole-v1", env_kwargs={}, design="none")
    assert opened(record_episode(spec, Scripted(0))).n_frames > 5


class Blind(gym.Env[Any, Any]):
    """Cannot be drawn, and its constructor knows of no render mode."""

    observation_space = action_space = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        pass

    def reset(self, **_: Any) -> Any:
        return 0, {}


class Undressed(Blind):
    """Claims to draw, but the library for it is absent."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def render(self) -> Any:
        raise gym.error.DependencyNotInstalled("pip install pencil")


@pytest.mark.parametrize("cls", [Blind, Undressed])
def test_env_that_cannot_draw_has_no_gif(
    tiny: Spec, monkeypatch: pytest.MonkeyPatch, cls: type[Blind]
) -> None:
    spec = gym.envs.registration.EnvSpec("Blind-v0", cls, disable_env_checker=True)
    monkeypatch.setitem(gym.registry, "Blind-v0", spec)
    run = tiny(env_id="Blind-v0", env_kwargs={}, design="none")
    assert record_episode(run, Scripted(0)) is None
