"""Workers for tests, and processes without a lock to hold them against."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from operant.reward_design.llm.worker import (
    RewardWorker,
    RowLayout,
    WorkerSettings,
    WorkerUnavailableError,
)

PATIENT = 30.0  # seconds; a busy machine is no reason to fail


@pytest.fixture
def start() -> Iterator[Callable[..., RewardWorker]]:
    """Return a function that starts a locked worker, or skips the test where that is impossible."""
    started = []

    def start(source: str, *, obs_size: int = 0, features: Any = (), **settings: Any):
        given = {"timeout_s": PATIENT, **settings}
        rows = {name: given.pop(name) for name in ("action_size", "whole_actions") if name in given}
        seed = given.pop("seed", 0)
        layout = RowLayout(obs_size=obs_size, features=tuple(features), **rows)
        try:
            worker = RewardWorker(
                source, layout=layout, settings=WorkerSettings(**given), seed=seed
            )
        except WorkerUnavailableError as error:
            pytest.skip(f"no level {given.get('require', 'landlock+seccomp')!r}: {error.missing}")
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close()


@pytest.fixture
def unlocked() -> Callable[..., str]:
    """Return a function that runs a program in a plain process: what it prints of its reward."""

    def unlocked(source: str, timeout: float = PATIENT, **options: Any) -> str:
        code = f"import math\n{source}\nprint(float(reward((), 0.0, (), {{}})))"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **options,
        )
        return done.stdout.strip() or done.stderr[-300:]

    return unlocked
