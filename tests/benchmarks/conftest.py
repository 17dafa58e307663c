"""Runs so small that they take a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control import CartPoleEnv

from operant.benchmarks.records import EvalTable, References
from operant.benchmarks.run import Progress, Run
from operant.benchmarks.specs import AgentEntry, Design, Evaluation, RunSpec, Suite
from operant.benchmarks.store import RunDirectory


class Cart(CartPoleEnv):
    """Somebody else's env: no card, no features, no saved state, no native batch."""

    def step(self, action: Any) -> Any:
        *rest, info = super().step(action)
        return *rest, {**info, "success": False}


gym.register("Cart-v0", Cart, max_episode_steps=500)

TINY = {
    "env_kwargs": {"max_steps": 40},
    "total_steps": 4 * 8 * 16,  # four rollouts
    "num_envs": 8,
    "evaluation": Evaluation(points=2, episodes=4),
}
CONFIG = {"n_steps": 16, "batch_size": 64, "n_epochs": 1, "encoder": "flat"}
SCORES = ("true_return", "designed_return", "discounted_true_return", "discounted_designed_return")


@pytest.fixture(scope="session")
def tiny() -> Callable[..., RunSpec]:
    """Return a function that makes specs of tiny runs."""

    def make(**changes: Any) -> RunSpec:
        fields = {"env_id": "SparseKey-5x5-v0", "design": "count", "agent": "sb3-ppo", "seed": 1}
        return RunSpec(**{**fields, **TINY, "agent_config": CONFIG, **changes})

    return make


@pytest.fixture(scope="session")
def tiny_suite() -> Callable[..., Suite]:
    """Return a function that makes suites of tiny runs."""

    def make(**changes: Any) -> Suite:
        fields = {
            "id": "tiny",
            "title": "Tiny",
            "env_ids": ("SparseKey-5x5-v0",),
            "designs": (Design(id="none"), Design(id="naive")),
            "agents": (AgentEntry(id="sb3-ppo", config=CONFIG),),
            "seeds": (0, 1),
        }
        return Suite(**{**fields, **TINY, **changes})

    return make


@pytest.fixture(scope="session")
def execute() -> Callable[..., str]:
    """Return a function that executes a run, stopping at a boundary (counted from 1) if asked."""

    def call(root: Path, spec: RunSpec, *, stop_at: int = 0) -> str:
        boundaries: list[Progress] = []
        stop = lambda: len(boundaries) == stop_at  # noqa: E731
        directory = RunDirectory(root, spec)
        return Run(directory, should_stop=stop, report=boundaries.append).execute()

    return call


@pytest.fixture(scope="session")
def table() -> Callable[..., EvalTable]:
    """Return a function that makes an evaluation table of two points and two episodes."""

    def make(value: float = 0.25) -> EvalTable:
        return EvalTable(
            step=np.array([0, 0, 512, 512]),
            episode=np.array([0, 1, 0, 1]),
            length=np.array([40, 40, 9, 12]),
            success=np.array([False, False, True, True]),
            **{name: np.array([0.0, 0.1, value, 1 / 3]) for name in SCORES},
        )

    return make


@pytest.fixture(scope="session")
def finish(table: Callable[..., EvalTable]) -> Callable[..., RunDirectory]:
    """Return a function that writes a finished run without training."""

    def write(root: Path, spec: RunSpec, *, gif: bytes | None = b"GIF89a") -> RunDirectory:
        directory = RunDirectory(root, spec)
        with directory.claimed() as mine:
            assert mine
            directory.open()
            directory.save_checkpoint({"weights": np.arange(6.0)}, {"due": [512]})
            directory.finish(
                evals=table(),
                train=[{"step": 128, "train/loss": 0.5}, {"step": 256, "train/loss": 0.25}],
                references=References(random={"success": 0.0}, oracle={"success": 1.0}),
                policy=({"weights": np.arange(6.0)}, {"agent": "sb3-ppo"}),
                gif=gif,
                manifest={"wall_s": 1.5},
            )
        return directory

    return write
