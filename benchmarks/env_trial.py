"""What a run on a Gymnasium env trains, and how it is scored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operant import agents, reward_design
from operant.agents.base import Agent
from operant.benchmarks.episode_log import EpisodeLog
from operant.benchmarks.evaluate import Evaluator, run_batch
from operant.benchmarks.gif import record_episode
from operant.benchmarks.metrics import Metric
from operant.benchmarks.records import EvalTable, References
from operant.benchmarks.specs import RunSpec
from operant.seeding import SeedTree


class EnvTrial:
    """A run whose agent acts in a vector env under a reward design.

    Attributes:
        metric: By what the env is scored.
    """

    def __init__(self, spec: RunSpec, *, should_stop: Callable[[], bool]) -> None:
        """Build the env to score in.

        Args:
            spec: The run.
            should_stop: Asked now and then while episodes last; True abandons them.
        """
        self._spec, self._tree = spec, SeedTree(spec.seed)
        self._evaluator = Evaluator(spec, should_stop=should_stop)
        self.metric: Metric = self._evaluator.metric

    def build(self) -> Agent:
        """Return what is trained, untrained."""
        spec = self._spec
        self._design = reward_design.make_design(spec.design, **spec.design_kwargs)
        batch = run_batch(spec, spec.num_envs)
        seed = self._tree.seed("design")
        env = reward_design.shape(batch, self._design, gamma=spec.gamma, seed=seed)
        config = {**spec.agent_config, "gamma": spec.gamma}
        return agents.make_agent(spec.agent, env, seed=self._tree.seed("agent"), **config)

    def score(self, trained: Agent, *, log: EpisodeLog | None) -> EvalTable:
        """Score it as it is now.

        Args:
            trained: What :meth:`build` returned.
            log: Sees every step; None if nobody does.

        Raises:
            InterruptedRunError: If a stop was asked for before all episodes had ended.
        """
        step, deterministic = trained.num_steps, self._spec.evaluation.deterministic
        with trained.sampling(self._tree.seed(f"evaluation {step}")):
            return self._evaluator.score_policy(
                trained, deterministic=deterministic, step=step, log=log
            )

    def references(self) -> References:
        """Score a random policy and, where it is known, the optimal one.

        Raises:
            InterruptedRunError: If a stop was asked for.
        """
        return self._evaluator.references()

    def picture(self, trained: Agent) -> bytes | None:
        """Return an animation of what was learned."""
        return record_episode(
            self._spec, trained, deterministic=self._spec.evaluation.deterministic
        )

    def provenance(self) -> dict[str, Any]:
        """Return what a result must say of how the design was made."""
        return self._design.provenance()
