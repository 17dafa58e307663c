from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

PROGRAM = """
import os, pathlib, signal, sys, time
from operant.benchmarks.pool import Pool, StopFlag
from operant.benchmarks.executors import stop_on_signal

folder = pathlib.Path(sys.argv[1])

def work(job, stop, tell):
    tell(os.getpid())
    (folder / f"{job}.pid").write_text(str(os.getpid()))
    if job.startswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if job.startswith("stubborn"):
        while not (folder / "release").exists():
            time.sleep(0.01)
    if job.startswith("long"):
        deadline = time.monotonic() + 60
        while not stop() and time.monotonic() < deadline:
            time.sleep(0.01)
    (folder / f"{job}.saved").touch()
    return f"{job} ended"

def main(jobs, size):
    flag, todo, done = StopFlag(), list(enumerate(jobs)), {}
    with stop_on_signal(flag), Pool(size, work) as pool:
        while len(done) < len(jobs):
            if flag.is_set():
                pool.stop()
                done.update((key, "not started") for key, _ in todo)
                todo.clear()
            while todo and pool.has_room:
                pool.start(*todo.pop(0))
            for news in pool.news():
                if news.final:
                    done[news.key] = news.message or news.exit_code
    for key in sorted(done):
        print(jobs[key], "->", done[key])

if __name__ == "__main__":
    main(sys.argv[3:], int(sys.argv[2]))
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Yield a function that runs jobs of the above program in a pool of its own."""
    started: list[subprocess.Popen[str]] = []
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)

    def start(*jobs: str, size: int = 2) -> subprocess.Popen[str]:
        command = [sys.executable, str(path), str(tmp_path), str(size), *jobs]
        started.append(
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # nothing may outlive a test that failed
        process.communicate()


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30  # a hang detector, not a measurement
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pid_of(folder: Path, job: str) -> int:
    path = folder / f"{job}.pid"
    wait_for(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def gone(pid: int) -> bool:
    """Whether a process has ended; one nobody waited for stays as a zombie."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def output(process: subprocess.Popen[str]) -> list[str]:
    text, _ = process.communicate(timeout=30)
    return text.splitlines()


def test_workers_are_reused_and_results_come_back(
    tmp_path: Path, program: Callable[..., subprocess.Popen[str]]
) -> None:
    process = program("a", "b", "c", "d", size=1)
    assert output(process) == [f"{job} -> {job} ended" for job in "abcd"]
    assert len({pid_of(tmp_path, job) for job in "abcd"}) == 1


def test_dead_worker_takes_only_its_own_job_down(
    tmp_path: Path, program: Callable[..., subprocess.Popen[str]]
) -> None:
    process = program("die", "a", "die-too", "b", "c", size=2)
    assert output(process) == [
        "die -> -9",
        "a -> a ended",
        "die-too -> -9",
        "b -> b ended",
        "c -> c ended",
    ]
    assert process.returncode == 0


def test_killed_parent_makes_workers_save_and_end(
    tmp_path: Path, program: Callable[..., subprocess.Popen[str]]
) -> None:
    process = program("long-1", "idle", size=2)
    workers = [pid_of(tmp_path, job) for job in ("long-1", "idle")]
    process.kill()
    process.wait()
    wait_for(lambda: (tmp_path / "long-1.saved").exists())
    for worker in workers:
        wait_for(lambda worker=worker: gone(worker))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("group", [False, True])
def test_signal_stops_all_work(
    tmp_path: Path,
    program: Callable[..., subprocess.Popen[str]],
    number: signal.Signals,
    group: bool,
) -> None:
    process = program("long-1", "long-2", "long-3", size=2)
    pid_of(tmp_path, "long-1")  # the other worker may still be starting
    (os.killpg if group else os.kill)(process.pid, number)
    lines = output(process)
    assert lines == [  # and no traceback
        "long-1 -> long-1 ended",
        "long-2 -> long-2 ended",
        "long-3 -> not started",
    ]
    assert process.returncode == 0
    assert all((tmp_path / f"long-{i}.saved").exists() for i in (1, 2))


def test_second_signal_ends_at_once(
    tmp_path: Path, program: Callable[..., subprocess.Popen[str]]
) -> None:
    process = program("stubborn", size=1)
    worker = pid_of(tmp_path, "stubborn")
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.3)
    process.terminate()
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert not (tmp_path / "stubborn.saved").exists()
    (tmp_path / "release").touch()
    wait_for(lambda: gone(worker))


def test_terminated_worker_ends_its_job_early_and_another_takes_over(
    tmp_path: Path, program: Callable[..., subprocess.Popen[str]]
) -> None:
    process = program("long-1", "a", size=1)
    first = pid_of(tmp_path, "long-1")
    os.kill(first, signal.SIGTERM)
    assert output(process) == ["long-1 -> long-1 ended", "a -> a ended"]
    assert pid_of(tmp_path, "a") != first
