"""The world and learner of the study, and a small study."""

from __future__ import annotations

import json

import numpy as np
import pytest

from operant.benchmarks.studies import key_door, reflection
from operant.benchmarks.studies.key_door import CELLS, draw_level

GOOD = """def reward(obs, action, next_obs, info):
    key = 0.1 * (info["prev_steps_to_key"] - info["steps_to_key"])
    door = 0.1 * (info["prev_steps_to_door"] - info["steps_to_door"])
    open = 1.0 * (info["door_open"] - info["prev_door_open"])
    took = 1.0 * (info["has_key"] - info["prev_has_key"])
    goal = 0.1 * (info["prev_steps_to_goal"] - info["steps_to_goal"])
    return key + door + open + took + goal
"""


def longest_solution(level) -> int:
    """Return the most moves that any start needs; -1 if one cannot reach the goal."""
    steps = np.where(level.success.any(axis=1), 1, 0)
    for number in range(2, 100):
        near = (steps[level.after] > 0).any(axis=1) & (steps == 0)
        steps[near] = number
    return int(steps[level.starts].max()) if steps[level.starts].all() else -1


def test_every_level_can_be_solved_within_its_limit_and_only_through_the_door() -> None:
    for seed in range(30):
        level = draw_level(np.random.default_rng(seed))
        assert 8 < longest_solution(level) < key_door.LIMIT
        stage = np.arange(3 * CELLS) // CELLS
        column = np.arange(3 * CELLS) % key_door.SIDE
        passed = (column[:, None] < key_door.WALL) & (column[level.after] >= key_door.WALL)
        assert (stage[level.after][passed] == 2).all()
        assert (stage[level.after] - stage[:, None] >= 0).all()  # nothing is lost again


def test_features_are_those_of_the_state_and_its_successor() -> None:
    level = draw_level(np.random.default_rng(0))
    assert {*level.features} == {feature.name for feature in key_door.FEATURES}
    for feature in key_door.FEATURES:
        before, after = level.before_features[feature.name], level.features[feature.name]
        assert feature.low <= after.min() <= after.max() <= feature.high
        np.testing.assert_array_equal(after, before[4 * level.after.ravel()])
    taken = level.features["has_key"] > level.before_features["has_key"]
    assert (level.before_features["steps_to_key"][taken] <= 1).all()
    assert (level.features["steps_to_key"][taken] == 0).all()


@pytest.mark.integration
def test_a_good_reward_is_learned_and_the_sparse_one_is_not() -> None:
    found, sparse = [], []
    for seed in range(5):
        level = draw_level(np.random.default_rng([7, seed]))
        report = reflection.try_reward(level, GOOD, seed)
        assert set(report.terms) == {"key", "door", "open", "took", "goal"}
        assert len(report.success) == key_door.EVALUATIONS + 1
        found.append(report.fitness)
        tables = level.success[None].astype(float)
        sparse.append(key_door.q_learning(level, tables, seed).success[-1])
    assert np.mean(found) > 0.7
    assert np.mean(sparse) < 0.1


@pytest.mark.integration
def test_a_small_study_runs_the_same_twice_and_prints_all_arms(capsys, tmp_path) -> None:
    file = tmp_path / "scores.json"
    reflection.main(["--searches", "2", "--write", str(file)])
    assert json.loads(file.read_text()) == reflection.study(2)
    shown = capsys.readouterr().out
    for row in ("reflect", "blind", "independent", "reflect - blind", "95 % interval"):
        assert row in shown
    with pytest.raises(SystemExit):
        reflection.main(["--searches", "1"])
