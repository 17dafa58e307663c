"""Rewards, ends and screens are those of NLE's own envs, given the same seeds and actions."""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("nle")

from operant.envs.nethack.recipes import Seeds

PAIRS = {
    "NetHackScore-v0": "score",
    "NetHackGold-v0": "gold",
    "NetHackEat-v0": "eat",
    "NetHackScout-v0": "scout",
    "NetHackStaircase-v0": "staircase",
    "NetHackOracle-v0": "oracle",
}
KEYS = ("glyphs", "chars", "blstats", "message", "inv_strs", "tty_chars")
DEATH, SOLVED = 1, 2


def ours(task: str, seeds: Seeds, **options: Any) -> Any:
    env = importlib.import_module(f"operant.envs.nethack.tasks.{task}").make(
        observation=KEYS, **options
    )
    env.unwrapped.world._draw = lambda stream: seeds
    return env


def judge(name: str, **options: Any) -> Any:
    return gym.make(
        name, observation_keys=KEYS, render_mode=None, fix_moon_phase=True, **options
    ).unwrapped


def compare(name: str, task: str, seeds: Seeds, steps: int, **options: Any) -> tuple[float, bool]:
    """Play one episode in both; return its return and whether it ended."""
    theirs, env = judge(name, **options), ours(task, seeds, **options)
    theirs.seed(seeds.core, seeds.disp, reseed=False, lgen=seeds.lgen)
    expected, obs = theirs.reset()[0], env.reset(seed=0)[0]
    rng, total, done = np.random.default_rng(seeds.core), 0.0, False
    for t in range(steps):
        for key in KEYS:
            np.testing.assert_array_equal(obs[key], expected[key], f"{key} at step {t}")
        action = int(rng.integers(23))
        expected, reward, done, _, told = theirs.step(action)
        obs, mine, terminated, truncated, _ = env.step(action)
        assert mine == reward, f"step {t}"
        assert terminated == (told["end_status"] in (DEATH, SOLVED))
        assert not truncated
        total += mine
        if done:
            break
    theirs.close()
    env.close()
    return total, done


@pytest.mark.parametrize("name", PAIRS)
def test_every_step_of_a_short_episode_is_nles(name: str) -> None:
    total, _ = compare(name, PAIRS[name], Seeds(12, 5), 400)
    assert total != 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_every_step_of_many_episodes_is_nles(name: str) -> None:
    ends = [
        compare(name, PAIRS[name], Seeds(core, 3, core % 3 or None), 4900)[1] for core in range(8)
    ]
    assert any(ends)


@pytest.mark.parametrize(
    "options",
    [
        {"penalty_mode": "linear", "penalty_step": -0.5},
        {"penalty_mode": "square"},
        {"penalty_mode": "exp", "penalty_step": -1e-6},
        {"penalty_mode": "always", "penalty_time": -0.125},
        {"character": "val-dwa-law-fem"},
    ],
    ids=str,
)
def test_time_penalties_and_characters_are_nles(options: dict[str, Any]) -> None:
    compare("NetHackScore-v0", "score", Seeds(3, 4), 60, **options)
