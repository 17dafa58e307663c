from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from operant.seeding import SeedTree


def test_leaves_are_reproducible_and_known() -> None:
    """The numbers themselves are part of the contract: changing them changes every result."""
    assert SeedTree(7).seed("env") == SeedTree(7).seed("env") == 888836659
    first, second = (SeedTree(7).generator("env").random(4) for _ in range(2))
    assert np.array_equal(first, second)


def test_names_roots_and_levels_are_independent() -> None:
    seeds = [
        SeedTree(0).seed("env"),
        SeedTree(1).seed("env"),
        SeedTree(0).seed("eval"),
        SeedTree(0).child("env").seed("env"),
        SeedTree(0).child("a").child("b").seed("c"),
        SeedTree(0).child("a").seed("b"),
    ]
    assert len(set(seeds)) == len(seeds)


def test_neighbouring_roots_do_not_share_streams() -> None:
    """seed + i would make run 0's env 1 the same as run 1's env 0."""
    seeds = {SeedTree(root).seed(f"env-{i}") for root in range(50) for i in range(50)}
    assert len(seeds) == 2500


def test_a_new_consumer_shifts_nobody() -> None:
    tree = SeedTree(3)
    before = tree.seed("agent")
    tree.generator("newcomer").random(10)
    tree.child("agent").seed("x")
    assert tree.seed("agent") == before


def test_seeds_fit_gymnasium_and_torch() -> None:
    seeds = [SeedTree(root).seed("x") for root in range(1000)]
    assert all(isinstance(seed, int) and 0 <= seed < 2**31 for seed in seeds)


def test_seeds_do_not_depend_on_the_salted_hash() -> None:
    code = "from operant.seeding import SeedTree; raise SystemExit(str(SeedTree(7).seed('env')))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": salt, "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        ).stderr.strip()
        for salt in ("1", "2")
    }
    assert outputs == {str(SeedTree(7).seed("env"))}


def test_negative_root_is_refused() -> None:
    with pytest.raises(ValueError, match="root seed must be >= 0, got -1"):
        SeedTree(-1)
