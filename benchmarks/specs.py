"""What is to be run, as data: one run, and a suite of runs."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Mapping
from typing import Any

from operant import agents
from operant.benchmarks.files import canonical_json
from operant.errors import GammaMismatchError

PROTOCOL = 1
"""Version of the evaluation protocol; raised when a change makes scores incomparable."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """How a run is scored, always on a fresh env without the design.

    Attributes:
        points: Evaluations after the one at step 0, evenly spaced over the budget.
        episodes: Episodes per evaluation; the levels depend on the run's seed only.
        deterministic: True for the mode of the policy, False for the policy as trained.
        recorded: Episodes of the last evaluation whose last steps are kept beside the scores, with
            the mean of each term of the reward at every evaluation; 0 for neither. See
            :class:`operant.benchmarks.episode_log.EpisodeLog`.
        animated: False to draw no animation of the final policy, which takes half a second.
        references: False to score no random and no optimal policy beside it; the hacking gap needs
            both, a search among rewards does not.
        since: Share of the budget before which nothing is evaluated, in [0, 1].
    """

    points: int = 10
    episodes: int = 64
    deterministic: bool = False
    recorded: int = 0
    animated: bool = True
    references: bool = True
    since: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a number is out of range.
        """
        for name in ("points", "episodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not 0.0 <= self.since <= 1.0:
            raise ValueError(f"since must lie in [0, 1], got {self.since}")
        if self.recorded < 0:
            raise ValueError(f"recorded must be >= 0, got {self.recorded}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """One seed of one agent on one env under one reward design.

    Attributes:
        env_id: Gymnasium id; that of a game (``operant games``) if the agent plays games.
        design: Design id.
        agent: Agent id.
        seed: Root of all randomness; equal seeds share levels and initial weights across designs.
        total_steps: Budget in env steps.
        num_envs: Rows of the training env.
        gamma: Discount of agent and design, in [0, 1].
        label: Name of the design on the leaderboard; the design id if empty.
        env_kwargs: Arguments of the env.
        design_kwargs: Arguments of the design.
        show_memory: True to append to the observations what the design remembers of the episode.
        agent_config: Fields of the agent's config that differ from its defaults.
        evaluation: How it is scored.
        protocol: Version of the protocol.
    """

    env_id: str
    design: str
    agent: str
    seed: int
    total_steps: int
    num_envs: int = 128
    gamma: float = 0.99
    label: str = ""
    env_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    design_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    show_memory: bool = False
    agent_config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    evaluation: Evaluation = Evaluation()
    protocol: int = PROTOCOL

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a number is out of range.
            GammaMismatchError: If design or agent is told another discount than the run.
        """
        for name, low in (("seed", 0), ("total_steps", 1), ("num_envs", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")
        if not 0.0 <= self.gamma <= 1.0:
            raise ValueError(f"gamma must lie in [0, 1], got {self.gamma}")
        object.__setattr__(self, "gamma", float(self.gamma))  # 1 and 1.0 are one run, not two
        own = self.design_kwargs.get("gamma")
        if own is not None and own != self.gamma:
            raise GammaMismatchError(self.design, own, self.gamma)
        told = self.agent_config.get("gamma")
        if told is not None and told != self.gamma:
            raise GammaMismatchError(self.design, self.gamma, told)

    @property
    def name(self) -> str:
        """Label of the design."""
        return self.label or self.design

    @property
    def run_id(self) -> str:
        """Hash of everything that decides the result; 12 hex digits.

        Fields at their defaults are left out, so that a field added later changes no old id. (A
        default must therefore never change without a new ``PROTOCOL``.)
        """
        told = {**_told(self), "protocol": self.protocol, "evaluation": _told(self.evaluation)}
        return hashlib.sha256(canonical_json(told).encode()).hexdigest()[:12]

    @property
    def folder(self) -> str:
        """Name of the run's directory: readable first, exact last."""
        readable = f"{self.env_id}-{self.name}-{self.agent}"
        # Ids like "ALE/Pong-v5" and labels hold characters that would lead to other directories.
        readable = re.sub(r"[^A-Za-z0-9_.+=-]+", "_", readable).lstrip(".")[:100]
        return f"{readable}-s{self.seed}-{self.run_id}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunSpec:
        """Undo :meth:`to_json`.

        Raises:
            TypeError: If a field is unknown or missing.
        """
        return cls(**{**values, "evaluation": Evaluation(**values["evaluation"])})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """One column of a suite: a design with its arguments and its name on the leaderboard.

    Attributes:
        id: Design id.
        kwargs: Its arguments.
        label: Its name; the id if empty.
        show_memory: True to append to the observations what the design remembers of the episode,
            such as a reward machine's state, without which its reward is not Markov.
    """

    id: str
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    label: str = ""
    show_memory: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AgentEntry:
    """An agent with the config it uses on every env of a suite."""

    id: str
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Suite:
    """A benchmark as data: envs x designs x agents x seeds at one budget.

    Attributes:
        id: Registry id.
        title: Title of the leaderboard.
        env_ids: Gymnasium ids, or ids of games for agents that play games.
        designs: Reward designs.
        agents: Agents.
        agents_of: Env id -> its agents, where they or their configs are not those of all others.
        seeds: Seeds.
        total_steps: Budget of each run in env steps.
        num_envs: Rows of the training env.
        gamma: Discount.
        env_kwargs: Arguments of all envs.
        kwargs_of: Env id -> further arguments of that env, such as a time limit of its own.
        testing_kwargs: Further arguments of all envs at the size for testing, such as a time limit
            that ends episodes soon.
        evaluation: How runs are scored.
    """

    id: str
    title: str
    env_ids: tuple[str, ...]
    designs: tuple[Design, ...]
    agents: tuple[AgentEntry, ...]
    seeds: tuple[int, ...]
    total_steps: int
    num_envs: int = 128
    gamma: float = 0.99
    env_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    kwargs_of: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    agents_of: Mapping[str, tuple[AgentEntry, ...]] = dataclasses.field(default_factory=dict)
    testing_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    evaluation: Evaluation = Evaluation()

    def __post_init__(self) -> None:
        """Check that no run comes twice.

        Raises:
            ValueError: If two designs share a label, seeds are missing or repeated, or arguments
                are meant for an env that the suite lacks.
        """
        for name in ("kwargs_of", "agents_of"):
            strangers = sorted(getattr(self, name).keys() - set(self.env_ids))
            if strangers:
                raise ValueError(
                    f"suite {self.id!r}: {name} must name envs of the suite, got {strangers}"
                )
        if not self.seeds:
            raise ValueError(f"suite {self.id!r}: seeds must name at least one, got none")
        repeated = sorted({seed for seed in self.seeds if self.seeds.count(seed) > 1})
        if repeated:
            raise ValueError(
                f"suite {self.id!r}: seeds must be distinct, got {repeated} repeatedly"
            )
        labels = [design.label or design.id for design in self.designs]
        if len(set(labels)) < len(labels):
            raise ValueError(
                f"suite {self.id!r}: designs must have distinct labels, got {labels}; give the "
                "variants of one design a label each"
            )

    def runs(self) -> list[RunSpec]:
        """Return all runs, seed by seed, so that an interrupted suite compares like with like."""
        return [
            RunSpec(
                env_id=env_id,
                design=design.id,
                agent=agent.id,
                seed=seed,
                total_steps=self.total_steps,
                num_envs=self.num_envs,
                gamma=self.gamma,
                label=design.label,
                env_kwargs={**self.env_kwargs, **self.kwargs_of.get(env_id, {})},
                design_kwargs=design.kwargs,
                show_memory=design.show_memory,
                agent_config=agent.config,
                evaluation=self.evaluation,
            )
            for seed, env_id in itertools.product(self.seeds, self.env_ids)
            for agent, design in itertools.product(self.entries(env_id), self.designs)
        ]

    def entries(self, env_id: str) -> tuple[AgentEntry, ...]:
        """Return the agents that run on an env."""
        return self.agents_of.get(env_id, self.agents)

    def testing(self) -> Suite:
        """Return the same suite at a size that runs in seconds; its scores mean nothing."""
        return dataclasses.replace(
            self,
            id=f"{self.id}-testing",
            seeds=self.seeds[:1],
            total_steps=2 * 16 * 16,
            num_envs=16,
            agents=_small(self.agents),
            agents_of={env_id: _small(entries) for env_id, entries in self.agents_of.items()},
            kwargs_of={  # there they win over all others
                env_id: {**self.kwargs_of.get(env_id, {}), **self.testing_kwargs}
                for env_id in self.env_ids
            },
            evaluation=dataclasses.replace(self.evaluation, points=1, episodes=4),
        )


def _small(entries: tuple[AgentEntry, ...]) -> tuple[AgentEntry, ...]:
    """Return agents with what makes their runs ones of seconds."""
    return tuple(
        dataclasses.replace(entry, config={**entry.config, **agents.agent_row(entry.id).testing})
        for entry in entries
    )


def _told(spec: RunSpec | Evaluation) -> dict[str, Any]:
    """Return the fields that differ from their defaults."""
    plain = dataclasses.asdict(spec)
    told = {}
    for field in dataclasses.fields(spec):
        # What has no plain default is required, or a mapping that is empty by default.
        default = {} if field.default is dataclasses.MISSING else field.default
        if getattr(spec, field.name) != default:
            told[field.name] = plain[field.name]
    return told
