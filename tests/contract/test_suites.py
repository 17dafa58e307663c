"""Every benchmark suite loads and is valid; a new row is tested without an edit here."""

from __future__ import annotations

import json

import pytest

import operant
from operant import benchmarks
from operant.benchmarks.specs import RunSpec, Suite

SUITES = operant.list_suites()


@pytest.mark.parametrize("name", SUITES)
def test_suite_names_known_things_and_distinct_runs(name: str) -> None:
    suite = benchmarks.suite(name)
    assert isinstance(suite, Suite)
    assert suite.id == name
    runs = suite.runs()
    assert runs
    for run in runs:
        assert run.env_id in operant.list_envs()
        assert run.agent in operant.list_agents()
        operant.make_design(run.design, **run.design_kwargs)
        assert RunSpec.from_json(json.loads(json.dumps(run.to_json()))).run_id == run.run_id
    assert len({run.run_id for run in runs}) == len(runs)


@pytest.mark.parametrize("name", SUITES)
def test_suite_has_a_size_for_testing(name: str) -> None:
    small = benchmarks.suite(name).testing()
    assert all(run.total_steps <= 10_000 for run in small.runs())
