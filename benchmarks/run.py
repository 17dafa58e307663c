"""One run: train on the designed reward, score on the true one, survive being stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np

from operant import agents
from operant.agents.base import Trainee
from operant.arrays import section
from operant.benchmarks.env_trial import EnvTrial
from operant.benchmarks.episode_log import EpisodeLog
from operant.benchmarks.evaluate import concatenate
from operant.benchmarks.formats import Arrays
from operant.benchmarks.game_trial import GameTrial
from operant.benchmarks.manifest import describe_machine, peak_rss_mib
from operant.benchmarks.metrics import Metric
from operant.benchmarks.records import EvalTable, References
from operant.benchmarks.specs import RunSpec
from operant.benchmarks.store import RunDirectory
from operant.errors import CorruptRunError, InterruptedRunError

CHECKPOINT_SECONDS = 15.0
"""Wall seconds between checkpoints; a request to stop always writes one."""
LOG_ROWS = 1000
"""Training scalars are kept at most about this often over a run."""

Outcome = Literal["done", "interrupted", "busy"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a run reports at each rollout boundary.

    Attributes:
        folder: The run.
        step: Env steps trained.
        total_steps: Budget.
        success: Success rate of the last evaluation, in [0, 1]; NaN before the first one.
        designed_return: Mean designed return of the last evaluation; NaN before the first one.
    """

    folder: str
    step: int
    total_steps: int
    success: float
    designed_return: float


class AnyTrial(Protocol):
    """What a run trains, and how it is scored: in an env, or on all seats of a game."""

    metric: Metric

    def build(self) -> Any:
        """Return what is trained, a :class:`Trainee`, untrained."""

    def score(self, trained: Any, *, log: EpisodeLog | None) -> EvalTable:
        """Score it as it is now; ``log`` sees every step."""

    def references(self) -> References:
        """Score the policies that it is compared with."""

    def picture(self, trained: Any) -> bytes | None:
        """Return an animation of what was learned, or None if there is none."""

    def provenance(self) -> dict[str, Any]:
        """Return what a result must say of how the design was made."""


def make_trial(spec: RunSpec, *, should_stop: Callable[[], bool]) -> AnyTrial:
    """Build what a run trains and is scored by: of a game if its agent plays games.

    Args:
        spec: The run.
        should_stop: Asked now and then while a score takes long; True abandons it.
    """
    if agents.agent_row(spec.agent).kind == "game":
        return GameTrial(spec, should_stop=should_stop)
    return EnvTrial(spec, should_stop=should_stop)


