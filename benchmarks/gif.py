"""Animations: one episode of a policy with both returns below it, or any env that is stepped."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv
from PIL import Image, ImageDraw, ImageFont

from operant.agents.base import Policy
from operant.benchmarks.evaluate import run_env
from operant.benchmarks.files import write_atomic
from operant.benchmarks.playback import play
from operant.benchmarks.specs import RunSpec

MAX_FRAMES = 120
"""Steps shown; a longer episode is cut."""
FRAME_MS = 120
LAST_MS = 1500
BACKGROUND = (18, 20, 26)
STRIP = 34
"""Pixels of the caption below the frame."""
CAPTION_WIDTH = 168
"""Pixels in width that a caption needs."""


class GifRecorder:
    """Collects frames of an env, or of one row of a batch, for an animation.

    ::

        env = gym.make_vec("SparseKey-v0", num_envs=1024)
        recorder = GifRecorder(env, row=7)
        env.reset(seed=0)
        recorder.capture()  # and again after each step
        recorder.save(Path("row7.gif"))
    """

    def __init__(self, env: Any, *, row: int = 0, fps: float = 1000 / FRAME_MS) -> None:
        """Attach to an env, which is only ever asked to draw itself.

        Args:
            env: A scalar or vector env, perhaps wrapped, made with ``render_mode="rgb_array"``. A
                batch of gridworlds needs no render mode, and draws the one row only.
            row: Row of a vector env; 0 for a scalar one.
            fps: Frames per second in (0, 50]; a GIF counts time in hundredths of a second.

        Raises:
            ValueError: If there is no such row, or fps is out of range.
        """
        rows = env.num_envs if isinstance(env, VectorEnv) else 1
        if not 0 <= row < rows:
            raise ValueError(f"row must lie in [0, {rows - 1}], got {row}")
        if not 0 < fps <= 50:
            raise ValueError(f"fps must lie in (0, 50], got {fps}")
        self._env, self._row, self._frame_ms = env, row, 10 * round(100 / fps)
        self._frames: list[bytes] = []
        self._size = (0, 0)

    def __len__(self) -> int:
        """Return the number of frames so far."""
        return len(self._frames)

    def capture(self, caption: str = "") -> None:
        """Take a frame of the env's present state.

        Args:
            caption: Up to two lines to write below it. Without one in the first frame there is no
                room for captions in the others.

        Raises:
            ValueError: If the env was not made to draw itself.
        """
        picture = Image.fromarray(self._drawn())
        if not self._frames:
            strip = STRIP if caption else 0
            width = max(picture.width, CAPTION_WIDTH) if caption else picture.width
            self._size = (width, picture.height + strip)
        canvas = captioned(picture, caption, self._size)
        self._frames.append(zlib.compress(canvas.tobytes(), level=1))

    def _drawn(self) -> npt.NDArray[np.uint8]:
        if hasattr(self._env.unwrapped, "render_row"):
            row: npt.NDArray[np.uint8] = self._env.unwrapped.render_row(self._row)
            return row
        drawn = self._env.render()
        if drawn is None:
            raise ValueError("the env draws nothing: make it with render_mode='rgb_array'")
        return np.asarray(drawn[self._row] if isinstance(self._env, VectorEnv) else drawn)

    def gif(self) -> bytes:
        """Return the animation; the last frame stays for a while.

        Raises:
            ValueError: If no frame was captured.
        """
        if not self._frames:
            raise ValueError("there is nothing to animate: call capture() first")
        frames = [Image.frombytes("RGB", self._size, zlib.decompress(f)) for f in self._frames]
        return encode(frames, self._frame_ms)

    def save(self, path: Path) -> None:
        """Write the animation, whole or not at all."""
        write_atomic(path, self.gif())


def captioned(picture: Image.Image, caption: str, size: tuple[int, int]) -> Image.Image:
    """Return a canvas of (width, height) pixels with the picture on top and the caption below."""
    canvas = Image.new("RGB", size, BACKGROUND)
    canvas.paste(picture, ((canvas.width - picture.width) // 2, 0))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=11)
    draw.multiline_text((6, picture.height + 4), caption, (225, 228, 235), font=font, spacing=2)
    return canvas


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
    recorder = GifRecorder(env)
    for now in play(spec, policy, env, deterministic=deterministic):
        returns = f"true {now.true_return:.2f}   designed {now.designed_return:.2f}"
        recorder.capture(f"step {now.step}\n{returns}")
        if now.step == MAX_FRAMES:
            break
    env.close()
    return recorder.gif()


def _drawing_env(spec: RunSpec) -> gym.Env[Any, Any] | None:
    """Return the env after a first frame, or None if it has none to show."""
    plain = run_env(spec)
    plain.close()
    if "rgb_array" not in plain.metadata.get("render_modes", []):
        return None
    env = run_env(spec, render_mode="rgb_array")
    env.reset(seed=0)
    try:
        env.render()
    except gym.error.DependencyNotInstalled:  # a run is worth more than its picture
        return None
    return env


def encode(frames: list[Image.Image], frame_ms: int = FRAME_MS) -> bytes:
    """Return a GIF with one palette for all frames, so that colours do not flicker."""
    # The last one may have lost colours of the first, and both those of what went on between.
    sample = [*frames[:: -(-len(frames) // 8)], frames[-1]]
    width, height = frames[0].size
    together = Image.new("RGB", (width, height * len(sample)))
    for number, frame in enumerate(sample):
        together.paste(frame, (0, height * number))
    palette = together.quantize(64)
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=[frame_ms] * (len(indexed) - 1) + [LAST_MS],
        loop=0,
        optimize=True,
    )
    return buffer.getvalue()
