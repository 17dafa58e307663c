"""``operant enjoy RUN``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


def enjoy(
    run: Annotated[Positional[Path], arg(metavar="RUN")],
    gif: Path | None = None,
    seed: int | None = None,
    deterministic: bool = False,
    delay: float = 0.15,
) -> int:
    """Watch the final policy of a finished run, in the terminal or as a GIF.

    Args:
        run: Directory of the run, e.g. results/demo/SparseKey-...
        gif: Write an animation here instead of playing in the terminal.
        seed: Play the first evaluation level of this seed; by default of the run's own.
        deterministic: Play the mode of the policy instead of sampling from it.
        delay: Seconds between frames in the terminal; 0 where it is not one.
    """
    from operant.benchmarks.files import write_atomic
    from operant.benchmarks.gif import record_episode
    from operant.benchmarks.playback import load_run, play_text
    from operant.cli.output import console, shown

    spec, policy = load_run(run)
    spec = spec if seed is None else dataclasses.replace(spec, seed=seed)
    if gif is None:
        pause = delay if console.is_terminal else 0.0
        for frame in play_text(spec, policy, deterministic=deterministic):
            _show(frame, pause)
        return 0
    picture = record_episode(spec, policy, deterministic=deterministic)
    if picture is None:
        raise ValueError(f"{spec.env_id} cannot draw itself (no rgb_array mode)")
    write_atomic(gif, picture)
    console.print(f"wrote {shown(gif)}")
    return 0


def _show(frame: str, pause: float) -> None:
    """Print a frame; on a terminal, over the one before."""
    import time

    from operant.cli.output import console

    if pause:
        console.clear()
    print(frame + "\n")
    time.sleep(pause)
