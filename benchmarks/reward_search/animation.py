"""Animations of what candidates taught their agents, drawn when somebody wants to look."""

from __future__ import annotations

from pathlib import Path

from operant.benchmarks.files import write_atomic
from operant.benchmarks.gif import record_episode
from operant.benchmarks.playback import load_run
from operant.benchmarks.store import GIF
from operant.errors import CorruptRunError

DRAWN = "shown.gif"
"""Name of an animation that was drawn after the run."""


def drawn(run: Path) -> Path | None:
    """Return where the animation of a run lies, or None if there is none yet."""
    return next((run / name for name in (GIF, DRAWN) if (run / name).is_file()), None)


def draw(run: Path) -> Path | None:
    """Return where the animation of a finished run lies, and draw it if there is none.

    Args:
        run: Directory of the run.

    Returns:
        The file; None if the world cannot draw itself, or the run is not finished or damaged.
    """
    found = drawn(run)
    if found is not None:
        return found
    try:
        spec, policy = load_run(run)
    except (CorruptRunError, FileNotFoundError):
        return None
    picture = record_episode(spec, policy, deterministic=spec.evaluation.deterministic)
    if picture is None:
        return None
    write_atomic(run / DRAWN, picture)
    return run / DRAWN
