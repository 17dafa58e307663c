"""Kernels loaded from disk do what freshly compiled ones do, and never outlive their source."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from operant.envs.gridworld import distances, kernel_cache, outcomes
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.worlds import door_key, empty, obstructed_maze
from operant.envs.literature import tomato

pytestmark = pytest.mark.integration

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


def test_folder_changes_with_any_engine_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = kernel_cache.folder(door_key.FAMILY)
    copied = tmp_path / "engine"
    shutil.copytree(
        Path(kernel_cache.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(kernel_cache, "_ENGINE", kernel_cache._digest(copied))
    assert kernel_cache.folder(door_key.FAMILY) == before
    with (copied / "dynamics.py").open("a") as file:
        file.write("# changed\n")
    monkeypatch.setattr(kernel_cache, "_ENGINE", kernel_cache._digest(copied))
    assert kernel_cache.folder(door_key.FAMILY) != before


def paying(amount: float) -> Family:
    def outcome(world, n, size, action, front):
        return amount, False, False

    return dataclasses.replace(empty.FAMILY, name="Paying", outcome=outcome)


def test_families_of_one_name_keep_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for amount in (1.0, 2.0):
        env = makers(paying(amount))[1](num_envs=2)
        env.reset(seed=0)
        assert env.step(np.zeros(2, np.int64))[1].tolist() == [amount, amount]


def test_what_a_function_refers_to_is_noticed_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = kernel_cache.fingerprint(door_key.FAMILY)
    assert kernel_cache.fingerprint(door_key.FAMILY) == now
    assert kernel_cache.fingerprint(paying(1.0)) == kernel_cache.fingerprint(paying(1.0))
    for module, name, value in (
        (door_key, "KEY", door_key.KEY + 1),  # a constant of the family's module
        (outcomes, "GOAL", 0),  # of a module that it calls into
        (distances, "_REACH", distances._REACH + 1),  # a table, two calls away
        (door_key, "steps_to_pose", distances.steps_to_reach),  # a function
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            assert kernel_cache.fingerprint(door_key.FAMILY) != now, name
    assert kernel_cache.fingerprint(door_key.FAMILY) == now


@pytest.mark.parametrize("family", [tomato.FAMILY, obstructed_maze.FAMILY], ids=lambda f: f.name)
def test_a_fingerprint_is_the_same_in_every_process(family: Family) -> None:
    code = (
        "import random, torch, sys; sys.setrecursionlimit(500)\n"
        f"from {family.module} import FAMILY\n"
        "from operant.envs.gridworld.kernel_cache import fingerprint\n"
        "print(fingerprint(FAMILY).hex())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == kernel_cache.fingerprint(family).hex()


def test_a_family_without_a_source_file_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys.modules[door_key.__name__], "__file__")
    assert kernel_cache.folder(door_key.FAMILY) is None


def test_unwritable_cache_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert play(blocked)[1] == 0
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert kernel_cache.folder(door_key.FAMILY) is None


SYMBOLS = """
import gymnasium as gym, operant
env = gym.make_vec("Empty-5x5-v0", num_envs=1)
env.reset(seed=0)
[code] = env.unwrapped.simulator.kernels.reset.overloads.values()
for function in code.library._final_module.functions:
    if not function.is_declaration:
        print(function.name)
"""


def test_code_of_two_processes_shares_no_symbol(tmp_path: Path) -> None:
    """The linker would let one of them call into the other's."""
    seen: list[set[str]] = []
    for name in "ab":
        env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / name)}
        run = subprocess.run(
            [sys.executable, "-c", SYMBOLS], env=env, capture_output=True, text=True, check=True
        )
        seen.append(set(run.stdout.split()))
    assert any("generate" in symbol for symbol in seen[0])
    assert not seen[0] & seen[1]
