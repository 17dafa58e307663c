"""What training on a candidate showed; the trainer itself lives where agents and envs are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

Metric: TypeAlias = Literal["success", "true_return"]
Status: TypeAlias = Literal["ok", "candidate_error", "trainer_error", "timeout"]
"""How a run ended: whether the candidate broke or the trainer did is never confused."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A run to be made.

    Attributes:
        name: Of the candidate.
        design: Id of a reward design.
        design_kwargs: Its arguments.
        seed: Of the run.
    """

    name: str
    design: str
    design_kwargs: Mapping[str, Any]
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeStep:
    """One step of a recorded episode.

    Attributes:
        action: What was done, in words or numbers.
        reward: The designed reward.
        features: The features after the step.
    """

    action: str
    reward: float
    features: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Episode:
    """A recorded episode of the final policy, its last steps only.

    Attributes:
        steps: The last steps, in order.
        length: Steps of the whole episode.
        success: The env's success predicate at its end.
        ended: ``"success"``, ``"truncated"`` (time limit), or what ended it: the name of a feature
            that says so, ``"terminated"`` otherwise.
    """

    steps: tuple[EpisodeStep, ...]
    length: int
    success: bool
    ended: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """What one run on a candidate showed.

    Curves have one number per evaluation, the first one before training.

    Attributes:
        name: Of the candidate.
        seed: Of the run.
        status: How it ended; the other fields are empty unless ``"ok"``.
        error: What went wrong, or ``""``.
        steps: Env steps trained before each evaluation.
        success: Success rate on fresh envs without the design, in [0, 1].
        true_return: Mean undiscounted true return.
        designed_return: Mean undiscounted designed return.
        length: Mean episode length.
        terms: Term of the designed reward -> mean value per step.
        ends: How the episodes of the last evaluation ended -> share, in [0, 1].
        episodes: Some episodes of the final policy.
        env_steps: Env steps spent on training.
        wall_s: Seconds of wall time.
        folder: Where the run lives, or ``""``.
        metric: The curve that it is scored by: ``"success"``, or ``"true_return"`` in worlds that
            nobody can solve once and for all.
    """

    name: str
    seed: int
    status: Status
    error: str = ""
    steps: tuple[int, ...] = ()
    success: tuple[float, ...] = ()
    true_return: tuple[float, ...] = ()
    designed_return: tuple[float, ...] = ()
    length: tuple[float, ...] = ()
    terms: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    ends: Mapping[str, float] = dataclasses.field(default_factory=dict)
    episodes: tuple[Episode, ...] = ()
    env_steps: int = 0
    wall_s: float = 0.0
    folder: str = ""
    metric: Metric = "success"


class Trainer(Protocol):
    """Trains agents on candidates.

    Attributes:
        env_steps: Env steps that one run takes, for budgets.
    """

    env_steps: int

    def train(self, jobs: Sequence[Job]) -> Sequence[RunResult]:
        """Return the result of each job, in order; a run that dies or hangs is a status."""
        ...
