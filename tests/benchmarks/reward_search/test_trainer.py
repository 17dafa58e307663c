from __future__ import annotations

import dataclasses
import json
import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from operant.benchmarks.reward_search.defaults import DEFAULT
from operant.benchmarks.reward_search.told import result_of
from operant.benchmarks.reward_search.trainer import SuiteTrainer
from operant.benchmarks.reward_search.worker import Ending, execute
from operant.benchmarks.specs import Evaluation, RunSpec
from operant.benchmarks.store import read_run
from operant.errors import InterruptedRunError
from operant.reward_design.llm.search.fitness import fitness
from operant.reward_design.llm.search.results import Job, RunResult

Spec = Callable[..., RunSpec]
GOOD = 'def potential(obs, info):\n    return 0.5 * info["has_key"]\n'
DIVIDES = 'def potential(obs, info):\n    return 1.0 / info["has_key"]\n'
FORBIDDEN = "def potential(obs, info):\n    import os\n    return 1.0\n"
CONSTANT = "def potential(obs, info):\n    return 1.0\n"
SMALL = {
    "env_kwargs": {"max_steps": 40},
    "agent": "ppo",
    "agent_config": {"n_steps": 16, "batch_size": 64, "n_epochs": 1},
    "total_steps": 4 * 8 * 16,
    "num_envs": 8,
    "evaluation": Evaluation(points=2, episodes=4, recorded=2),
}
MISCHIEF = """
import os, pathlib, signal, time
from operant.reward_design.shaping.none import TrueReward

class Hang(TrueReward):
    def step(self, t):
        time.sleep(3600)

class Die(TrueReward):
    def step(self, t):
        os.kill(os.getpid(), signal.SIGKILL)

class StopParent(TrueReward):
    def step(self, t):
        flag = pathlib.Path(__file__).with_suffix(".stopped")
        if self.context.num_envs == 8 and not flag.exists():
            flag.touch()
            os.kill(os.getppid(), signal.SIGTERM)
        return super().step(t)
"""

BOUNDLESS = """
import numpy as np
from operant.reward_design.shaping.none import TrueReward
from operant.types import RewardTerms

class Boundless(TrueReward):
    def step(self, t):
        return RewardTerms.sum_of(env=np.full(len(t), np.inf))
"""


def job(source: str = GOOD, *, name: str = "r0s0", seed: int = 0) -> Job:
    kwargs = {"potential": source, "privileged": True}
    return Job(name=name, design="potential", design_kwargs=kwargs, seed=seed)


def small(results: Path, **changes: Any) -> SuiteTrainer:
    return SuiteTrainer("SparseKey-5x5-v0", results=results, **{**SMALL, **changes})


def here(trainer: SuiteTrainer, told: Job) -> Ending:
    """Do in this process what a worker does."""
    return execute(trainer.results, trainer.spec(told), lambda: False, lambda _: None)


# ---- the run of a job -------------------------------------------------------------------------


def test_run_does_not_depend_on_the_name_of_the_candidate(tmp_path: Path) -> None:
    trainer = small(tmp_path)
    assert trainer.spec(job(name="r0s0")) == trainer.spec(job(name="r4s15"))
    assert trainer.spec(job(seed=1)).folder != trainer.spec(job(seed=0)).folder
    assert trainer.spec(job(DIVIDES)).folder != trainer.spec(job()).folder


def test_settings_survive_json_and_make_the_same_runs(tmp_path: Path) -> None:
    trainer = small(tmp_path)
    told = json.loads(json.dumps(trainer.to_json()))
    again = SuiteTrainer.from_json(told, results=tmp_path / "elsewhere")
    assert again.spec(job()).run_id == trainer.spec(job()).run_id
    assert again.env_steps == 512


