from __future__ import annotations

import dataclasses

import pytest

from operant.benchmarks.reward_search.score import Arms, expert_of, human_normalised
from operant.reward_design.llm.search.fitness import fitness, score
from operant.reward_design.llm.search.results import RunResult

STEPS = (0, 25, 50, 75, 100)
SUCCESS, RETURN = (0.9, 0.1, 0.2, 0.3, 0.4), (0.0, 5.0, 4.0, 3.0, 2.0)


def test_a_score_is_the_mean_of_the_last_evaluations_not_the_best() -> None:
    result = RunResult(
        name="a", seed=0, status="ok", steps=STEPS, success=SUCCESS, true_return=RETURN
    )
    assert score(result) == pytest.approx(0.3)
    assert score(dataclasses.replace(result, metric="true_return")) == pytest.approx(3.0)
    assert score(dataclasses.replace(result, steps=(0,), success=(0.5,))) == 0.5


def test_a_score_takes_the_first_evaluation_only_if_something_was_trained_before_it() -> None:
    curve = (0.2, 0.4, 0.9)
    result = RunResult(name="a", seed=0, status="ok", steps=(80, 90, 100), success=curve)
    assert score(result) == pytest.approx(0.5)
    assert score(dataclasses.replace(result, steps=(0, 50, 100))) == pytest.approx(0.65)


def test_fitness_is_the_mean_over_seeds_and_none_for_a_program_that_failed() -> None:
    good = RunResult(name="a", seed=0, status="ok", steps=(0, 9), success=(0.0, 0.5))
    better = dataclasses.replace(good, seed=1, success=(0.0, 0.7))
    late = RunResult(name="a", seed=2, status="timeout")
    broken = RunResult(name="a", seed=3, status="candidate_error")
    assert fitness([good, better, late]) == pytest.approx(0.6)
    assert fitness([good, broken]) is None
    assert fitness([late]) is None


@pytest.mark.parametrize(
    ("found", "sparse", "human", "expected"),
    [
        (0.5, 0.1, 0.5, 1.0),
        (0.1, 0.1, 0.5, 0.0),
        (0.0, 0.2, 0.4, -1.0),
        (0.5, 0.4, 0.2, 0.5),  # a person's reward that harms: better than none is still positive
        (0.9, 0.3, 0.3, None),
    ],
)
def test_human_normalised_score(
    found: float, sparse: float, human: float, expected: float | None
) -> None:
    assert human_normalised(found, sparse, human) == (
        None if expected is None else pytest.approx(expected)
    )


def test_a_score_without_all_arms_is_not_normalised() -> None:
    assert Arms(found=(0.8, 0.8), sparse=(0.2, 0.2), human=(0.5, 0.5)).normalised == pytest.approx(
        2.0
    )
    assert Arms(found=(0.8,), sparse=(0.2,)).normalised is None
    assert Arms(found=(0.8,), human=(0.2,)).normalised is None


def test_expert_is_known_where_its_features_are() -> None:
    assert expert_of("SparseKey-5x5-v0", {"max_steps": 40}, gamma=0.9) == "potential"
    assert expert_of("ExpertKey-v0", {"max_steps": 40}, gamma=0.9) == "expert"
    assert expert_of("CartPole-v1", {}, gamma=0.9) is None
