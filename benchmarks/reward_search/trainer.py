"""Trains agents on candidates in processes of their own, as runs that anybody can repeat."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym

from operant.benchmarks.executors import single_threaded, stop_on_signal
from operant.benchmarks.pool import News, Pool, StopFlag
from operant.benchmarks.reward_search.defaults import DEFAULT
from operant.benchmarks.reward_search.told import result_of
from operant.benchmarks.reward_search.worker import Ending, execute
from operant.benchmarks.specs import Evaluation, RunSpec
from operant.benchmarks.store import RunDirectory, quarantine, read_run
from operant.errors import CorruptRunError, InterruptedRunError, OperantError
from operant.reward_design.llm.search.results import Job, Metric, RunResult
from operant.reward_design.llm.task.reading import view_of

LONGEST_EPISODE = 10_000
"""Steps in which an env that is not ours must show the end of an episode."""


class SuiteTrainer:
    """Makes a benchmark run of each job; implements the search's ``Trainer``.

    A run is known by its spec: an equal job finds the results of the first one and trains nothing,
    an interrupted one goes on where it was. Whatever goes wrong with a run is a status of that run.
    Worker processes are kept from one call to the next; :meth:`close` ends them, as does the end
    of the program.

    Attributes:
        env_steps: Env steps of a run.
        results: Folder of the runs.
        timeout_s: Wall seconds after which a run is given up.
    """

    def __init__(
        self,
        env_id: str,
        *,
        results: Path,
        agent: str = DEFAULT.agent,
        agent_config: Mapping[str, Any] | None = None,
        total_steps: int = DEFAULT.total_steps,
        num_envs: int = DEFAULT.num_envs,
        gamma: float = DEFAULT.gamma,
        env_kwargs: Mapping[str, Any] | None = None,
        evaluation: Evaluation = DEFAULT.evaluation,
        workers: int | None = None,
        timeout_s: float = DEFAULT.timeout_s,
    ) -> None:
        """Choose how to train; no process is started yet.

        Args:
            env_id: Gymnasium id.
            results: Folder of the runs.
            agent: Agent id.
            agent_config: Fields of its config that differ from its defaults; None for those of
                :data:`~operant.benchmarks.reward_search.defaults.DEFAULT`.
            total_steps: Env steps of a run.
            num_envs: Rows of the training env.
            gamma: Discount of agent and design, in [0, 1].
            env_kwargs: Arguments of the env.
            evaluation: How a run is scored.
            workers: Number of processes >= 1; None for one per core.
            timeout_s: Wall seconds after which a run is given up, > 0.

        Raises:
            ValueError: If a number is outside its range.
        """
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be >= 1, got {workers}")
        if not timeout_s > 0:
            raise ValueError(f"timeout_s must be > 0, got {timeout_s}")
        self.results, self.env_steps, self.timeout_s = results, total_steps, timeout_s
        config = DEFAULT.agent_config if agent_config is None else agent_config
        self._base = RunSpec(
            env_id=env_id,
            design="none",
            agent=agent,
            seed=0,
            total_steps=total_steps,
            num_envs=num_envs,
            gamma=gamma,
            env_kwargs=dict(env_kwargs or {}),
            agent_config=dict(config),
            evaluation=evaluation,
        )
        self._workers = workers or os.cpu_count() or 1
        self._pool: Pool | None = None
        env = gym.make(env_id, **self._base.env_kwargs)
        try:
            self._actions = view_of(env).actions
            card = getattr(env.unwrapped, "card", None)
            if card is None:
                _require_success(env)
        finally:
            env.close()
        scored = card is None or card.metric == "success"
        self._metric: Metric = "success" if scored else "true_return"

    def to_json(self) -> dict[str, Any]:
        """Return what decides the results, as arguments of this class and JSON values."""
        told = self._base.to_json()
        names = ("env_id", "agent", "agent_config", "total_steps", "num_envs", "gamma")
        return {name: told[name] for name in (*names, "env_kwargs", "evaluation")}

    @classmethod
    def from_json(
        cls,
        told: Mapping[str, Any],
        *,
        results: Path,
        workers: int | None = None,
        timeout_s: float = DEFAULT.timeout_s,
    ) -> SuiteTrainer:
        """Return the trainer of a lineage, so that its candidates can be trained again.

        Args:
            told: What :meth:`to_json` returned.
            results: Folder of the runs.
            workers: Number of processes >= 1; None for one per core.
            timeout_s: Wall seconds after which a run is given up, > 0.

        Raises:
            TypeError: If a field is unknown or missing.
            ValueError: If a number is outside its range.
        """
        if not isinstance(told.get("evaluation"), Mapping):
            raise TypeError(f"evaluation must be an object, got {told.get('evaluation')!r}")
        settings = {**told, "evaluation": Evaluation(**told["evaluation"])}
        return cls(results=results, workers=workers, timeout_s=timeout_s, **settings)

    def spec(self, job: Job) -> RunSpec:
        """Return the run that a job is; the candidate's name is no part of it."""
        return dataclasses.replace(
            self._base, design=job.design, design_kwargs=dict(job.design_kwargs), seed=job.seed
        )

    def prepare(self) -> None:
        """Start the worker processes; they load their libraries while the caller goes on."""
        with single_threaded():
            self._opened().fill()

    def train(self, jobs: Sequence[Job]) -> list[RunResult]:
        """Train on each job and return the results, in order.

        Raises:
            InterruptedRunError: If a signal asked to stop; every run under way was saved before.
        """
        specs = {spec.folder: spec for spec in map(self.spec, jobs)}
        self.results.mkdir(parents=True, exist_ok=True)
        todo = [spec for spec in specs.values() if not self._finished(spec)]
        endings = self._execute(todo)
        return [self._result(job, endings) for job in jobs]

    def close(self) -> None:
        """End the worker processes; :meth:`train` starts others."""
        if self._pool is not None:
            atexit.unregister(self.close)
            self._pool.__exit__()
            self._pool = None

    def _finished(self, spec: RunSpec) -> bool:
        """Return whether a run is done; one that is damaged is set aside."""
        directory = RunDirectory(self.results, spec)
        if not directory.done:
            return False
        try:
            read_run(directory.path)
        except CorruptRunError as error:
            quarantine(self.results, directory.path, str(error))
            return False
        return True

    # ---- processes --------------------------------------------------------------------------

    def _execute(self, specs: Sequence[RunSpec]) -> dict[str, Ending]:
        """Execute runs; returns folder -> how it ended."""
        flag, todo, endings = StopFlag(), deque(enumerate(specs)), dict[str, Ending]()
        watch = _Watch(self.timeout_s)
        with stop_on_signal(flag), single_threaded():
            pool = self._opened() if specs else None
            while pool is not None and (todo or watch.running):
                if flag.is_set():
                    pool.stop()
                    todo.clear()
                while todo and pool.has_room:
                    key, spec = todo.popleft()
                    watch.start(key)
                    pool.start(key, spec)
                for key in watch.overdue():
                    pool.kill(key)
                for news in pool.news():
                    if news.final:
                        endings[specs[news.key].folder] = watch.end(news)
                    else:
                        watch.steps[news.key] = news.message
        if flag.is_set():
            raise InterruptedRunError(
                "stopped while training on candidates; the same search goes on from there"
            )
        return endings

    def _opened(self) -> Pool:
        if self._pool is None:
            self._pool = Pool(self._workers, functools.partial(execute, self.results)).__enter__()
            # The interpreter waits for its child processes, which wait for jobs.
            atexit.register(self.close)
        return self._pool

    # ---- results ----------------------------------------------------------------------------

    def _result(self, job: Job, endings: Mapping[str, Ending]) -> RunResult:
        folder = self.spec(job).folder
        ending = endings.get(folder, Ending(status="ok"))
        if ending.status == "ok":
            try:
                record = read_run(self.results / folder)
            except CorruptRunError as error:
                ending = Ending(status="trainer_error", error=f"the results are damaged: {error}")
            else:
                return result_of(
                    record, job=job, folder=folder, actions=self._actions, metric=self._metric
                )
        return RunResult(
            name=job.name,
            seed=job.seed,
            status=ending.status,
            error=ending.error,
            env_steps=ending.env_steps,
            folder=folder,
        )


