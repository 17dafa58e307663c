"""The study's report, from made-up runs, and one short training."""

from __future__ import annotations

import json

import numpy as np
import pytest

from operant.benchmarks.studies import barfi
from operant.benchmarks.studies.barfi import BAD, GOOD, METHODS, TASKS, Run

WEIGHTS = {
    "train/weight_constant": 0.0,
    "train/weight_primary": 2.0,
    "train/weight_auxiliary": -1.0,
    "train/gamma": 0.9,
}


def made_up(task: str, auxiliary: str, method: str, seed: int) -> Run:
    score = float(list(METHODS).index(method) + seed)
    return Run(
        task=task,
        auxiliary=auxiliary,
        method=method,
        seed=seed,
        steps=[0, 10, 20, 30],
        returns=[99.0, score, score, score],
        weights=WEIGHTS,
        seconds=1.0,
    )


@pytest.fixture
def runs() -> list[Run]:
    return [
        made_up(task, auxiliary, method, seed)
        for task in TASKS
        for method in METHODS
        for auxiliary in ([""] if method == "primary only" else [GOOD, BAD])
        for seed in range(2)
    ]


def test_table_shows_the_mean_and_the_ends_of_the_last_evaluations(runs) -> None:
    lines = barfi.table(runs).splitlines()
    assert len(lines) == 2 + len(METHODS) + 1
    assert lines[2] == "| primary only |" + " 0.5 (0.0 to 1.0) |" * 4
    assert lines[5] == "| BARFI |" + " 3.5 (3.0 to 4.0) |" * 4
    assert "0.0, 2.0, -1.0; discount 0.900" in lines[6]


@pytest.mark.slow
def test_drawing_is_a_picture(runs) -> None:
    assert barfi.draw(runs).startswith(b"\x89PNG")


@pytest.mark.integration
def test_a_short_training_is_recorded(monkeypatch) -> None:
    monkeypatch.setattr(barfi, "EVALUATIONS", 1)
    run = barfi.train("RoomNav", GOOD, "as a potential", 0, share=0.001)
    assert run.steps[0] == 0
    assert run.steps == sorted(run.steps)
    assert len(run.returns) == len(run.steps) == 2
    assert np.isfinite(run.returns).all()
    assert run.weights["train/weight_auxiliary"] == 1.0
    assert json.loads(json.dumps(run.weights)) == run.weights


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--share", "0"], ["--share", "2"]])
def test_bad_arguments_are_refused_before_any_work(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        barfi.main(arguments)
