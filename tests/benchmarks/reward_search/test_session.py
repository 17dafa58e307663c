from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from operant.benchmarks.reward_search.score import Arms
from operant.benchmarks.reward_search.session import (
    FIRST_REPORT_SEED,
    Plan,
    control,
    judge,
    open_search,
)
from operant.reward_design.llm.budget import Budget
from operant.reward_design.llm.providers.scripted import Scripted
from operant.reward_design.llm.search.eureka import eureka
from operant.reward_design.llm.search.lineage import Lineage, LineageError
from operant.reward_design.llm.search.results import Job, RunResult
from operant.reward_design.llm.search.search import run_search

GOOD = """\
def reward(obs, action, next_obs, info):
    closer = info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]
    return closer
"""


class Known:
    """A trainer that knows how well each design does; seed 1001 dies."""

    env_steps = 10
    levels = {"program": 0.8, "none": 0.2, "potential": 0.5}  # noqa: RUF012

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def to_json(self) -> dict[str, Any]:
        return {"total_steps": 10}

    def train(self, jobs: Sequence[Job]) -> list[RunResult]:
        self.jobs += jobs
        return [
            RunResult(
                name=job.name,
                seed=job.seed,
                status="ok",
                steps=(0, 10),
                success=(0.0, self.levels[job.design]),
                env_steps=10,
            )
            if job.seed != 1001
            else RunResult(name=job.name, seed=job.seed, status="timeout")
            for job in jobs
        ]


PLAN = Plan(env_id="SparseKey-5x5-v0", report_seeds=3)


def opened(folder: Path, trainer: Known, **limits: float) -> Any:
    return open_search(
        PLAN,
        provider=Scripted([GOOD, "no program"], name="two"),
        trainer=trainer,  # type: ignore[arg-type]
        folder=folder,
        budget=Budget(**limits),
    )


def test_what_was_found_is_judged_with_fresh_seeds_beside_its_controls(tmp_path: Path) -> None:
    trainer = Known()
    search = opened(tmp_path, trainer)
    outcome = run_search(eureka, search, rounds=1, samples=2, parent_seeds=(0,), final_seeds=(0,))
    trainer.jobs.clear()
    found = judge(PLAN, search, outcome)
    seeds = range(FIRST_REPORT_SEED, FIRST_REPORT_SEED + 3)
    assert [(job.design, job.seed) for job in trainer.jobs] == [
        (design, seed) for design in ("program", "none", "potential") for seed in seeds
    ]
    # The runs that died say nothing.
    assert found.arms == Arms(found=(0.8, 0.8), sparse=(0.2, 0.2), human=(0.5, 0.5))
    assert found.arms.normalised == pytest.approx(2.0)
    assert (found.chosen, found.first_best, found.samples, found.first) == (0.8, 0.8, 2, 2)
    names = [record["name"] for record in Lineage(tmp_path / "lineage.jsonl").all("run")]
    assert names == [
        "r0s0-seed0",
        *(f"{arm}-seed{seed}" for arm in ("r0s0", "none", "human") for seed in seeds),
    ]


def test_what_makes_a_method_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the method iid has no option 'feedback'"):
        Plan(env_id="SparseKey-5x5-v0", method="iid", options={"feedback": "reflection"})
    search = opened(tmp_path, Known())
    with pytest.raises(ValueError, match="only eureka has a control, got the method mc-reward"):
        control(dataclasses.replace(PLAN, method="mc-reward"), search, Known(), tmp_path)  # type: ignore[arg-type]


def test_nothing_is_judged_that_the_budget_does_not_allow(tmp_path: Path) -> None:
    trainer = Known()
    search = opened(tmp_path, trainer, env_steps=30)
    outcome = run_search(eureka, search, rounds=1, samples=2, parent_seeds=(0,), final_seeds=(0,))
    assert outcome.chosen is not None
    assert judge(PLAN, search, outcome).arms == Arms()
    assert len(trainer.jobs) == 1


def test_a_search_is_continued_only_as_the_same_one(tmp_path: Path) -> None:
    opened(tmp_path, Known())
    opened(tmp_path, Known())
    with pytest.raises(LineageError, match="differs in seed"):
        open_search(
            dataclasses.replace(PLAN, seed=1),
            provider=Scripted([GOOD], name="two"),
            trainer=Known(),  # type: ignore[arg-type]
            folder=tmp_path,
        )


@pytest.mark.integration
def test_a_scripted_search_that_is_continued_does_not_begin_its_texts_anew(tmp_path: Path) -> None:
    search = opened(tmp_path, Known())
    run_search(eureka, search, rounds=1, samples=1, parent_seeds=(0,), final_seeds=(0,))
    again = opened(tmp_path, Known())
    outcome = run_search(eureka, again, rounds=2, samples=1, parent_seeds=(0,), final_seeds=(0,))
    assert [trial.candidate.reply for trial in outcome.trials] == [GOOD, "no program"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"method": "lare", "form": "reward"}, "form must be one of factors"),
        ({"report_seeds": -1}, "report_seeds must be >= 0"),
    ],
)
def test_plans_are_checked(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(PLAN, **wrong)
