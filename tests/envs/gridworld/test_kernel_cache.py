"""Kernels loaded from disk do what freshly compiled ones do, and never outlive their source."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operant.envs.gridworld import kernel_cache
from operant.envs.gridworld.worlds import door_key

PROGRAM = """
import hashlib, gymnasium as gym, numpy as np, operant
env = gym.make_vec("SparseKey-5x5-v0", num_envs=3, autoreset_mode="SameStep")
env.reset(seed=0)
digest = hashlib.sha256()
for actions in np.random.default_rng(0).integers(0, 7, (300, 3)):
    obs, reward, *_ = env.step(actions)
    digest.update(obs["image"].tobytes() + reward.tobytes())
kernels = env.unwrapped.simulator.kernels
print(digest.hexdigest(), sum(kernels.step.stats.cache_hits.values()))
"""


def play(cache: Path) -> tuple[str, int]:
    """Return (trace, cache hits) of a fresh process."""
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    trace, hits = run.stdout.split()
    return trace, int(hits)


def test_second_process_loads_and_plays_the_same(tmp_path: Path) -> None:
    first, second = play(tmp_path), play(tmp_path)
    assert (first[1], second[1]) == (0, 1)
    assert first[0] == second[0]


def test_folder_changes_with_any_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernel_cache.folder.cache_clear()
    before = kernel_cache.folder(Path(door_key.__file__))
    engine = Path(kernel_cache.__file__).parent
    copied = tmp_path / "engine"
    shutil.copytree(engine, copied, ignore=shutil.ignore_patterns("__pycache__"))
    family, seen = copied / "worlds" / "door_key.py", {before}
    assert kernel_cache.folder(family) == before
    for source in (family, copied / "worlds" / "empty.py", copied / "dynamics.py"):
        with source.open("a") as file:
            file.write("# changed\n")
        kernel_cache.folder.cache_clear()
        monkeypatch.setattr(kernel_cache, "_ENGINE", kernel_cache._digest(copied))
        seen.add(kernel_cache.folder(family))
    assert len(seen) == 4
    assert kernel_cache.folder(Path("<stdin>")) is None
    kernel_cache.folder.cache_clear()


def test_unwritable_cache_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert play(blocked)[1] == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    kernel_cache.folder.cache_clear()
    assert kernel_cache.folder(Path(door_key.__file__)) is None
    kernel_cache.folder.cache_clear()
