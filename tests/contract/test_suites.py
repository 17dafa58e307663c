"""Every benchmark suite loads and is valid; a new row is tested without an edit here."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import operant
from operant import agents, benchmarks
from operant.benchmarks.bench import run_suite
from operant.benchmarks.executors import SerialExecutor
from operant.benchmarks.specs import RunSpec, Suite
from operant.cli.doctor import missing
from operant.envs import multiagent

SUITES = operant.list_suites()


@pytest.mark.parametrize("name", SUITES)
def test_suite_names_known_things_and_distinct_runs(name: str) -> None:
    suite = benchmarks.suite(name)
    assert isinstance(suite, Suite)
    assert suite.id == name
    runs = suite.runs()
    assert runs
    for run in runs:
        assert run.agent in operant.list_agents()
        plays = agents.agent_row(run.agent).kind == "game"
        assert run.env_id in (multiagent.games().ids() if plays else operant.list_envs())
        operant.make_design(run.design, **run.design_kwargs)
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).run_id == run.run_id
    assert len({run.run_id for run in runs}) == len(runs)
    known = operant.envs.registry()  # the batched form of a game needs no extra
    extras = {known[run.env_id].extra for run in runs if run.env_id in known}
    assert extras <= {"", benchmarks.registry()[name].extra}  # listings tell what to install


@pytest.mark.parametrize("name", SUITES)
def test_suite_has_a_size_for_testing(name: str) -> None:
    small = benchmarks.suite(name).testing()
    assert all(run.total_steps <= 10_000 for run in small.runs())


@pytest.mark.integration
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SUITES)
def test_suite_of_testing_size_runs(name: str, tmp_path: Path) -> None:
    if missing(benchmarks.registry()[name].extra):
        pytest.skip(f"the extra {benchmarks.registry()[name].extra} is not installed")
    suite = benchmarks.suite(name).testing()
    quiet = Console(file=io.StringIO())
    ended = run_suite(suite, tmp_path, executor=SerialExecutor(), console=quiet)
    assert [result.error for result in ended] == [""] * len(suite.runs())
    assert {result.outcome for result in ended} == {"done"}