class Run:
    """A run in its directory; :meth:`execute` starts or continues it."""

    def __init__(
        self,
        directory: RunDirectory,
        *,
        should_stop: Callable[[], bool],
        report: Callable[[Progress], None],
    ) -> None:
        """Prepare; nothing is built or written yet.

        Args:
            directory: Where the run lives.
            should_stop: Asked at each rollout boundary; True saves and ends.
            report: Told of progress.
        """
        self._directory, self._spec = directory, directory.spec
        self._should_stop, self._report = should_stop, report
        self._evals: list[EvalTable] = []
        self._train: list[dict[str, Any]] = []
        self._spent = {"wall_s": 0.0, "cpu_s": 0.0, "sessions": 0}
        self._exact = True
        recorded = self._spec.evaluation.recorded
        self._episodes = EpisodeLog(recorded) if recorded else None

    def execute(self) -> Outcome:
        """Train to the budget, or until asked to stop.

        Raises:
            Exception: Whatever stopped the run; noted in the directory.
        """
        with self._directory.claimed() as mine:
            if not mine:
                return "busy"
            if self._directory.done:
                return "done"
            self._directory.open()
            try:
                return self._execute()
            except Exception as error:
                with contextlib.suppress(OSError):  # the disk may be full; the error says so itself
                    self._directory.fail(f"{type(error).__name__}: {error}")
                raise

    def _execute(self) -> Outcome:
        spec = self._spec
        self._started, self._cpu = time.perf_counter(), time.process_time()
        self._trial = make_trial(spec, should_stop=self._should_stop)
        try:
            scored = spec.evaluation.references
            self._references = self._trial.references() if scored else References()
        except InterruptedRunError:  # nothing was trained yet, so there is nothing to save
            return "interrupted"
        points = np.linspace(0, spec.total_steps, spec.evaluation.points + 1)
        first = spec.evaluation.since * spec.total_steps
        self._due = [round(point) for point in points.tolist() if point >= first]
        agent = self._resumed()
        self._saved_at = time.monotonic()
        agent.learn(spec.total_steps, self._boundary)
        if self._due:
            return "interrupted"
        self._finish(agent)
        return "done"

    def _resumed(self) -> Trainee:
        """Return the agent as the checkpoint has it; a checkpoint that is no use is set aside."""
        agent: Trainee = self._trial.build()
        try:
            found = self._directory.load_checkpoint()
            if found is not None:
                self._restore(agent, *found)
        except (CorruptRunError, KeyError, TypeError, ValueError) as error:
            self._directory.discard_checkpoint(f"started afresh: {type(error).__name__}: {error}")
            agent = self._trial.build()
        return agent

    def _restore(self, agent: Trainee, arrays: Arrays, meta: dict[str, Any]) -> None:
        evals = section(arrays, "evals")
        agent.load_training_state(section(arrays, "agent"), meta["agent"])
        self._evals, self._train = [EvalTable(**evals)] if evals else [], meta["train"]
        self._due, self._spent, self._exact = meta["due"], meta["spent"], meta["exact"]
        if self._episodes is not None:
            self._episodes.load_json(meta["episodes"])

    def _save(self, agent: Trainee) -> None:
        arrays, meta = agent.training_state()
        columns = dataclasses.asdict(concatenate(self._evals)) if self._evals else {}
        self._directory.save_checkpoint(
            {
                **{f"agent/{key}": value for key, value in arrays.items()},
                **{f"evals/{key}": value for key, value in columns.items()},
            },
            {
                "agent": meta,
                "train": self._train,
                "due": self._due,
                "spent": self._cost(),
                "exact": meta["exact_resume"],
                "episodes": self._seen(),
            },
        )
        self._saved_at = time.monotonic()

    def _boundary(self, agent: Trainee) -> bool:
        """Between rollouts: log, evaluate if due, save if due; return whether to go on."""
        self._log(agent)
        if self._due and agent.num_steps >= self._due[0]:
            try:
                self._evals.append(self._trial.score(agent, log=self._episodes))
            except InterruptedRunError:  # it stays due, and is made when the run continues
                if agent.num_steps:  # else nothing was trained yet
                    self._save(agent)
                return False
            self._due = [step for step in self._due if step > agent.num_steps]
        self._report(
            Progress(
                folder=self._spec.folder,
                step=agent.num_steps,
                total_steps=self._spec.total_steps,
                success=self._latest("success"),
                designed_return=self._latest("designed_return"),
            )
        )
        stop = self._should_stop()
        if stop or time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
            self._save(agent)
        return not stop

    def _latest(self, column: str) -> float:
        return float(self._evals[-1].means(column)[-1]) if self._evals else math.nan

    def _log(self, agent: Trainee) -> None:
        last = self._train[-1]["step"] if self._train else 0
        if agent.num_steps - last >= max(1.0, self._spec.total_steps / LOG_ROWS):
            scalars = agent.metrics().items()
            finite = {name: value for name, value in scalars if math.isfinite(value)}
            self._train.append({"step": agent.num_steps, **finite})

    def _seen(self) -> dict[str, Any] | None:
        return None if self._episodes is None else self._episodes.to_json()

    def _cost(self) -> dict[str, Any]:
        return {
            "wall_s": self._spent["wall_s"] + time.perf_counter() - self._started,
            "cpu_s": self._spent["cpu_s"] + time.process_time() - self._cpu,
            "sessions": self._spent["sessions"] + 1,
        }

    def _finish(self, agent: Trainee) -> None:
        spec = self._spec
        picture = self._trial.picture(agent) if spec.evaluation.animated else None
        self._directory.finish(
            evals=concatenate(self._evals),
            train=self._train,
            references=self._references,
            policy=agent.policy_state(),
            gif=picture,
            episodes=self._seen(),
            manifest={
                **describe_machine(),
                **self._cost(),
                "run_id": spec.run_id,
                "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "exact_resume": self._exact,
                "metric": self._trial.metric.id,
                "steps": agent.num_steps,
                "peak_rss_mib": peak_rss_mib(),
                "design": self._trial.provenance(),
                "config": spec.to_json(),
                "agent_config": agent.config.to_json(),  # the defaults it was run with, too
            },
        )
