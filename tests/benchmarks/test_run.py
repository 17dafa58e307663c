from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from operant import agents, reward_design
from operant.agents.base import Agent
from operant.benchmarks import run as run_module
from operant.benchmarks import store
from operant.benchmarks.evaluate import run_batch
from operant.benchmarks.files import write_atomic
from operant.benchmarks.formats import pack_arrays, read_arrays
from operant.benchmarks.run import Progress, Run
from operant.benchmarks.specs import Evaluation, RunSpec
from operant.benchmarks.store import RunDirectory, scan
from operant.errors import NonFiniteRewardError, OperantError, UnknownIdError
from operant.reward_design.base import RewardDesign
from operant.types import RewardTerms, Transition

Spec = Callable[..., RunSpec]
Execute = Callable[..., str]
SAME = ("eval.parquet", "policy.safetensors", "rollout.gif", "spec.json")
"""Files that do not depend on how and when a run was executed."""


def results(root: Path, spec: RunSpec) -> dict[str, bytes]:
    return {name: (root / spec.folder / name).read_bytes() for name in SAME}


def manifest(root: Path, spec: RunSpec) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((root / spec.folder / "manifest.json").read_text())
    return read


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, tiny: Spec, execute: Execute
) -> Callable[[RunSpec], dict[str, bytes]]:
    """Return a function that gives the results of an uninterrupted run."""
    root, known = tmp_path_factory.mktemp("whole"), {}

    def call(spec: RunSpec) -> dict[str, bytes]:
        if spec.folder not in known:
            assert execute(root, spec) == "done"
            known[spec.folder] = results(root, spec)
        return known[spec.folder]

    return call


# ---- the ordinary course ----------------------------------------------------------------------


def test_run_leaves_a_complete_folder(tmp_path: Path, tiny: Spec, execute: Execute) -> None:
    spec = tiny(evaluation=Evaluation(points=4, episodes=4))
    assert execute(tmp_path, spec) == "done"
    names = {path.name for path in (tmp_path / spec.folder).iterdir()}
    assert names == {*store.RESULTS, "rollout.gif", "DONE.json", ".lock"}
    (record,) = scan(tmp_path).records
    assert record.evals.steps().tolist() == [0, 128, 256, 384, 512]
    assert len(record.evals) == 5 * 4
    assert record.references.oracle is not None
    told = manifest(tmp_path, spec)
    assert told["sessions"] == 1
    assert told["steps"] == 512
    assert told["exact_resume"] is True
    assert told["run_id"] == spec.run_id
    assert RunSpec.from_json(told["config"]).run_id == spec.run_id
    assert told["agent_config"]["clip_range"] == 0.2
    assert told["agent_config"]["gamma"] == spec.gamma
    assert told["cpu_s"] > 0
    assert told["wall_s"] > 0
    scalars = pq.read_table(tmp_path / spec.folder / "train.parquet").to_pydict()
    assert set(scalars["step"]) == {128, 256, 384, 512}
    assert "train/value_loss" in scalars["metric"]


def test_finished_run_is_left_alone(tmp_path: Path, tiny: Spec, execute: Execute) -> None:
    spec = tiny()
    execute(tmp_path, spec)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / spec.folder).iterdir()}
    assert execute(tmp_path, spec) == "done"
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / spec.folder).iterdir()}
    assert after.keys() == before.keys()
    assert all(after[name] == before[name] for name in before if name != ".lock")


def test_exported_policy_is_the_final_one(tmp_path: Path, tiny: Spec, execute: Execute) -> None:
    spec = tiny()
    execute(tmp_path, spec)
    arrays, meta = read_arrays(tmp_path / spec.folder / "policy.safetensors")
    env = run_batch(spec, 2)
    spaces = env.single_observation_space, env.single_action_space
    obs, _ = env.reset(seed=0)
    actions = agents.load_policy(arrays, meta, *spaces).act(obs, deterministic=True)
    assert actions.shape == (2,)


def test_progress_is_reported_at_each_boundary(tmp_path: Path, tiny: Spec) -> None:
    spec, seen = tiny(), []
    directory = RunDirectory(tmp_path, spec)
    Run(directory, should_stop=lambda: False, report=seen.append).execute()
    assert [progress.step for progress in seen] == [0, 128, 256, 384, 512]
    assert {progress.folder for progress in seen} == {spec.folder}
    (record,) = scan(tmp_path).records
    assert seen[-1].success == record.evals.means("success")[-1]
    assert seen[-1].designed_return == record.evals.means("designed_return")[-1]
    assert seen[1].designed_return == record.evals.means("designed_return")[0]


