from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from operant.benchmarks.executors import ProcessExecutor, Result, SerialExecutor
from operant.benchmarks.run import Progress
from operant.benchmarks.specs import RunSpec
from operant.benchmarks.store import RunDirectory, scan

pytestmark = pytest.mark.integration

Spec = Callable[..., RunSpec]


def nothing(_: object) -> None:
    """Ignore progress and ends."""


def evals(root: Path, spec: RunSpec) -> tuple[bytes, bytes]:
    folder = root / spec.folder
    return (folder / "eval.parquet").read_bytes(), (folder / "policy.safetensors").read_bytes()


def serially(specs: list[RunSpec], root: Path) -> None:
    results = SerialExecutor().execute(specs, root, nothing, nothing)
    assert [result.outcome for result in results] == ["done"] * len(specs)


def outcomes(results: list[Result]) -> list[str]:
    return [result.outcome for result in results]


def signal_at(step: int, number: signal.Signals) -> Callable[[Progress], None]:
    """Return a progress callback that signals this process when a run gets that far."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            os.kill(os.getpid(), number)

    return report


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_saves_and_the_next_call_continues(
    tmp_path: Path, tiny: Spec, number: signal.Signals
) -> None:
    specs = [tiny(seed=seed) for seed in (1, 2, 3)]
    serially(specs, tmp_path / "whole")
    root, ended = tmp_path / "stopped", []
    handlers = [signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)]

    def interrupt_second(progress: Progress) -> None:
        if progress.folder == specs[1].folder:
            signal_at(256, number)(progress)

    results = SerialExecutor().execute(specs, root, interrupt_second, ended.append)
    assert outcomes(results) == ["done", "interrupted", "interrupted"]
    assert ended == results
    assert list(scan(root).unfinished) == [specs[1].folder]  # the third was not begun
    assert [signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)] == handlers

    serially(specs, root)
    for spec in specs:
        assert evals(root, spec) == evals(tmp_path / "whole", spec)


def test_failure_leaves_the_other_runs_alone(tmp_path: Path, tiny: Spec) -> None:
    specs = [tiny(), tiny(design="nope"), tiny(seed=2)]
    results = SerialExecutor().execute(specs, tmp_path, nothing, nothing)
    assert outcomes(results) == ["done", "failed", "done"]
    assert "unknown reward design 'nope'" in results[1].error
    found = scan(tmp_path)
    assert len(found.records) == 2
    assert results[1].error in found.unfinished[specs[1].folder]


def test_failure_outside_of_a_run_is_reported_too(tmp_path: Path, tiny: Spec) -> None:
    spec = tiny()
    (tmp_path / spec.folder).touch()  # a file where the directory should be
    (result,) = SerialExecutor().execute([spec], tmp_path, nothing, nothing)
    assert result.outcome == "failed"
    assert "FileExistsError" in result.error


def test_busy_run_is_left_to_the_other_process(tmp_path: Path, tiny: Spec) -> None:
    specs = [tiny(), tiny(seed=2)]
    with RunDirectory(tmp_path, specs[0]).claimed():
        results = SerialExecutor().execute(specs, tmp_path, nothing, nothing)
    assert outcomes(results) == ["busy", "done"]


def test_executor_works_outside_the_main_thread(tmp_path: Path, tiny: Spec) -> None:
    results: list[Result] = []
    thread = threading.Thread(
        target=lambda: results.extend(
            SerialExecutor().execute([tiny()], tmp_path, nothing, nothing)
        )
    )
    thread.start()
    thread.join()
    assert outcomes(results) == ["done"]


@pytest.mark.parametrize("workers", [0, -1])
def test_number_of_workers_is_checked(workers: int) -> None:
    with pytest.raises(ValueError, match=f"workers must be >= 1, got {workers}"):
        ProcessExecutor(workers)


def test_no_runs_need_no_process(tmp_path: Path) -> None:
    assert ProcessExecutor().execute([], tmp_path, nothing, nothing) == []


def test_pool_of_processes_end_to_end(tmp_path: Path, tiny: Spec) -> None:
    """One worker: a run as here, a failure, a stop by signal; then it all goes on here."""
    root, threads = tmp_path / "pool", os.environ.get("OMP_NUM_THREADS")
    first, bad, second, third = (
        tiny(),
        tiny(agent_config={"n_steps": 0}),
        tiny(design="potential"),
        tiny(seed=5),
    )
    specs, ended, steps = [first, bad, second, third], [], []

    def report(progress: Progress) -> None:
        steps.append((progress.folder, progress.step))
        if progress.folder == second.folder and progress.step == 128:
            os.kill(os.getpid(), signal.SIGTERM)

    results = ProcessExecutor(1).execute(specs, root, report, ended.append)
    assert os.environ.get("OMP_NUM_THREADS") == threads
    assert multiprocessing.active_children() == []
    # The worker hears of the signal a moment later, by when a tiny run may have ended.
    assert outcomes(results) in [
        ["done", "failed", "interrupted", "interrupted"],
        ["done", "failed", "done", "interrupted"],
    ]
    assert ended == sorted(results, key=ended.index)
    assert len(ended) == 4
    assert "n_steps" in results[1].error
    assert [step for folder, step in steps if folder == first.folder] == [0, 128, 256, 384, 512]

    specs.remove(bad)
    serially(specs, tmp_path / "whole")
    serially(specs, root)
    for spec in specs:
        assert evals(root, spec) == evals(tmp_path / "whole", spec)  # also across processes
    (record, *_) = scan(root).records
    assert record.manifest["threads"]["OMP_NUM_THREADS"] == "1"


@pytest.mark.slow
def test_killed_worker_is_reported_and_its_run_continues(tmp_path: Path, tiny: Spec) -> None:
    specs = [tiny(seed=seed, total_steps=40 * 128) for seed in range(3)]
    victims: list[int] = []

    def report(progress: Progress) -> None:
        if progress.step >= 256 and not victims:
            children = multiprocessing.active_children()
            victims.append(children[0].pid or 0)
            os.kill(victims[0], signal.SIGKILL)

    results = ProcessExecutor(2).execute(specs, tmp_path, report, nothing)
    assert sorted(outcomes(results)) == ["done", "done", "failed"]
    (failed,) = (result for result in results if result.outcome == "failed")
    assert "exit code -9" in failed.error
    assert "run again" in failed.error
    serially(specs, tmp_path)
    serially(specs, tmp_path / "whole")
    for spec in specs:
        assert evals(tmp_path, spec) == evals(tmp_path / "whole", spec)
