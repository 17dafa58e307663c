from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from operant.benchmarks.reward_search.score import (
    Arms,
    compare,
    expert_of,
    final,
    human_normalised,
)
from operant.reward_design.llm.search.fitness import score
from operant.reward_design.llm.search.results import Job, RunResult

SUCCESS, RETURN = (0.9, 0.1, 0.2, 0.3, 0.4), (0.0, 5.0, 4.0, 3.0, 2.0)


def ended(name: str, seed: int, success: float) -> RunResult:
    return RunResult(name=name, seed=seed, status="ok", success=(0.0, success))


class Known:
    """A trainer that knows how well each design does; seed 1002 dies."""

    env_steps = 10
    levels = {"program": 0.8, "none": 0.2, "potential": 0.5}  # noqa: RUF012

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def train(self, jobs: Sequence[Job]) -> list[RunResult]:
        self.jobs += jobs
        return [
            ended(job.name, job.seed, self.levels[job.design])
            if job.seed != 1002
            else RunResult(name=job.name, seed=job.seed, status="timeout")
            for job in jobs
        ]


def test_final_is_the_mean_of_the_last_evaluations_not_the_best() -> None:
    result = RunResult(name="a", seed=0, status="ok", success=SUCCESS, true_return=RETURN)
    assert final(result) == pytest.approx(0.3)
    assert final(result) == pytest.approx(score(result))  # what fitness is made of
    assert final(result, "true_return") == pytest.approx(3.0)
    only = dataclasses.replace(result, success=(0.5,))
    assert final(only) == 0.5


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


def test_comparison_trains_all_arms_on_the_same_fresh_seeds() -> None:
    trainer = Known()
    design = ("program", {"source": "def ..."})
    found = compare(trainer, design, seeds=(1000, 1001, 1002), expert="potential")
    assert [(job.design, job.seed) for job in trainer.jobs] == [
        (name, seed) for name in ("program", "none", "potential") for seed in (1000, 1001, 1002)
    ]
    assert trainer.jobs[0].design_kwargs == {"source": "def ..."}
    # The runs that died say nothing.
    assert found == Arms(found=(0.8, 0.8), sparse=(0.2, 0.2), human=(0.5, 0.5))
    assert found.normalised == pytest.approx(2.0)


def test_comparison_without_a_persons_design_is_not_normalised() -> None:
    found = compare(Known(), ("program", {}), seeds=(1000,))
    assert found.human == ()
    assert found.normalised is None
    assert compare(Known(), ("program", {}), seeds=(1002,), expert="potential").normalised is None


def test_expert_is_known_where_its_features_are() -> None:
    assert expert_of("SparseKey-5x5-v0", {"max_steps": 40}, gamma=0.9) == "potential"
    assert expert_of("CartPole-v1", {}, gamma=0.9) is None