@pytest.mark.integration
def test_evaluating_more_often_does_not_change_training(
    tmp_path: Path, tiny: Spec, execute: Execute
) -> None:
    policies = []
    for points in (2, 10):
        spec = tiny(evaluation=Evaluation(points=points, episodes=4))
        execute(tmp_path, spec)
        policies.append((tmp_path / spec.folder / "policy.safetensors").read_bytes())
    assert policies[0] == policies[1]


def test_budget_between_boundaries_ends_with_an_evaluation(
    tmp_path: Path, tiny: Spec, execute: Execute
) -> None:
    spec = tiny(total_steps=200, evaluation=Evaluation(points=300, episodes=2))
    assert execute(tmp_path, spec) == "done"
    assert scan(tmp_path).records[0].evals.steps().tolist() == [0, 128, 256]


def test_early_evaluations_can_be_left_out(tmp_path: Path, tiny: Spec, execute: Execute) -> None:
    """Also where a run is stopped, and saved, before the first one."""
    late = tiny(evaluation=Evaluation(points=4, episodes=4, since=0.75))
    everywhere = tiny(evaluation=Evaluation(points=4, episodes=4))
    assert late.run_id != everywhere.run_id
    assert execute(tmp_path, late, stop_at=2) == "interrupted"
    assert execute(tmp_path, late) == execute(tmp_path, everywhere) == "done"
    by_id = {record.run_id: record for record in scan(tmp_path).records}
    few, all_of_them = by_id[late.run_id].evals, by_id[everywhere.run_id].evals
    assert few.steps().tolist() == [384, 512]
    assert (
        few.means("designed_return").tolist() == all_of_them.means("designed_return")[-2:].tolist()
    )
    assert manifest(tmp_path, late)["sessions"] == 2
    with pytest.raises(ValueError, match=r"since must lie in \[0, 1\], got 1.5"):
        Evaluation(since=1.5)


def test_progress_before_the_first_evaluation_is_unknown(tmp_path: Path, tiny: Spec) -> None:
    spec, seen = tiny(evaluation=Evaluation(points=2, episodes=2, since=0.5)), []
    Run(RunDirectory(tmp_path, spec), should_stop=lambda: False, report=seen.append).execute()
    assert [math.isnan(progress.success) for progress in seen] == [True, True, False, False, False]


def test_reference_policies_can_be_left_out(tmp_path: Path, tiny: Spec, execute: Execute) -> None:
    spec = tiny(evaluation=Evaluation(points=1, episodes=2, references=False))
    assert execute(tmp_path, spec) == "done"
    (record,) = scan(tmp_path).records
    assert (record.references.random, record.references.oracle) == (None, None)