def test_defaults_are_whole_rollouts(tmp_path: Path) -> None:
    trainer = SuiteTrainer("SparseKey-8x8-v0", results=tmp_path)
    assert trainer.env_steps % (DEFAULT.num_envs * DEFAULT.agent_config["n_steps"]) == 0
    # Fitness is one evaluation, where the rate has fallen to 0: on as many episodes as it once took
    # from several.
    assert (DEFAULT.evaluation.points, DEFAULT.evaluation.since) == (1, 1.0)
    assert DEFAULT.agent_config["learning_rate"]["to"] == 0.0
    assert DEFAULT.evaluation.episodes >= 64
    assert DEFAULT.evaluation.recorded >= 8


@pytest.mark.parametrize("change", [{"workers": 0}, {"timeout_s": 0.0}, {"total_steps": 0}])
def test_numbers_are_checked(tmp_path: Path, change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=name):
        small(tmp_path, **change)


def test_result_holds_curves_terms_and_last_steps(tmp_path: Path) -> None:
    trainer = small(tmp_path)
    assert here(trainer, job()) == Ending(status="ok")
    spec = trainer.spec(job())
    record = read_run(tmp_path / spec.folder)
    names = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
    result = result_of(record, job=job(), folder=spec.folder, actions=names)
    assert (result.name, result.seed, result.status) == ("r0s0", 0, "ok")
    assert result.steps == (0, 256, 512)
    assert result.success == tuple(record.evals.means("success"))
    assert result.length == tuple(record.evals.means("length"))
    assert set(result.terms) == {"env", "shaping"}
    steps = [mean * 4 for mean in result.length]  # of all four episodes
    paid = [sum(term[k] for term in result.terms.values()) * steps[k] for k in range(3)]
    assert paid == pytest.approx([4 * mean for mean in result.designed_return], abs=1e-9)
    assert sum(result.ends.values()) == 1.0
    assert len(result.episodes) == 2
    first = result.episodes[0]
    assert {step.action for step in first.steps} <= set(names)
    assert first.ended in ("success", "terminated", "truncated")
    assert "has_key" in first.steps[-1].features
    assert (result.env_steps, result.folder) == (512, spec.folder)
    assert fitness([result]) == pytest.approx(sum(result.success[1:]) / 2)
    assert json.loads(json.dumps(dataclasses.asdict(result)))["status"] == "ok"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (DIVIDES, "division by zero"),
        (FORBIDDEN, "UnsafeRewardCodeError"),
        (CONSTANT, "reads no feature"),
    ],
)
def test_failing_program_is_the_candidates_fault(tmp_path: Path, source: str, said: str) -> None:
    ending = here(small(tmp_path), job(source))
    assert ending.status == "candidate_error"
    assert said in ending.error


def test_reward_that_is_not_finite_is_the_candidates_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "boundless.py").write_text(BOUNDLESS)
    monkeypatch.syspath_prepend(tmp_path)
    told = Job(name="x", design="boundless:Boundless", design_kwargs={}, seed=0)
    ending = here(small(tmp_path), told)
    assert ending.status == "candidate_error"
    assert "must be finite" in ending.error


@pytest.mark.parametrize(
    ("design", "change", "said"),
    [
        ("nope", {}, "unknown reward design 'nope'"),
        ("none", {"agent_config": {"n_steps": 0}}, "n_steps"),
    ],
)
def test_everything_else_is_the_trainers_fault(
    tmp_path: Path, design: str, change: dict[str, Any], said: str
) -> None:
    told = Job(name="x", design=design, design_kwargs={}, seed=0)
    ending = here(small(tmp_path, **change), told)
    assert ending.status == "trainer_error"
    assert said in ending.error


def test_design_of_whole_episodes_is_trained_on(tmp_path: Path) -> None:
    world = {"env_kwargs": {"max_steps": 40, "reward": "delayed"}}
    source = 'def factors(obs, action, next_obs, info):\n    return [info["has_key"]]\n'
    told = Job(name="x", design="lare", design_kwargs={"source": source}, seed=0)
    trainer = small(tmp_path, **world)
    assert here(trainer, told) == Ending(status="ok")
    folder = trainer.spec(told).folder
    result = result_of(read_run(tmp_path / folder), job=told, folder=folder)
    assert set(result.terms) == {"redistributed"}


