from __future__ import annotations

import dataclasses
import json
import re
from pathlib import PurePath

import pytest

from operant import agents, benchmarks
from operant.benchmarks.files import canonical_json
from operant.benchmarks.specs import AgentEntry, Design, Evaluation, RunSpec, Suite
from operant.errors import GammaMismatchError

SPEC = RunSpec(
    env_id="SparseKey-5x5-v0",
    design="potential",
    agent="sb3-ppo",
    seed=3,
    total_steps=1000,
    design_kwargs={"scale": 2.0},
    agent_config={"net_arch": (64, 64), "n_steps": 16},
)
OTHERS = {
    "env_id": "SparseKey-6x6-v0",
    "design": "none",
    "agent": "sb3-dqn",
    "seed": 4,
    "total_steps": 1001,
    "num_envs": 129,
    "gamma": 0.98,
    "label": "mine",
    "env_kwargs": {"max_steps": 9},
    "design_kwargs": {"scale": 2.5},
    "show_memory": True,
    "agent_config": {"net_arch": (64, 65), "n_steps": 16},
    "evaluation": Evaluation(points=11),
    "protocol": 2,
}


def test_run_id_is_the_published_one() -> None:
    # It names folders of results that people keep: a change here orphans all of them.
    assert SPEC.run_id == "c00c667aba63"
    assert SPEC.folder == "SparseKey-5x5-v0-potential-sb3-ppo-s3-c00c667aba63"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(RunSpec)])
def test_run_id_depends_on_each_field(field: str) -> None:
    assert dataclasses.replace(SPEC, **{field: OTHERS[field]}).run_id != SPEC.run_id


@pytest.mark.parametrize(
    "other", [Evaluation(points=11), Evaluation(episodes=65), Evaluation(deterministic=True)]
)
def test_run_id_depends_on_the_evaluation(other: Evaluation) -> None:
    assert dataclasses.replace(SPEC, evaluation=other).run_id != SPEC.run_id


def test_run_id_leaves_out_what_is_at_its_default() -> None:
    told = dataclasses.replace(SPEC, label="", num_envs=128, gamma=0.99)
    assert told.run_id == dataclasses.replace(told, evaluation=Evaluation(points=10)).run_id
    assert dataclasses.replace(SPEC, gamma=1).run_id == dataclasses.replace(SPEC, gamma=1.0).run_id


def test_suite_refuses_two_designs_of_one_label() -> None:
    pair = (Design(id="potential"), Design(id="potential", kwargs={"scale": 2.0}))
    with pytest.raises(ValueError, match="distinct labels"):
        dataclasses.replace(benchmarks.suite("demo"), designs=pair)


def test_suite_refuses_a_seed_twice() -> None:
    with pytest.raises(ValueError, match=r"seeds must be distinct, got \[0, 3\] repeatedly"):
        dataclasses.replace(benchmarks.suite("demo"), seeds=(3, 0, 1, 0, 3))
    with pytest.raises(ValueError, match="seeds must name at least one"):
        dataclasses.replace(benchmarks.suite("demo"), seeds=())


@pytest.mark.parametrize("told", ["design_kwargs", "agent_config"])
def test_another_discount_for_design_or_agent_is_refused(told: str) -> None:
    with pytest.raises(GammaMismatchError, match=r"'potential' uses gamma=0\.9.*uses gamma=0\.9"):
        dataclasses.replace(SPEC, **{told: {"gamma": 0.9}})
    same = dataclasses.replace(SPEC, gamma=0.9, **{told: {"gamma": 0.9}})
    assert getattr(same, told) == {"gamma": 0.9}


def test_refusal_says_which_discount_is_the_agents() -> None:
    message = "design 'potential' uses gamma=0.99 but the agent uses gamma=0.9;"
    with pytest.raises(GammaMismatchError, match=re.escape(message)):
        dataclasses.replace(SPEC, agent_config={"gamma": 0.9})


def test_run_id_does_not_depend_on_the_order_of_arguments() -> None:
    config = {"n_steps": 16, "net_arch": [64, 64]}
    assert dataclasses.replace(SPEC, agent_config=config).run_id == SPEC.run_id


def test_json_round_trip() -> None:
    again = RunSpec.from_json(json.loads(json.dumps(SPEC.to_json())))
    assert again.run_id == SPEC.run_id
    assert again.folder == SPEC.folder
    assert again.evaluation == SPEC.evaluation


