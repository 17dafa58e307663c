from __future__ import annotations

import dataclasses
import datetime
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from operant.benchmarks import run as run_module
from operant.benchmarks.bench import report, run_suite, status
from operant.benchmarks.executors import Result, SerialExecutor
from operant.benchmarks.leaderboard import build_leaderboard
from operant.benchmarks.run import Progress
from operant.benchmarks.specs import Design, Suite
from operant.benchmarks.store import scan

MakeSuite = Callable[..., Suite]


def run(suite: Suite, root: Path) -> list[str]:
    quiet = Console(file=io.StringIO())
    results = run_suite(suite, root, executor=SerialExecutor(), console=quiet)
    return [result.outcome for result in results]


class Stopping(SerialExecutor):
    """Is sent SIGTERM when its n-th boundary is reported."""

    def __init__(self, boundary: int) -> None:
        self.left = boundary

    def execute(self, specs: Any, root: Path, tell: Any, ended: Any) -> list[Result]:
        def counting(progress: Progress) -> None:
            tell(progress)
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)

        return super().execute(specs, root, counting, ended)


def numbers(root: Path) -> list[dict[str, Any]]:
    """Return all that the leaderboard of a folder says, but for what running it cost."""
    board = build_leaderboard(scan(root, "tiny").records)
    rows = [dataclasses.asdict(row) for row in board.rows]
    for row in rows:
        for cost in ("manifest", "cpu_s", "wall_s"):
            row.pop(cost)
    return rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_suite: MakeSuite) -> Path:
    """Return the results folder of an uninterrupted suite."""
    root = tmp_path_factory.mktemp("whole")
    assert run(tiny_suite(), root) == ["done"] * 4
    return root


def test_suite_runs_and_is_reported(whole: Path, tiny_suite: MakeSuite) -> None:
    made = report(whole, title="A title", runs=tiny_suite().runs())
    assert made.problems == []
    assert {row.design for row in made.leaderboard.rows} == {"none", "naive"}
    assert all(row.seeds == (0, 1) for row in made.leaderboard.rows)
    assert "A title" in made.html.read_text()
    assert "A title" in made.markdown.read_text()
    assert made.html.parent == whole


def test_finished_suite_runs_nothing_again(whole: Path, tiny_suite: MakeSuite) -> None:
    assert run(tiny_suite(), whole) == []


def test_status_tells_what_is_left(whole: Path, tmp_path: Path, tiny_suite: MakeSuite) -> None:
    done, todo, found = status(tiny_suite(seeds=(0, 1, 2)), whole)
    assert [spec.seed for spec in done] == [0, 0, 1, 1]
    assert [spec.seed for spec in todo] == [2, 2]
    assert {record.suite for record in found.records} == {"tiny"}
    done, todo, found = status(tiny_suite(), tmp_path / "absent")
    assert (len(done), len(todo), found.problems) == (0, 4, [])
    assert not (tmp_path / "absent").exists()


@pytest.mark.integration
@pytest.mark.parametrize("boundary", [1, 3, 14])
def test_stopped_suite_ends_with_the_same_numbers(
    whole: Path, tmp_path: Path, tiny_suite: MakeSuite, boundary: int
) -> None:
    suite, quiet = tiny_suite(), Console(file=io.StringIO())
    results = run_suite(suite, tmp_path, executor=Stopping(boundary), console=quiet)
    assert "interrupted" in {result.outcome for result in results}
    assert "done" in set(run(suite, tmp_path))
    assert scan(tmp_path).problems == []
    np.testing.assert_equal(numbers(tmp_path), numbers(whole))


@pytest.mark.integration
def test_damaged_run_is_run_again_with_the_same_numbers(
    whole: Path, tmp_path: Path, tiny_suite: MakeSuite
) -> None:
    suite = tiny_suite()
    run(suite, tmp_path)
    victim = tmp_path / suite.runs()[2].folder / "eval.parquet"
    victim.write_bytes(victim.read_bytes()[:-7])
    made = report(tmp_path, runs=suite.runs())
    assert len(made.problems) == 1
    assert "eval.parquet does not match" in made.problems[0]
    assert "eval.parquet does not match" in made.html.read_text()
    assert sorted(len(row.seeds) for row in made.leaderboard.rows) == [1, 2]
    assert run(suite, tmp_path) == ["done"]
    np.testing.assert_equal(numbers(tmp_path), numbers(whole))


