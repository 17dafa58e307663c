"""What several commands print."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from operant.benchmarks.bench import Report
from operant.benchmarks.leaderboard import build_leaderboard
from operant.benchmarks.records import EvalTable, References, RunRecord
from operant.cli.output import summary


def scored(seed: int, metric: str, score: float) -> RunRecord:
    """Return a run of two evaluations of four episodes, without a success."""
    zeros = np.zeros(8)
    returns = ("true_return", "designed_return", "discounted_true_return")
    evals = EvalTable(
        step=np.repeat([0, 100], 4),
        episode=np.tile(np.arange(4), 2),
        length=np.full(8, 5),
        success=zeros > 0,
        score=np.repeat([9.0, score], 4),
        discounted_designed_return=zeros,
        **dict.fromkeys(returns, zeros),
    )
    return RunRecord(
        run_id=f"run-{seed}",
        suite="unit",
        env_id="Env-v0",
        design="none",
        agent="ppo",
        metric=metric,
        seed=seed,
        total_steps=100,
        evals=evals,
        references=References(),
        manifest={"wall_s": 1.0, "cpu_s": 1.0},
    )


def test_a_leaderboard_is_printed_by_its_own_metric(capsys: pytest.CaptureFixture[str]) -> None:
    board = build_leaderboard([scored(seed, "regret", 3.25) for seed in range(3)])
    pages = {"html": Path("board.html"), "markdown": Path("board.md")}
    summary(Report(leaderboard=board, problems=["run-7: damaged"], **pages))
    _, head, row, *_ = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert head.split()[:2] == ["design", "regret"]
    assert row.split()[:2] == ["none", "3.25"]
    assert "%" not in row
