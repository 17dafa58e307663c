"""One run: train on the designed reward, score on the true one, survive being stopped."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from operant import agents, reward_design
from operant.agents.base import Agent
from operant.benchmarks.evaluate import Evaluator, concatenate, make_batch, means
from operant.benchmarks.gif import record_episode
from operant.benchmarks.manifest import describe_machine, peak_rss_mib
from operant.benchmarks.records import EvalTable, References
from operant.benchmarks.store import RunDirectory, quarantine
from operant.errors import CorruptRunError, OperantError
from operant.seeding import SeedTree

CHECKPOINT_SECONDS = 15.0
"""Wall seconds between checkpoints; a request to stop always writes one."""

Outcome = Literal["done", "interrupted", "busy"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a run reports at each rollout boundary.

    Attributes:
        folder: The run.
        step: Env steps trained.
        total_steps: Budget.
        success: Success rate of the last evaluation, in [0, 1].
        designed_return: Mean designed return of the last evaluation.
    """

    folder: str
    step: int
    total_steps: int
    success: float
    designed_return: float


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

    def execute(self) -> Outcome:
        """Train to the budget, or until asked to stop.

        Raises:
            OperantError: If the design, the agent or the env refuses; noted in the directory.
        """
        with self._directory.claimed() as mine:
            if not mine:
                return "busy"
            if self._directory.done:
                return "done"
            self._directory.open()
            try:
                return self._execute()
            except (OperantError, ValueError) as error:
                self._directory.fail(f"{type(error).__name__}: {error}")
                raise

    def _execute(self) -> Outcome:
        spec, tree = self._spec, SeedTree(self._spec.seed)
        self._started, self._cpu = time.perf_counter(), time.process_time()
        design = reward_design.make_design(spec.design, **spec.design_kwargs)
        batch = make_batch(spec.env_id, spec.num_envs, **spec.env_kwargs)
        env = reward_design.shape(batch, design, gamma=spec.gamma, seed=tree.seed("design"))
        config = {**spec.agent_config, "gamma": spec.gamma}
        agent = agents.make_agent(spec.agent, env, seed=tree.seed("agent"), **config)
        self._evaluator = Evaluator(spec)
        self._references = self._evaluator.references()
        points = np.linspace(0, spec.total_steps, spec.evaluation.points + 1)
        self._due = [int(round(point)) for point in points]
        self._restore(agent)
        self._saved_at = time.monotonic()
        agent.learn(spec.total_steps, self._boundary)
        if self._due:
            return "interrupted"
        self._finish(agent)
        return "done"

    def _boundary(self, agent: Agent) -> bool:
        """Between rollouts: log, evaluate if due, save if due; return whether to go on."""
        if agent.num_steps and (not self._train or self._train[-1]["step"] != agent.num_steps):
            self._train.append({"step": agent.num_steps, **agent.metrics()})
        if self._due and agent.num_steps >= self._due[0]:
            self._evals.append(self._evaluate(agent))
            self._due = [step for step in self._due if step > agent.num_steps]
        last = means(self._evals[-1])
        self._report(
            Progress(
                folder=self._spec.folder,
                step=agent.num_steps,
                total_steps=self._spec.total_steps,
                success=last["success"],
                designed_return=last["designed_return"],
            )
        )
        stop = bool(self._due) and self._should_stop()
        if stop or time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
            self._save(agent)
        return not stop

    def _evaluate(self, agent: Agent) -> EvalTable:
        deterministic = self._spec.evaluation.deterministic
        with agent.sampling(SeedTree(self._spec.seed).seed(f"evaluation {agent.num_steps}")):
            return self._evaluator.score(
                lambda obs, t: agent.act(obs, deterministic=deterministic),  # noqa: ARG005
                step=agent.num_steps,
            )

    def _save(self, agent: Agent) -> None:
        arrays, meta = agent.training_state()
        prefixed = {f"agent/{key}": value for key, value in arrays.items()}
        if self._evals:
            columns = dataclasses.asdict(concatenate(self._evals))
            prefixed |= {f"evals/{key}": value for key, value in columns.items()}
        progress = {"agent": meta, "train": self._train, "due": self._due, "spent": self._cost()}
        self._directory.save_checkpoint(prefixed, progress)
        self._saved_at = time.monotonic()

    def _restore(self, agent: Agent) -> None:
        """Continue from the checkpoint, if there is a whole one; a damaged one is set aside."""
        try:
            found = self._directory.load_checkpoint()
        except CorruptRunError as error:
            quarantine(self._directory.path, str(error))
            self._directory.open()
            found = None
        if found is None:
            return
        arrays, meta = found
        state = {key[6:]: value for key, value in arrays.items() if key.startswith("agent/")}
        agent.load_training_state(state, meta["agent"])
        columns = {key[6:]: value for key, value in arrays.items() if key.startswith("evals/")}
        self._evals = [EvalTable(**columns)] if columns else []
        self._train, self._due, self._spent = meta["train"], meta["due"], meta["spent"]
        self._exact = bool(meta["agent"].get("exact_resume", False))

    def _cost(self) -> dict[str, Any]:
        return {
            "wall_s": self._spent["wall_s"] + time.perf_counter() - self._started,
            "cpu_s": self._spent["cpu_s"] + time.process_time() - self._cpu,
            "sessions": self._spent["sessions"] + 1,
        }

    def _finish(self, agent: Agent) -> None:
        gif = record_episode(self._spec, agent)
        references: References = self._references
        self._directory.finish(
            evals=concatenate(self._evals),
            train=self._train,
            references=references,
            policy=agent.policy_state(),
            gif=gif,
            manifest={
                **describe_machine(),
                **self._cost(),
                "run_id": self._spec.run_id,
                "exact_resume": self._exact,
                "steps": agent.num_steps,
                "peak_rss_mib": peak_rss_mib(),
                "config": self._spec.to_json(),
            },
        )