@pytest.mark.integration
def test_failing_designs_do_not_stop_the_others(tmp_path: Path, tiny_suite: MakeSuite) -> None:
    designs = (
        Design(id="none"),
        Design(id="potentail"),
        Design(id="naive", kwargs={"bonuses": {"has_kee": 1.0}}, label="typo"),
    )
    suite = tiny_suite(designs=designs, seeds=(0,))
    assert run(suite, tmp_path) == ["done", "failed", "failed"]
    made = report(tmp_path, runs=suite.runs())
    assert [row.design for row in made.leaderboard.rows] == ["none"]
    assert len(made.problems) == 2
    assert any("did you mean potential" in problem for problem in made.problems)
    assert any("has_kee" in problem for problem in made.problems)


@pytest.mark.integration
def test_runs_of_other_settings_are_kept_but_not_shown(
    tmp_path: Path, tiny_suite: MakeSuite
) -> None:
    suite, other = tiny_suite(seeds=(0,)), tiny_suite(seeds=(0,), gamma=0.5)
    assert run(suite, tmp_path) == ["done", "done"]
    quiet = Console(file=io.StringIO())
    run_suite(other, tmp_path, executor=Stopping(7), console=quiet)  # one done, one stopped
    made = report(tmp_path, runs=suite.runs())
    (problem,) = made.problems
    assert problem.startswith("2 other runs in this folder not shown here")
    assert len(made.leaderboard.rows) == 2
    assert len(scan(tmp_path).records) == 3


@pytest.mark.integration
def test_report_of_a_mixed_folder_shows_the_newest_settings(
    tmp_path: Path, tiny_suite: MakeSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    designs = (Design(id="none"),)
    old = tiny_suite(designs=designs)
    new = tiny_suite(designs=designs, seeds=(1,), gamma=0.5)
    another = tiny_suite(designs=(Design(id="naive"),), seeds=(1,))
    for year, suite in ((2031, old), (2032, new), (2030, another)):
        monkeypatch.setattr(run_module, "datetime", _Clock(year))
        assert set(run(suite, tmp_path)) == {"done"}
    made = report(tmp_path)
    shown = {row.design: row.run_ids for row in made.leaderboard.rows}
    assert shown == {
        "none": (new.runs()[0].run_id,),
        "naive": (another.runs()[0].run_id,),
    }
    (problem,) = made.problems
    assert problem.startswith("2 other runs in this folder not shown here")


class _Clock:
    """Stands in for the module datetime: it is always the same year."""

    def __init__(self, year: int) -> None:
        moment = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
        self.datetime, self.UTC = SimpleNamespace(now=lambda _: moment), datetime.UTC


def test_report_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run a suite into it first"):
        report(tmp_path / "absent")


def test_report_of_nothing_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no runs in"):
        report(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_progress_goes_to_the_console(tmp_path: Path, tiny_suite: MakeSuite) -> None:
    out = io.StringIO()
    suite = tiny_suite(seeds=(0,))
    run_suite(suite, tmp_path, executor=SerialExecutor(), console=Console(file=out))
    assert "2/2 runs, 100% of steps" in out.getvalue()


PROGRAM = """
import pathlib, sys
from operant.benchmarks import run as run_module
from operant.benchmarks.bench import run_suite
from operant.benchmarks.executors import ProcessExecutor
from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite

if __name__ == "__main__":
    config = {"n_steps": 16, "batch_size": 64, "n_epochs": 1, "encoder": "flat"}
    suite = Suite(
        id="tiny", title="Tiny", env_ids=("SparseKey-5x5-v0",), seeds=(0, 1),
        designs=(Design(id="none"), Design(id="naive")),
        agents=(AgentEntry(id="sb3-ppo", config=config),), env_kwargs={"max_steps": 40},
        total_steps=int(sys.argv[2]), num_envs=8, evaluation=Evaluation(points=2, episodes=4),
    )
    results = run_suite(suite, pathlib.Path(sys.argv[1]), executor=ProcessExecutor(2))
    print(",".join(result.outcome for result in results))
"""


@pytest.mark.slow
def test_two_processes_share_a_folder_and_survive_signals(
    tmp_path: Path, tiny_suite: MakeSuite
) -> None:
    suite, root = tiny_suite(total_steps=60 * 128), tmp_path / "results"
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, str(path), str(root), str(suite.total_steps)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def ended(process: subprocess.Popen[str]) -> set[str]:
        text, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        return set(text.strip().split(",")) - {""}

    both = [start(), start()]
    while not list(root.glob("*/.lock")):
        time.sleep(0.05)
    time.sleep(8)  # enough to be in the middle; any moment must do
    for process in both:
        process.terminate()
    assert set.union(*map(ended, both)) <= {"busy", "interrupted", "done"}
    assert scan(root).quarantined == {}
    while outcome := ended(start()):
        assert outcome <= {"done"}
    run(suite, tmp_path / "whole")
    assert scan(root).problems == []
    np.testing.assert_equal(numbers(root), numbers(tmp_path / "whole"))
