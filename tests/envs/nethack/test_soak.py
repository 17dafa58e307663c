"""Long runs neither grow nor leave anything open: the engine is a C program that was made to exit.

The long one is ``pytest -m slow tests/envs/nethack/test_soak.py -s``; ``OPERANT_SOAK_RESETS`` sets
another number of resets than 100,000.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nle")

from operant.envs.batched.processes import ProcessWorld
from operant.envs.nethack.tasks.score import ScoreWorld

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc"),
]

ROWS, WORKERS, STEPS = 16, 2, 10
BOUND = 5.0
"""MB of resident memory per 10,000 episodes."""


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _folders(scratch: Path) -> int:
    return sum(len(folders) for _, folders, _ in os.walk(scratch))


def soak(world: ProcessWorld, scratch: Path, resets: int) -> Iterator[dict[str, Any]]:
    """Play many short episodes; yields samples of what the workers hold, evenly spaced."""
    rows, rng, done = np.arange(world.num), np.random.default_rng(0), 0
    world.seed(list(range(world.num)))
    world.reset(rows)
    _settle(world)
    every = max(resets // 50, 1)
    while done < resets:
        world.reset(rows)
        if done // every < (done + world.num) // every:
            yield {
                "resets": done + world.num,
                "descriptors": _held(world) + _descriptors(os.getpid()),
                "folders": _folders(scratch),
                "mb": sum(map(_resident_mb, world.pids)),
            }
        for _ in range(STEPS):
            moving = rows[~(world.out.terminated | world.out.truncated)]
            world.step(moving, rng.integers(world.action_space.n, size=len(moving)))
        done += world.num


def _held(world: ProcessWorld) -> int:
    """Return how many descriptors the workers have open for good; a game that starts has more."""
    still, least = 0, sum(map(_descriptors, world.pids))
    while still < 20:
        time.sleep(0.01)
        now = sum(map(_descriptors, world.pids))
        still, least = (0, now) if now < least else (still + 1, least)
    return least


def _settle(world: ProcessWorld) -> None:
    """Wait until the workers have loaded all their spare engines."""
    held = -1
    while held != (held := _held(world)):
        time.sleep(1.0)


def slope(samples: list[dict[str, Any]]) -> float:
    """Return the growth in MB per 10,000 resets, after the first fifth."""
    kept = [s for s in samples if s["resets"] > samples[-1]["resets"] / 5]
    episodes = np.array([s["resets"] for s in kept]) / 1e4
    return float(np.polyfit(episodes, [s["mb"] for s in kept], 1)[0])


def _require_closed(samples: list[dict[str, Any]]) -> None:
    """Require that nothing stays open; a game that is over keeps a file until its engine's next."""
    assert len({s["folders"] for s in samples}) == 1, samples
    descriptors = [s["descriptors"] for s in samples]
    assert max(descriptors) - min(descriptors) <= 2 * ROWS, samples


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessWorld]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = ProcessWorld(ScoreWorld, num=ROWS, workers=WORKERS)
    yield made
    made.close()
    assert not list(tmp_path.iterdir())


def test_many_resets_leave_nothing_open(world: ProcessWorld, tmp_path: Path) -> None:
    samples = list(soak(world, tmp_path, 800))
    _require_closed(samples)
    assert world.restarts == 0


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_a_hundred_thousand_resets_do_not_grow(world: ProcessWorld, tmp_path: Path) -> None:
    resets = int(os.environ.get("OPERANT_SOAK_RESETS", "100000"))
    samples = list(soak(world, tmp_path, resets))
    growth = slope(samples)
    print(  # noqa: T201 (the figure is what it is run for)
        f"\n{resets:,} resets of {ROWS} rows in {WORKERS} workers: {samples[0]['mb']:.0f} MB at "
        f"first, {samples[-1]['mb']:.0f} MB at last, slope {growth:.2f} MB per 10,000 resets"
    )
    _require_closed(samples)
    assert world.restarts == 0
    assert growth <= BOUND
