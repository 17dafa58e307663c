from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from operant.benchmarks.episode_log import TAIL, EpisodeLog
from operant.benchmarks.evaluate import Evaluator
from operant.benchmarks.specs import Evaluation, RunSpec
from operant.benchmarks.store import EPISODES, read_run
from operant.seeding import SeedTree

Spec = Callable[..., RunSpec]
EPISODE_COUNT, LIMIT = 5, 40


def optimal_in_even_rows(spec: RunSpec) -> Callable[..., Any]:
    """Return a policy that solves every second level and stands still in the others."""
    env = gym.make(spec.env_id, **spec.env_kwargs)
    first, plans = SeedTree(spec.seed).seed("evaluation"), []
    for row in range(spec.evaluation.episodes):
        env.reset(seed=first + row)
        plans.append(env.unwrapped.oracle().actions if row % 2 == 0 else ())
    return lambda obs, infos, t: np.array([(*p, *[6] * LIMIT)[t] for p in plans])


def watched(spec: RunSpec, keep: int = 3) -> tuple[EpisodeLog, Any]:
    log = EpisodeLog(keep)
    table = Evaluator(spec).score(optimal_in_even_rows(spec), step=64, log=log)
    return log, table


@pytest.fixture
def spec(tiny: Spec) -> RunSpec:
    return tiny(design="naive", evaluation=Evaluation(episodes=EPISODE_COUNT))


def test_terms_are_means_per_step_and_add_up_to_the_designed_return(spec: RunSpec) -> None:
    log, table = watched(spec)
    told = log.to_json()
    assert told["step"] == [64]
    (terms,) = told["terms"]
    assert set(terms) == {"env", "has_key", "door_open"}
    total = sum(terms.values()) * table.length.sum()
    assert total == pytest.approx(table.designed_return.sum(), abs=1e-9)
    assert terms["env"] * table.length.sum() == pytest.approx(3.0)  # three levels solved


def test_ends_are_shares_and_failures_come_first(spec: RunSpec) -> None:
    log, table = watched(spec)
    told = log.to_json()
    assert told["ends"] == {"success": 0.6, "truncated": 0.4}
    ended = [(e["success"], e["ended"], e["length"]) for e in told["episodes"]]
    lengths = table.length.tolist()
    assert ended == [
        (False, "truncated", LIMIT),
        (False, "truncated", LIMIT),
        (True, "success", lengths[0]),
    ]


def test_last_steps_are_those_of_a_scalar_env(spec: RunSpec) -> None:
    """The features of the last step are of the true successor, not of the next episode."""
    log, _ = watched(spec, keep=EPISODE_COUNT)
    solved = next(e for e in log.to_json()["episodes"] if e["success"])  # of the first level
    act = optimal_in_even_rows(spec)
    env = gym.make(spec.env_id, **spec.env_kwargs)
    env.reset(seed=SeedTree(spec.seed).seed("evaluation"))
    seen = []
    for t in range(solved["length"]):
        action = int(act(None, None, t)[0])
        info = env.step(action)[4]
        seen.append((action, {name: float(value) for name, value in info["features"].items()}))
    assert [(step["action"], step["features"]) for step in solved["steps"]] == seen[-TAIL:]
    failed = log.to_json()["episodes"][0]
    assert len(failed["steps"]) == TAIL


class Pit(gym.Env[Any, Any]):
    """One step to the left ends the episode, one to the right solves the task."""

    observation_space = gym.spaces.Discrete(2)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed, options=options)
        return 0, {"success": False, "features": {"here": 0.0, "map": np.zeros(3)}}

    def step(self, action: Any) -> Any:
        features = {"here": 1.0 - action, "map": np.ones(3)}
        return 1, float(action), True, False, {"success": bool(action), "features": features}


gym.register("Pit-v0", Pit)


def test_early_end_without_success_is_terminated_and_other_envs_do(tiny: Spec) -> None:
    spec = tiny(
        env_id="Pit-v0", env_kwargs={}, design="none", evaluation=Evaluation(episodes=EPISODE_COUNT)
    )
    log = EpisodeLog(9)
    even = np.arange(EPISODE_COUNT) % 2
    Evaluator(spec).score(lambda obs, infos, t: even, step=0, log=log)
    told = log.to_json()
    assert told["ends"] == {"success": 0.4, "terminated": 0.6}
    assert len(told["episodes"]) == EPISODE_COUNT
    assert told["episodes"][0] == {
        "length": 1,
        "success": False,
        "ended": "terminated",
        "steps": [{"action": 0, "reward": 0.0, "features": {"here": 1.0}}],  # numbers only
    }


def test_evaluation_that_was_broken_off_is_forgotten(spec: RunSpec) -> None:
    log, _ = watched(spec)
    once = json.loads(json.dumps(log.to_json()))
    log.begin()
    again = EpisodeLog(3)
    again.load_json(once)
    Evaluator(spec).score(optimal_in_even_rows(spec), step=128, log=again)
    told = again.to_json()
    assert told["step"] == [64, 128]
    assert told["terms"] == once["terms"] * 2
    assert told["episodes"] == once["episodes"]


@pytest.mark.integration
@pytest.mark.parametrize("stop_at", [2, 4])
def test_run_that_was_stopped_records_the_same(
    tmp_path: Path, tiny: Spec, execute: Callable[..., str], stop_at: int
) -> None:
    spec = tiny(design="naive", evaluation=Evaluation(points=4, episodes=4, recorded=2))
    assert execute(tmp_path / "whole", spec) == "done"
    assert execute(tmp_path / "stopped", spec, stop_at=stop_at) == "interrupted"
    assert execute(tmp_path / "stopped", spec) == "done"
    whole, stopped = (read_run(tmp_path / name / spec.folder) for name in ("whole", "stopped"))
    assert stopped.episodes == whole.episodes
    assert whole.episodes["step"] == whole.evals.steps().tolist() == [0, 128, 256, 384, 512]
    assert len(whole.episodes["episodes"]) == 2
    assert (tmp_path / "whole" / spec.folder / EPISODES).is_file()


def test_nothing_is_recorded_unless_asked(
    tmp_path: Path, tiny: Spec, execute: Callable[..., str]
) -> None:
    spec = tiny()
    assert execute(tmp_path, spec) == "done"
    assert not (tmp_path / spec.folder / EPISODES).exists()
    assert read_run(tmp_path / spec.folder).episodes == {}


def test_default_changes_no_old_run_id(tiny: Spec) -> None:
    assert tiny(evaluation=Evaluation(points=2, episodes=4, recorded=0)).run_id == tiny().run_id
    assert tiny(evaluation=Evaluation(points=2, episodes=4, recorded=1)).run_id != tiny().run_id


def test_number_of_episodes_is_checked() -> None:
    with pytest.raises(ValueError, match="recorded must be >= 0, got -1"):
        Evaluation(recorded=-1)