# ---- processes --------------------------------------------------------------------------------


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[SuiteTrainer]:
    (tmp_path / "mischief.py").write_text(MISCHIEF)
    made = small(tmp_path / "runs", workers=1)
    yield made
    made.close()


def mischief(name: str) -> Job:
    return Job(name=name, design=f"mischief:{name}", design_kwargs={}, seed=0)


def statuses(results: list[RunResult]) -> list[str]:
    return [result.status for result in results]


@pytest.mark.integration
def test_whatever_happens_to_one_run_the_others_end_well(
    tmp_path: Path, trainer: SuiteTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    jobs = [job(), mischief("Die"), job(DIVIDES, name="bad"), job(name="equal"), job(seed=1)]
    results = trainer.train(jobs)
    assert statuses(results) == ["ok", "trainer_error", "candidate_error", "ok", "ok"]
    assert [result.name for result in results] == ["r0s0", "Die", "bad", "equal", "r0s0"]
    assert "its process died (exit code -9" in results[1].error
    assert results[3] == dataclasses.replace(results[0], name="equal")
    assert len(list((tmp_path / "runs").glob("*/DONE.json"))) == 2  # equal jobs are one run

    finished = trainer.results / results[0].folder / "DONE.json"
    before = finished.stat().st_mtime_ns
    assert trainer.train([jobs[0]]) == results[:1]
    assert finished.stat().st_mtime_ns == before
    finished.write_text("{}")  # damaged: set aside and trained again
    (again,) = trainer.train([jobs[0]])
    assert dataclasses.replace(again, wall_s=0.0) == dataclasses.replace(results[0], wall_s=0.0)
    trainer.close()
    assert multiprocessing.active_children() == []


@pytest.mark.integration
def test_workers_that_were_prepared_do_the_work(trainer: SuiteTrainer) -> None:
    trainer.prepare()
    (worker,) = multiprocessing.active_children()
    trainer.prepare()
    assert statuses(trainer.train([job()])) == ["ok"]
    assert multiprocessing.active_children() == [worker]


@pytest.mark.integration
def test_hang_is_a_status(
    tmp_path: Path, trainer: SuiteTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    trainer.timeout_s = 1.0
    (hung,) = trainer.train([mischief("Hang")])
    assert hung.status == "timeout"
    assert "1 s" in hung.error
    trainer.timeout_s = 100.0
    assert statuses(trainer.train([job()])) == ["ok"]  # and training goes on


@pytest.mark.integration
def test_signal_saves_and_the_same_search_goes_on(
    tmp_path: Path, trainer: SuiteTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(InterruptedRunError, match="goes on from there"):
        trainer.train([mischief("StopParent"), job()])
    assert signal.getsignal(signal.SIGTERM) == handler
    assert statuses(trainer.train([mischief("StopParent"), job()])) == ["ok", "ok"]


PROGRAM = """
import sys
from pathlib import Path
from operant.benchmarks.reward_search.trainer import SuiteTrainer
from operant.benchmarks.specs import Evaluation
from operant.reward_design.llm.search.results import Job

if __name__ == "__main__":
    evaluation = Evaluation(points=1, episodes=2)
    trainer = SuiteTrainer(
        "SparseKey-5x5-v0", results=Path(sys.argv[1]), agent_config={"n_steps": 16},
        total_steps=128, num_envs=8, evaluation=evaluation, workers=1,
    )
    (result,) = trainer.train([Job(name="x", design="none", design_kwargs={}, seed=0)])
    print(result.status)
"""


@pytest.mark.integration
def test_program_that_does_not_close_ends_all_the_same(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr
