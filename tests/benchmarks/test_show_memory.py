"""A design's memory in the observations: learned with it, not without it, and kept at playback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.benchmarks.evaluate import run_batch, run_env
from operant.benchmarks.playback import load_run, play
from operant.benchmarks.specs import AgentEntry, Design, Evaluation, RunSpec, Suite
from operant.benchmarks.store import scan

THERE_AND_BACK = """initial start
terminal done
start -> back: position == 1
back -> done: steps_to_goal == 1 / 1
"""
"""First to the left end of the chain, then to the right one."""
Execute = Callable[..., Any]


def run_spec(**changes: Any) -> RunSpec:
    return RunSpec(
        **{
            "env_id": "Chain-n40-v0",
            "design": "reward_machine",
            "agent": "q-learning",
            "seed": 0,
            "total_steps": 16_000,
            "num_envs": 8,
            "gamma": 0.95,
            "env_kwargs": {"length": 9, "max_steps": 60},
            "design_kwargs": {"machine": THERE_AND_BACK},
            "evaluation": Evaluation(points=1, episodes=8),
            **changes,
        }
    )


@pytest.mark.integration
def test_there_and_back_is_learned_only_by_who_sees_the_machine(
    tmp_path: Path, execute: Execute
) -> None:
    """Half-way the best action depends on where the agent has been."""
    scores = {}
    for shown in (True, False):
        spec = run_spec(show_memory=shown)
        execute(tmp_path / str(shown), spec)
        (record,) = scan(tmp_path / str(shown)).records
        evals = record.evals
        scores[shown] = evals.designed_return[evals.step == evals.step.max()].mean()
    assert scores == {True: 1.0, False: 0.0}
    spec, policy = load_run(tmp_path / "True" / run_spec(show_memory=True).folder)
    *_, last = play(spec, policy, run_env(spec), deterministic=True)
    assert last.designed_return == 1.0


def test_batch_and_scalar_env_show_the_same() -> None:
    for design, key, size in (("reward_machine", "machine", 3), ("episode_return", "return", 2)):
        kwargs = {"machine": THERE_AND_BACK} if key == "machine" else {}
        spec = run_spec(design=design, design_kwargs=kwargs, show_memory=True)
        env, batch = run_env(spec), run_batch(spec, 2)
        assert isinstance(batch.single_observation_space, gym.spaces.Dict)
        assert batch.single_observation_space == env.observation_space
        obs, several = env.reset(seed=3)[0], batch.reset(seed=3)[0]
        for action in (0, 0, 0, 1):
            assert np.array_equal(obs[key], several[key][0])
            assert len(obs[key]) == size
            obs, several = env.step(action)[0], batch.step(np.full(2, action))[0]


def test_what_remembers_nothing_has_nothing_to_show() -> None:
    with pytest.raises(ValueError, match=r"'potential' remembers nothing.*leave show_memory out"):
        run_batch(run_spec(design="potential", design_kwargs={}, show_memory=True), 2)
    assert operant.make_design("potential").memory() is None


def test_a_suite_asks_for_it_design_by_design() -> None:
    suite = Suite(
        id="memory",
        title="With and without",
        env_ids=("Chain-n40-v0",),
        designs=(
            Design(id="reward_machine"),
            Design(id="reward_machine", label="shown", show_memory=True),
        ),
        agents=(AgentEntry(id="q-learning"),),
        seeds=(0,),
        total_steps=100,
    )
    plain, shown = suite.runs()
    assert (plain.show_memory, shown.show_memory) == (False, True)
    assert plain.run_id != shown.run_id
    assert RunSpec.from_json(shown.to_json()) == shown