def _require_success(env: gym.Env[Any, Any]) -> None:
    """Check that an env says at the end of an episode whether it succeeded.

    Raises:
        OperantError: If it does not, or no episode ended.
    """
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(LONGEST_EPISODE):
        *_, terminated, truncated, info = env.step(env.action_space.sample())
        if terminated or truncated:
            break
    else:
        info = {}
    if "success" not in info:
        raise OperantError(
            f"{env.spec.id if env.spec else env} does not report info['success'] at the end of an "
            "episode, by which candidates are scored; wrap the env so that its last info has it"
        )


class _Watch:
    """The clock over running jobs."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s, self._began = timeout_s, dict[int, float]()
        self._killed: set[int] = set()
        self.steps: dict[int, int] = {}

    @property
    def running(self) -> bool:
        return bool(self._began)

    def start(self, key: int) -> None:
        self._began[key] = time.monotonic()

    def overdue(self) -> Iterator[int]:
        """Yield the jobs whose time is over, each once."""
        for key, began in self._began.items():
            if time.monotonic() - began > self._timeout_s and key not in self._killed:
                self._killed.add(key)
                yield key

    def end(self, news: News) -> Ending:
        """Return how a job ended, whose last news are given."""
        del self._began[news.key]
        steps = self.steps.get(news.key, 0)
        if isinstance(news.message, Ending):
            done = news.message.status == "ok"
            return news.message if done else dataclasses.replace(news.message, env_steps=steps)
        if news.key in self._killed:
            error = f"it took longer than {self._timeout_s:g} s of wall time and was killed"
            return Ending(status="timeout", error=error, env_steps=steps)
        error = f"its process died (exit code {news.exit_code}; -9 often means: out of memory)"
        return Ending(status="trainer_error", error=error, env_steps=steps)
