"""From a finished run to what a search is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from operant.benchmarks.records import RunRecord
from operant.reward_design.llm.search.results import Episode, EpisodeStep, Job, Metric, RunResult


def result_of(
    record: RunRecord,
    *,
    job: Job,
    folder: str,
    actions: Sequence[str] = (),
    metric: Metric = "success",
) -> RunResult:
    """Return what a finished run showed.

    Args:
        record: The run.
        job: What it was made for.
        folder: Name of its directory.
        actions: Names of the values of a discrete action, in order; empty for numbers.
        metric: The curve that it is scored by.
    """
    evals, seen = record.evals, record.episodes
    terms = seen.get("terms", [])
    names = dict.fromkeys(name for means in terms for name in means)
    return RunResult(
        name=job.name,
        seed=job.seed,
        status="ok",
        steps=tuple(evals.steps().tolist()),
        success=tuple(evals.means("success").tolist()),
        true_return=tuple(evals.means("true_return").tolist()),
        designed_return=tuple(evals.means("designed_return").tolist()),
        length=tuple(evals.means("length").tolist()),
        terms={name: tuple(means.get(name, 0.0) for means in terms) for name in names},
        ends=seen.get("ends", {}),
        episodes=tuple(_episode(episode, actions) for episode in seen.get("episodes", [])),
        env_steps=record.total_steps,
        wall_s=float(record.manifest.get("wall_s", 0.0)),
        folder=folder,
        metric=metric,
    )


def _episode(told: Mapping[str, Any], actions: Sequence[str]) -> Episode:
    steps = tuple(
        EpisodeStep(
            action=_action(step["action"], actions),
            reward=step["reward"],
            features=step["features"],
        )
        for step in told["steps"]
    )
    return Episode(steps=steps, length=told["length"], success=told["success"], ended=told["ended"])


def _action(value: Any, actions: Sequence[str]) -> str:
    if isinstance(value, int):
        return actions[value] if value < len(actions) else str(value)
    return ", ".join(f"{number:g}" for number in value) if isinstance(value, list) else str(value)