def test_from_json_refuses_unknown_and_missing_fields() -> None:
    with pytest.raises(TypeError, match="surprise"):
        RunSpec.from_json({**SPEC.to_json(), "surprise": 1})
    with pytest.raises(TypeError, match="seed"):
        RunSpec.from_json({k: v for k, v in SPEC.to_json().items() if k != "seed"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("total_steps", 0),
        ("num_envs", 0),
        ("gamma", -0.01),
        ("gamma", 1.01),
        ("gamma", float("nan")),
    ],
)
def test_ranges_of_a_run(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{field} must .*, got {value}"):
        dataclasses.replace(SPEC, **{field: value})


@pytest.mark.parametrize("field", ["points", "episodes"])
def test_ranges_of_the_evaluation(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be >= 1, got 0"):
        Evaluation(**{field: 0})


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object(), {1, 2}])
def test_arguments_without_a_json_form_are_refused(bad: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        _ = dataclasses.replace(SPEC, design_kwargs={"scale": bad}).run_id


@pytest.mark.parametrize(
    "change",
    [
        {"env_id": "ALE/Pong-v5"},
        {"env_id": "my.module:Env-v0"},
        {"label": "../../etc"},
        {"label": ".hidden"},
        {"label": "50 % [red]\n\0"},
        {"label": "long" * 100},
    ],
)
def test_folder_is_one_plain_name(change: dict[str, str]) -> None:
    spec = dataclasses.replace(SPEC, **change)
    assert PurePath(spec.folder).parts == (spec.folder,)
    assert not spec.folder.startswith(".")
    assert spec.folder.isascii()
    assert spec.folder.isprintable()
    assert len(spec.folder) < 140
    assert spec.folder.endswith(spec.run_id)


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": (1, 2), "a": 0.1}) == '{"a":0.1,"b":[1,2]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def _suite() -> Suite:
    return Suite(
        id="s",
        title="S",
        env_ids=("SparseKey-5x5-v0", "SparseKey-6x6-v0"),
        designs=(Design(id="none"), Design(id="potential", kwargs={"scale": 2.0}, label="twice")),
        agents=(AgentEntry(id="sb3-ppo", config={"n_steps": 16}), AgentEntry(id="sb3-dqn")),
        seeds=(5, 7),
        total_steps=1000,
        num_envs=16,
        gamma=0.9,
        env_kwargs={"max_steps": 30},
        evaluation=Evaluation(points=3),
    )


def test_suite_runs_seed_by_seed() -> None:
    runs = _suite().runs()
    assert len(runs) == 16
    assert [run.seed for run in runs] == [5] * 8 + [7] * 8
    assert [run.name for run in runs[:2]] == ["none", "twice"]
    assert len({run.folder for run in runs}) == 16


def test_suite_passes_everything_on() -> None:
    run = _suite().runs()[1]
    assert (run.total_steps, run.num_envs, run.gamma) == (1000, 16, 0.9)
    assert run.design_kwargs == {"scale": 2.0}
    assert run.agent_config == {"n_steps": 16}
    assert run.env_kwargs == {"max_steps": 30}
    assert run.evaluation == Evaluation(points=3)


def test_testing_size_is_another_suite_with_the_same_columns() -> None:
    suite = benchmarks.suite("demo")
    small = suite.testing()
    assert small.id != suite.id
    assert {run.name for run in small.runs()} == {run.name for run in suite.runs()}
    assert not {run.run_id for run in small.runs()} & {run.run_id for run in suite.runs()}


def test_testing_size_comes_from_the_row_of_the_agent() -> None:
    ppo, dqn = _suite().testing().agents
    assert ppo.config == {"n_steps": 16, **agents.agent_row("sb3-ppo").testing}
    assert dqn.config == agents.agent_row("sb3-dqn").testing != {}


def test_arguments_of_single_envs_and_those_for_testing_win() -> None:
    suite = dataclasses.replace(
        _suite(),
        env_ids=("SparseKey-5x5-v0", "SparseKey-8x8-v0"),
        kwargs_of={"SparseKey-8x8-v0": {"max_steps": 70, "optimum": True}},
        evaluation=Evaluation(points=3, animated=False),
    )
    told = {run.env_id: dict(run.env_kwargs) for run in suite.runs()}
    assert told == {
        "SparseKey-5x5-v0": {"max_steps": 30},
        "SparseKey-8x8-v0": {"max_steps": 70, "optimum": True},
    }
    for small, limits in ((suite, [30, 70]), (_soon_over(suite), [7, 7])):
        tested = {run.env_id: run for run in small.testing().runs()}
        assert [tested[env_id].env_kwargs["max_steps"] for env_id in suite.env_ids] == limits
        last = tested["SparseKey-8x8-v0"]
        assert last.env_kwargs["optimum"]
        assert last.evaluation == Evaluation(points=1, episodes=4, animated=False)


def _soon_over(suite: Suite) -> Suite:
    return dataclasses.replace(suite, testing_kwargs={"max_steps": 7})


def test_arguments_for_an_env_that_the_suite_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"kwargs_of must name .* got \['Typo-v0'\]"):
        dataclasses.replace(_suite(), kwargs_of={"Typo-v0": {}})
    with pytest.raises(ValueError, match=r"agents_of must name .* got \['Typo-v0'\]"):
        dataclasses.replace(_suite(), agents_of={"Typo-v0": ()})


def test_an_env_may_have_agents_of_its_own() -> None:
    suite = dataclasses.replace(
        _suite(),
        env_ids=("SparseKey-5x5-v0", "SparseKey-8x8-v0"),
        agents=(AgentEntry(id="ppo"),),
        agents_of={"SparseKey-8x8-v0": (AgentEntry(id="sb3-ppo"), AgentEntry(id="q-learning"))},
    )
    for each in (suite, suite.testing()):
        told = {(run.env_id, run.agent) for run in each.runs()}
        assert told == {
            ("SparseKey-5x5-v0", "ppo"),
            ("SparseKey-8x8-v0", "sb3-ppo"),
            ("SparseKey-8x8-v0", "q-learning"),
        }
    assert all(entry.config for entry in suite.testing().entries("SparseKey-8x8-v0")[:1])
