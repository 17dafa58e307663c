"""What candidates are tried on, and the numbers that are made of it."""

from __future__ import annotations

import ast
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from operant.reward_design.llm.language.operations import operations
from operant.reward_design.llm.task.reading import view_of
from operant.reward_design.llm.verify import numbers
from operant.reward_design.llm.verify.cost import affordable
from operant.reward_design.llm.verify.experience import (
    PROBED,
    RANDOM_STEPS,
    SOLUTIONS,
    Experience,
    collect,
)
from operant.reward_design.llm.verify.probes import discounted
from operant.reward_design.llm.verify.steps import PlayedEpisode, StepRecorder


@pytest.fixture(scope="module")
def world() -> gym.Env[Any, Any]:
    return gym.make("SparseKey-5x5-v0")


@pytest.fixture(scope="module")
def experience(world: gym.Env[Any, Any]) -> Experience:
    return collect(world, view_of(world), seed=3)


def test_it_holds_random_play_solutions_and_cheats(experience: Experience) -> None:
    assert sum(len(e.rows) for e in experience.of("random")) >= RANDOM_STEPS
    solutions = experience.of("solution")
    assert len(solutions) == SOLUTIONS
    assert all(e.success and e.true_rewards.sum() == 1.0 for e in solutions)
    cheats = experience.of("standing still", "oscillating")
    assert len({e.level for e in cheats}) == PROBED
    assert {e.after for e in cheats} > {0}
    assert {"done", "pickup, drop", "forward, left, left"} <= {e.words for e in cheats}
    assert experience.missing == ""
    flags = [int(e.rows[-1]) for e in solutions]
    assert (experience.steps.info["steps_to_goal"][flags] == 0).all()
    assert (experience.steps.info["prev_steps_to_goal"][flags] > 0).all()


def test_it_is_what_the_env_does(world: gym.Env[Any, Any], experience: Experience) -> None:
    for episode in (experience.of("solution")[0], experience.of("oscillating")[-1]):
        _, info = world.reset(seed=episode.level)
        steps, features = experience.steps.take(episode.rows), info["features"]
        for t, action in enumerate(steps.action):
            for name, value in features.items():
                assert steps.info[f"prev_{name}"][t] == value
            _, reward, *_, info = world.step(int(action))
            features = info["features"]
            assert reward == episode.true_rewards[t]
            for name, value in features.items():
                assert steps.info[name][t] == value


def test_the_same_seed_gives_the_same() -> None:
    pole = gym.make("CartPole-v1")
    one, other, third = (collect(pole, view_of(pole), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.steps.action, other.steps.action)
    for left, right in zip(one.episodes, other.episodes, strict=True):
        assert np.array_equal(left.rows, right.rows)
    assert {e.level for e in one.episodes}.isdisjoint(e.level for e in third.episodes)


@pytest.mark.integration
def test_special_steps_keep_to_the_ranges() -> None:
    env = gym.make("LineKey-v0")
    view = view_of(env)
    special = collect(env, view, seed=0).special
    assert len(special) == 3
    assert (special.obs[0] == 0.0).all()
    assert special.obs[1] == pytest.approx([0.5, 0.5])
    for feature in view.features:
        values = special.info[feature.name]
        assert values[0] == max(feature.low, 0.0)
        assert ((values >= feature.low) & (values <= feature.high)).all()
        assert feature.dtype == "float" or (values == np.floor(values)).all()


def test_vectors_of_actions() -> None:
    env = gym.make("Pendulum-v1")
    experience = collect(env, view_of(env), seed=0)
    assert experience.steps.action.shape == (len(experience.steps), 1)
    (still, *_), (swing, *_) = experience.of("standing still"), experience.of("oscillating")
    assert (experience.steps.action[still.rows] == 0.0).all()
    assert experience.steps.action[swing.rows[:4], 0].tolist() == [-2.0, 2.0, -2.0, 2.0]


def test_an_episode_that_ends_is_cut_there(world: gym.Env[Any, Any]) -> None:
    world.reset(seed=5)
    solution = world.unwrapped.oracle().actions  # type: ignore[attr-defined]
    take = StepRecorder(world, view_of(world)).play([*solution, 0, 0, 0], level=5)
    assert len(take.steps) == len(solution)
    assert take.terminated
    assert take.success


def test_discounted_returns_go_on_where_they_are_periodic() -> None:
    cycle = np.tile([1.0, 0.0], 36)
    assert discounted(cycle, 0, 1.0) == 36.0
    assert discounted(cycle, 100, 1.0) == 86.0
    assert discounted(cycle, 100, 0.9) == pytest.approx(1 / (1 - 0.81), abs=1e-3)
    assert discounted(np.arange(72.0), 100, 1.0) == np.arange(72.0).sum()  # no cycle: no guess
    assert discounted(cycle[:10], 100, 1.0) == 5.0


def test_operations_count_turns() -> None:
    def count(body: str) -> int:
        return operations(ast.parse(f"def reward(obs):\n{body}"))

    once = count("    x = 1.0\n    return x")
    assert count("    for i in range(10):\n        x = 1.0\n    return x") > once + 10
    inner = "            x = 1.0\n    return x"
    nested = f"    for i in range(10):\n        for j in range(5, 25):\n{inner}"
    assert 200 * 2 < count(nested) < 200 * 10


def test_cheats_are_thinned_where_they_would_cost_too_much() -> None:
    def episode(policy: Any) -> PlayedEpisode:
        nothing = np.zeros(100)
        return PlayedEpisode(
            policy=policy,
            words="",
            level=0,
            after=0,
            rows=nothing.astype(np.int64),
            true_rewards=nothing,
            terminated=False,
            success=False,
            left=0,
        )

    played = [episode("random"), *[episode("oscillating") for _ in range(100)]]
    assert len(affordable(played, 100)) == 101
    assert len(affordable(played, 100_000)) == 1 + 2
    assert affordable(played, 10**9)[0].policy == "random"


def test_statistics_of_columns() -> None:
    line = np.linspace(0.0, 1.0, 101)
    assert numbers.correlation(line, 3 - 2 * line) == pytest.approx(-1.0)
    assert numbers.correlation(line, np.ones(101)) is None
    assert numbers.is_constant(0.1 * np.ones(5) + 1e-12 * np.arange(5))
    assert not numbers.is_constant(1e-6 * line)
    assert numbers.saturated(line) == pytest.approx(4 / 101)
    assert numbers.saturated(np.array([0.0, 1.0, 0.0])) == 0.0
    assert numbers.saturated(np.array([0.0, 0.999, 1.0, 0.5, 0.001])) == pytest.approx(0.8)
    told = numbers.of_columns(("a", "b"), np.array([[1.0, -3.0], [1.0, -3.0]]))
    assert (told["a"]["share"], told["b"]["share"]) == (0.25, 0.75)
    values = np.stack([line, line**2, -line], axis=1)
    assert [pair[:2] for pair in numbers.duplicates(("a", "b", "c"), values)] == [("a", "c")]
