"""The study of credit at a small size: data as it should be, arms that differ, tables that read."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant
from operant.benchmarks.studies.credit_tasks import TASKS, key_world, record
from operant.benchmarks.studies.lare import (
    Score,
    correlation,
    first_episodes_of,
    table,
)
from operant.envs.delayed import DelayedVectorReward
from operant.reward_design.llm import compile_factors


def test_tables_show_every_seed() -> None:
    scores = [
        Score(arm=arm, size=size, seed=seed, value=value + seed / 10, seconds=1.0)
        for arm, size, value in (("a", 20, 0.5), ("a", 100, 0.7), ("b", 20, 0.1), ("b", 100, 0.2))
        for seed in range(2)
    ]
    assert table(scores, "episodes").splitlines() == [
        "| arm | 20 episodes | 100 episodes |",
        "| --- | --- | --- |",
        "| a | **0.55** (0.50, 0.60) | **0.75** (0.70, 0.80) |",
        "| b | **0.15** (0.10, 0.20) | **0.25** (0.20, 0.30) |",
    ]


@pytest.mark.parametrize("name", TASKS)
def test_programs_are_of_the_language_and_decoys_are_other_numbers(name: str) -> None:
    task = TASKS[name]
    features = operant.card("SparseKey-8x8-v0").features if name == "sparsekey" else ()
    sizes = {"obs_size": 0, "action_size": 0} if features else {"obs_size": 17, "action_size": 6}
    good, decoy = (
        compile_factors(text, features=features, **sizes) for text in (task.factors, task.decoys)
    )
    assert good.identity != decoy.identity
    assert decoy.size >= good.size
    if features:
        assert not set(good.reads) & set(decoy.reads)


@pytest.mark.integration  # compiles a world with a reward program
def test_recorded_episodes_pay_once_what_their_steps_had_earned() -> None:
    task = TASKS["sparsekey"]
    data = record(task, episodes=6, seed=3)
    done = (data.rollout.terminated | data.rollout.truncated)[:, 0]
    paid, number = data.rollout.reward[:, 0], np.r_[0, np.cumsum(done)[:-1]]
    assert done.sum() == 6
    assert (paid[~done] == 0).all()
    assert paid[done] == pytest.approx(np.bincount(number, weights=data.earned[:, 0]))
    assert len(np.unique(data.earned.round(2))) >= 4
    few = first_episodes_of(data.rollout, 2)
    assert (few.terminated | few.truncated).sum() == 2
    assert (few.terminated | few.truncated)[-1, 0]


@pytest.mark.integration
def test_the_declared_task_is_what_the_program_pays() -> None:
    env = key_world(2, AutoresetMode.SAME_STEP, env_id="SparseKey-5x5-v0", max_steps=7)
    delayed = DelayedVectorReward(
        key_world(2, AutoresetMode.SAME_STEP, env_id="SparseKey-5x5-v0", max_steps=7)
    )
    env.reset(seed=0)
    delayed.reset(seed=0)
    env.action_space.seed(0)
    sums = np.zeros(2)
    for _ in range(30):
        actions = env.action_space.sample()
        _, reward, terminated, truncated, infos = env.step(actions)
        _, paid, *_ = delayed.step(actions)
        assert np.array_equal(infos["true_reward"], reward)
        sums += reward
        over = terminated | truncated
        assert paid == pytest.approx(np.where(over, sums, 0.0))
        sums[over] = 0.0


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_good_factors_tell_the_dense_reward_from_few_returns(name: str) -> None:
    """The bar: >= 0.9 from 20 returns, >= raw inputs + 0.2, and decoys fail."""
    if name == "halfcheetah":
        pytest.importorskip("mujoco")
    task = TASKS[name]
    shown, held_out = (record(task, episodes=n, seed=s) for n, s in ((20, 0), (20, 500)))
    good, raw, decoy = (
        correlation(task, arm, 20, 0, shown, held_out).value
        for arm in ("good factors", "raw, RD", "decoy factors")
    )
    assert good >= 0.9
    assert good >= raw + 0.2
    assert decoy < 0.5
