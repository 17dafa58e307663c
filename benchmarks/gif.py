"""A picture of what a policy does: one episode as an animation, with both returns below it."""

from __future__ import annotations

import io
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from operant.agents.base import Policy
from operant.benchmarks.playback import play
from operant.benchmarks.specs import RunSpec

MAX_FRAMES = 120
"""Steps shown; a longer episode is cut."""
FRAME_MS = 120
LAST_MS = 1500
STRIP = 34
"""Pixels of the caption below the frame."""


def record_episode(spec: RunSpec, policy: Policy, *, deterministic: bool = False) -> bytes | None:
    """Play one evaluation level and return it as a GIF.

    Args:
        spec: The run; its first evaluation level is played.
        policy: What acts.
        deterministic: True for the mode of the policy.

    Returns:
        GIF bytes, at most ``MAX_FRAMES`` steps, or None if the env cannot draw itself.
    """
    env = _drawing_env(spec)
    if env is None:
        return None
    frames = []
    for now in play(spec, policy, env, deterministic=deterministic):
        returns = f"true {now.true_return:.2f}   designed {now.designed_return:.2f}"
        frames.append(_frame(env, f"step {now.step}\n{returns}"))
        if now.step == MAX_FRAMES:
            break
    env.close()
    return _encode(frames)


def _drawing_env(spec: RunSpec) -> gym.Env[Any, Any] | None:
    """Return the env after a first frame, or None if it has none to show."""
    plain = gym.make(spec.env_id, **spec.env_kwargs)
    plain.close()
    if "rgb_array" not in plain.metadata.get("render_modes", []):
        return None
    env = gym.make(spec.env_id, render_mode="rgb_array", **spec.env_kwargs)
    env.reset(seed=0)
    try:
        env.render()
    except gym.error.DependencyNotInstalled:  # a run is worth more than its picture
        return None
    return env


def _frame(env: gym.Env[Any, Any], caption: str) -> Image.Image:
    pixels: npt.NDArray[np.uint8] = np.asarray(env.render())
    picture = Image.fromarray(pixels)
    canvas = Image.new("RGB", (max(picture.width, 168), picture.height + STRIP), (18, 20, 26))
    canvas.paste(picture, ((canvas.width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=11)
    draw.multiline_text((6, picture.height + 4), caption, (225, 228, 235), font=font, spacing=2)
    return canvas


def _encode(frames: list[Image.Image]) -> bytes:
    """Encode with one palette for all frames, so that colours do not flicker."""
    first, last = frames[0], frames[-1]  # the last one may have lost colours of the first
    both = Image.new("RGB", (first.width, first.height + last.height))
    both.paste(first, (0, 0))
    both.paste(last, (0, first.height))
    palette = both.quantize(48)
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    durations = [FRAME_MS] * (len(indexed) - 1) + [LAST_MS]
    indexed[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=durations,
        loop=0,
        optimize=True,
    )
    return buffer.getvalue()