def test_scalars_are_thinned_and_finite(
    tmp_path: Path, tiny: Spec, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOG_ROWS", 2)
    cls = agents.registry().load("sb3-ppo")
    metrics = cls.metrics
    odd = {"odd/nan": math.nan, "odd/inf": math.inf, "odd/one": 1.0}
    monkeypatch.setattr(cls, "metrics", lambda self: {**metrics(self), **odd})
    spec = tiny()
    assert execute(tmp_path, spec, stop_at=4) == "interrupted"  # saves them as strict JSON
    assert execute(tmp_path, spec) == "done"
    scalars = pq.read_table(tmp_path / spec.folder / "train.parquet").to_pydict()
    assert set(scalars["step"]) == {256, 512}
    assert np.isfinite(scalars["value"]).all()
    assert "odd/one" in scalars["metric"]
    assert "odd/nan" not in scalars["metric"]


# ---- being stopped ----------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("agent", ["sb3-ppo", "sb3-dqn"])
@pytest.mark.parametrize("design", ["count", "potential"])
@pytest.mark.parametrize("stops", [[1], [3], [4], [1, 2, 1, 3], [2, 2, 2]])
def test_stopped_run_ends_like_an_uninterrupted_one(
    tmp_path: Path,
    tiny: Spec,
    execute: Execute,
    whole: Callable[[RunSpec], dict[str, bytes]],
    design: str,
    agent: str,
    stops: list[int],
) -> None:
    dqn = {"buffer_size": 300, "learning_starts": 32, "train_freq": 16, "encoder": "flat"}
    config = {"agent_config": dqn} if agent == "sb3-dqn" else {}
    spec = tiny(design=design, agent=agent, **config)
    for boundary in stops:
        assert execute(tmp_path, spec, stop_at=boundary) == "interrupted"
        found = scan(tmp_path)
        assert found.records == []
        assert "continues it from its last checkpoint" in found.unfinished[spec.folder]
        names = {path.name for path in (tmp_path / spec.folder).iterdir()}
        assert names == {"spec.json", "checkpoint.safetensors", ".lock"}
    assert execute(tmp_path, spec) == "done"
    assert results(tmp_path, spec) == whole(spec)
    assert not (tmp_path / spec.folder / "checkpoint.safetensors").exists()
    told = manifest(tmp_path, spec)
    assert told["sessions"] == len(stops) + 1
    assert told["exact_resume"] is True


def test_stop_asked_at_the_end_finishes(tmp_path: Path, tiny: Spec, execute: Execute) -> None:
    assert execute(tmp_path, tiny(), stop_at=5) == "done"


def test_killed_run_continues_from_the_last_checkpoint(
    tmp_path: Path,
    tiny: Spec,
    execute: Execute,
    whole: Callable[[RunSpec], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_module, "CHECKPOINT_SECONDS", -1.0)  # save at each boundary
    spec, seen = tiny(), []

    class Killed(BaseException):
        pass

    def report(progress: Progress) -> None:
        seen.append(progress.step)
        if len(seen) == 4:
            raise Killed

    directory = RunDirectory(tmp_path, spec)
    run = Run(directory, should_stop=lambda: False, report=report)
    with pytest.raises(Killed):
        run.execute()
    assert not (tmp_path / spec.folder / "FAILED.json").exists()
    assert seen == [0, 128, 256, 384]  # the last one was reported and not yet saved
    seen[:] = [0, 0, 0]
    run = Run(directory, should_stop=lambda: False, report=report)
    with pytest.raises(Killed):
        run.execute()
    assert seen[-1] == 256
    assert execute(tmp_path, spec) == "done"
    assert results(tmp_path, spec) == whole(spec)


def test_killed_after_the_last_boundary_only_writes_the_results(
    tmp_path: Path,
    tiny: Spec,
    execute: Execute,
    whole: Callable[[RunSpec], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_module, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(RunDirectory, "finish", _full_disk)
    spec = tiny()
    with pytest.raises(OSError, match="No space"):
        execute(tmp_path, spec)
    monkeypatch.undo()
    assert execute(tmp_path, spec) == "done"
    assert results(tmp_path, spec) == whole(spec)


def test_env_without_state_continues_and_says_so(
    tmp_path: Path, tiny: Spec, execute: Execute
) -> None:
    spec = tiny(env_id="Cart-v0", env_kwargs={}, design="none")
    assert execute(tmp_path, spec, stop_at=3) == "interrupted"
    assert execute(tmp_path, spec, stop_at=1) == "interrupted"
    assert execute(tmp_path, spec) == "done"
    assert manifest(tmp_path, spec)["exact_resume"] is False
    (record,) = scan(tmp_path).records
    assert record.references.oracle is None
    assert not record.evals.success.any()
    assert record.evals.steps().tolist() == [0, 256, 512]


def test_run_of_another_process_is_busy(tmp_path: Path, tiny: Spec, execute: Execute) -> None:
    spec = tiny()
    directory = RunDirectory(tmp_path, spec)
    with directory.claimed():
        assert execute(tmp_path, spec) == "busy"
        assert [path.name for path in directory.path.iterdir()] == [".lock"]
    assert execute(tmp_path, spec, stop_at=1) == "interrupted"


# ---- bad checkpoints --------------------------------------------------------------------------


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    damaged = bytearray(content)
    damaged[-1000] ^= 1  # a weight, a generator's state: nothing that would stop the training
    return bytes(damaged)


def _emptied(content: bytes) -> bytes:
    return b""


def _foreign(content: bytes) -> bytes:
    return pack_arrays({"evals/step": np.zeros(1)}, {"agent": {}})


def _of_another_seed(content: bytes) -> bytes:
    arrays, meta = _unpacked(content)
    meta["agent"]["seed"] += 1
    return pack_arrays(arrays, meta)


def _without_generators(content: bytes) -> bytes:
    arrays, meta = _unpacked(content)
    del meta["agent"]["streams"]  # noticed after the weights were loaded
    return pack_arrays(arrays, meta)


def _unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_arrays(Path(file.name))


@pytest.mark.integration
@pytest.mark.parametrize(
    "damage",
    [_truncated, _flipped, _emptied, _foreign, _of_another_seed, _without_generators],
)
def test_bad_checkpoint_is_set_aside_and_the_run_starts_afresh(
    tmp_path: Path,
    tiny: Spec,
    execute: Execute,
    whole: Callable[[RunSpec], dict[str, bytes]],
    damage: Callable[[bytes], bytes],
) -> None:
    root, spec = tmp_path / "results", tiny()
    assert execute(root, spec, stop_at=3) == "interrupted"
    path = root / spec.folder / "checkpoint.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    broken = path.read_bytes()
    assert execute(root, spec) == "done"
    assert results(root, spec) == whole(spec)
    assert manifest(root, spec)["sessions"] == 1
    found = scan(root)
    assert len(found.records) == 1
    assert "started afresh" in found.quarantined[spec.folder]
    kept = root / "quarantine" / spec.folder / "checkpoint.safetensors"
    assert kept.read_bytes() == broken


# ---- failures ---------------------------------------------------------------------------------


def _full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_surfaces_and_loses_nothing(
    tmp_path: Path,
    tiny: Spec,
    execute: Execute,
    whole: Callable[[RunSpec], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = tiny()
    assert execute(tmp_path, spec, stop_at=2) == "interrupted"
    path = tmp_path / spec.folder / "checkpoint.safetensors"
    saved = path.read_bytes()

    def only_small_files(target: Path, data: bytes | str) -> None:
        if target.name == "FAILED.json":
            raise OSError("nor can this be noted")
        if len(data) > 1000:
            _full_disk()
        write_atomic(target, data)

    monkeypatch.setattr(store, "write_atomic", only_small_files)
    with pytest.raises(OSError, match="No space"):
        execute(tmp_path, spec, stop_at=2)
    with pytest.raises(OSError, match="No space"):
        execute(tmp_path, spec)
    monkeypatch.undo()
    assert path.read_bytes() == saved
    assert execute(tmp_path, spec) == "done"
    assert results(tmp_path, spec) == whole(spec)


class Exploding(RewardDesign):
    """Pays NaN from the 20th step of an episode on."""

    def step(self, t: Transition) -> RewardTerms:
        return RewardTerms.sum_of(env=np.where(t.episode_step >= 20, np.nan, t.reward))


@pytest.fixture
def exploding(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    make = reward_design.make_design

    def patched(name: str, **kwargs: Any) -> RewardDesign:
        return Exploding() if name == "exploding" else make(name, **kwargs)

    monkeypatch.setattr(reward_design, "make_design", patched)
    return


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"design": "exploding"}, NonFiniteRewardError, "Exploding.*'env'.*row.*step 20"),
        ({"design": "potentail"}, UnknownIdError, "did you mean potential"),
        ({"agent": "sb3-pop"}, UnknownIdError, "did you mean sb3-ppo"),
        ({"agent": "value-iteration"}, OperantError, "plans on an explicit MDP"),
        ({"env_id": "SparseKey-7x7-v0"}, Exception, "SparseKey-7x7"),
        ({"agent_config": {"n_stepz": 3}}, ValueError, "n_stepz.*did you mean"),
        ({"design_kwargs": {"betta": 3}}, TypeError, "betta"),
        ({"design_kwargs": {"beta": -3}}, ValueError, "beta must be"),
        ({"env_kwargs": {"max_stepz": 3}}, TypeError, "max_stepz"),
    ],
)
def test_failure_is_noted_and_forgotten_once_it_runs(
    tmp_path: Path,
    tiny: Spec,
    execute: Execute,
    exploding: None,
    change: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    spec = tiny(**change)
    with pytest.raises(error, match=words):
        execute(tmp_path, spec)
    found = scan(tmp_path)
    assert found.records == []
    why = found.unfinished[spec.folder]
    assert why.startswith("failed: ")
    assert "Error" in why or "NotFound" in why
    note = json.loads((tmp_path / spec.folder / "FAILED.json").read_text())
    assert why == f"failed: {note['error']}"


def test_note_of_a_failure_goes_when_the_run_works(
    tmp_path: Path, tiny: Spec, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny()
    cls = agents.registry().load("sb3-ppo")

    def broken(self: Agent, *_: object) -> None:
        raise RuntimeError("flaky")

    monkeypatch.setattr(cls, "learn", broken)
    with pytest.raises(RuntimeError, match="flaky"):
        execute(tmp_path, spec)
    assert scan(tmp_path).unfinished[spec.folder] == "failed: RuntimeError: flaky"
    monkeypatch.undo()
    assert execute(tmp_path, spec) == "done"
    assert scan(tmp_path).problems == []
