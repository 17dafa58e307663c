"""What the results store yields and the scoring half of the benchmark consumes. Plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.types import Bool, Float, Int

_SUCCESS: Float = np.zeros(0)
"""Stands for the successes of a table whose scores are not given."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EvalTable:
    """Evaluation episodes of one run, one row per episode, as E-long columns.

    Attributes:
        step: Env steps trained before the evaluation, (E,) int64.
        episode: Index of the episode within its evaluation, (E,) int64.
        true_return: Undiscounted sum of the env's own reward.
        designed_return: Undiscounted sum of the reward the agent is trained on.
        discounted_true_return: The same with the agent's discount.
        discounted_designed_return: The same with the agent's discount.
        length: Episode length in env steps, (E,) int64.
        success: The env's success predicate at the end of the episode, (E,) bool.
        score: What the episode counts for by the env's metric (see ``operant.benchmarks.metrics``);
            the success where nothing is given.

    Raises:
        ValueError: If the columns differ in length or a return is not finite.
    """

    step: Int
    episode: Int
    true_return: Float
    designed_return: Float
    discounted_true_return: Float
    discounted_designed_return: Float
    length: Int
    success: Bool
    score: Float = dataclasses.field(default_factory=lambda: _SUCCESS)

    def __post_init__(self) -> None:
        """Check the columns."""
        if self.score is _SUCCESS:
            object.__setattr__(self, "score", np.asarray(self.success, np.float64))
        for field in dataclasses.fields(self):
            column = getattr(self, field.name)
            if np.shape(column) != (len(self.step),):
                raise ValueError(
                    f"{field.name} has shape {np.shape(column)}, expected ({len(self.step)},)"
                )
            if not np.isfinite(column).all():
                raise ValueError(
                    f"{field.name} must be finite, got {column[~np.isfinite(column)][0]}"
                )

    def __len__(self) -> int:
        """Return E."""
        return len(self.step)

    def steps(self) -> Int:
        """Return the evaluation points in env steps, (K,) increasing."""
        points: Int = np.unique(self.step)
        return points

    def means(self, column: str) -> Float:
        """Return the mean of a column over the episodes of each evaluation point, (K,) float64."""
        _, point = np.unique(self.step, return_inverse=True)
        means: Float = np.bincount(point, weights=getattr(self, column)) / np.bincount(point)
        return means


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class References:
    """Mean scores of two reference policies in the env of a run, under the design of that run.

    Both mappings have the keys ``true_return``, ``designed_return``, ``discounted_true_return``,
    ``discounted_designed_return``, ``success``, ``length`` and ``score``.

    Attributes:
        random: Uniformly random actions; None if the run was told to leave references out.
        oracle: The optimal policy of the true reward, or None where it is not known.
        best: The score of the best policy where that is known; not all whose worth is known have
            been played.
    """

    random: Mapping[str, float] | None = None
    oracle: Mapping[str, float] | None = None
    best: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RunRecord:
    """One finished run: one seed of one agent on one env under one reward design.

    Attributes:
        run_id: Hash of the run's canonical config.
        suite: Name of the benchmark suite.
        env_id: Gymnasium id.
        design: Label of the reward design; ``"none"`` is the true reward itself.
        agent: Id of the agent.
        metric: What ``evals.score`` is, an id of ``operant.benchmarks.metrics``.
        seed: Seed of the run; equal seeds of different designs share levels and initial weights.
        total_steps: Training budget in env steps.
        evals: Evaluation episodes, at least one.
        references: Scores of the random policy and the oracle.
        manifest: Provenance: versions, commit, ``command``, ``threads``, ``wall_s``, ``cpu_s`` ...
        gif: Animation of the final policy, or None.
        episodes: What :class:`operant.benchmarks.episode_log.EpisodeLog` saw; empty if nothing was
            recorded.

    Raises:
        ValueError: If there is no evaluation.
    """

    run_id: str
    suite: str
    env_id: str
    design: str
    agent: str
    seed: int
    total_steps: int
    evals: EvalTable
    references: References
    manifest: Mapping[str, Any]
    metric: str = "success"
    gif: bytes | None = None
    episodes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that there is something to score."""
        if not len(self.evals):
            raise ValueError(f"run {self.run_id!r} has no evaluation episodes")
