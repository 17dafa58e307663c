"""A bandit algorithm as an agent: its statistics are the memory of a policy.

There is nothing to train: all learning happens within the episodes that count. So :meth:`learn`
counts steps and changes nothing, and the benchmark runner can score an algorithm like any agent.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from operant.agents.bandits.base import BanditAlgorithm, Statistics
from operant.agents.bandits.view import HistoryView, RoundView, space_actions
from operant.agents.base import (
    Agent,
    AgentConfig,
    AnyVectorEnv,
    Array,
    Arrays,
    Json,
    OnRollout,
    check_identity,
    check_range,
)
from operant.seeding import SeedTree
from operant.types import Obs

ROLLOUT = 64
"""Env steps per row that are counted between two calls of ``on_rollout``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BanditConfig(AgentConfig):
    """What bandit algorithms have in common.

    Attributes:
        horizon: T, rounds of an episode, >= 2: that of the env. What relies on it says so.
    """

    horizon: int = 1000

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        if isinstance(self.horizon, bool) or not isinstance(self.horizon, int):
            raise ValueError(f"horizon must be an integer >= 2, got {self.horizon!r}")
        check_range("horizon", self.horizon, 2)


class BanditPolicy:
    """Acts by an algorithm that learns from what observations tell of the round before.

    Attributes:
        memory_shape: Length of the packed statistics of a row, and one for its last choice.
        rng: Source of chance.
    """

    def __init__(
        self,
        algorithm: BanditAlgorithm,
        view: RoundView,
        space: gym.Space[Any],
        rng: np.random.Generator,
    ) -> None:
        """Combine an algorithm with what reads for it.

        Args:
            algorithm: The algorithm.
            view: What reads.
            space: Space of one action.
            rng: Source of chance.
        """
        self._algorithm, self._view, self._space, self.rng = algorithm, view, space, rng
        shapes = algorithm.shapes()
        self.memory_shape: tuple[int, ...] | None = (
            1 + sum(math.prod(shape) for shape in shapes.values()),
        )

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row as in the first round; :meth:`act_from` is what remembers."""
        return self.act_from(obs, self._blank(obs), deterministic=deterministic)[0]

    def act_from(self, obs: Obs, memory: Array, *, deterministic: bool) -> tuple[Array, Array]:
        """Learn from the round before and choose; see :meth:`RecurrentPolicy.act_from`."""
        context, payout = self._view.read(obs)
        last = np.rint(memory[:, 0]).astype(np.int64) - 1
        known = self._unpacked(memory)
        played = last >= 0
        if played.any():
            before = None if played.all() else {name: part.copy() for name, part in known.items()}
            self._algorithm.update(known, np.maximum(last, 0), payout)
            for name, part in (before or {}).items():
                known[name][~played] = part[~played]
        rng = None if deterministic else self.rng
        choices = self._algorithm.act(known, context, rng)
        after = self._packed(known, choices)
        return space_actions(self._algorithm.actions(choices), self._space), after

    @contextlib.contextmanager
    def sampling(self, seed: int) -> Iterator[None]:
        """Draw from a stream of this seed; see :meth:`operant.agents.base.Agent.sampling`."""
        kept, self.rng = self.rng, np.random.default_rng(seed)
        try:
            yield
        finally:
            self.rng = kept

    def _blank(self, obs: Obs) -> Array:
        rows = len(next(iter(obs.values())) if isinstance(obs, dict) else obs)
        return np.zeros((rows, *(self.memory_shape or ())), np.float32)

    def _unpacked(self, memory: Array) -> Statistics:
        known: Statistics = {}
        at = 1
        for name, shape in self._algorithm.shapes().items():
            size = math.prod(shape)
            part = memory[:, at : at + size].astype(np.float64)
            known[name] = part.reshape(len(memory), *shape)
            at += size
        return known

    def _packed(self, known: Statistics, choices: Array) -> Array:
        rows = len(choices)
        parts = [choices[:, None] + 1.0, *(part.reshape(rows, -1) for part in known.values())]
        return np.concatenate(parts, axis=1).astype(np.float32)


class BanditAgent(Agent):
    """An online algorithm with the interface of a learner.

    A subclass says its id, its config, and how the algorithm is built. The mode of its policy
    (``deterministic=True``) leaves out the chance by which some algorithms explore; to judge those,
    play with ``deterministic=False``.
    """

    config: BanditConfig
    config_class: ClassVar[type[BanditConfig]] = BanditConfig
    tells: ClassVar[str] = ""
    """What observations must tell beside the reward; see :class:`HistoryView`."""

    def __init__(
        self, env: AnyVectorEnv, *, config: BanditConfig | None = None, seed: int = 0
    ) -> None:
        """Look at the env's spaces; it is never stepped.

        Args:
            env: Vector env in ``SAME_STEP`` autoreset mode, of a bandit world.
            config: Settings; None for the defaults.
            seed: Root of the algorithm's chance.

        Raises:
            ValueError: If the env is unsuitable.
        """
        config = self.config_class() if config is None else config
        super().__init__(env, config=config, seed=seed)
        rng = SeedTree(seed).child(self.id).generator("actions")
        seen, done = env.single_observation_space, env.single_action_space
        self._policy = self._made(config, seen, done, rng)
        self._num_steps = 0

    # ---- what an algorithm says -------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def algorithm(cls, config: Any, view: Any) -> BanditAlgorithm:
        """Return the algorithm for what is seen."""

    @classmethod
    def view(cls, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> RoundView:
        """Return what reads observations.

        Raises:
            ValueError: If the spaces are not those of its kind of bandit.
        """
        return HistoryView(observation_space, action_space, tells=cls.tells)

    @classmethod
    def _made(
        cls, config: Any, seen: gym.Space[Any], done: gym.Space[Any], rng: np.random.Generator
    ) -> BanditPolicy:
        view = cls.view(seen, done)
        return BanditPolicy(cls.algorithm(config, view), view, done, rng)

    # ---- the interface of a learner ---------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Env transitions that :meth:`learn` was given so far."""
        return self._num_steps

    def learn(self, total_steps: int, on_rollout: OnRollout | None = None) -> None:
        """Count to ``total_steps``; see :meth:`Agent.learn`."""
        while on_rollout is None or on_rollout(self) is not False:
            if self._num_steps >= total_steps:
                return
            self._num_steps += ROLLOUT * self.env.num_envs

    @property
    def memory_shape(self) -> tuple[int, ...] | None:
        """Shape of what is remembered of one row; see :class:`RecurrentPolicy`."""
        return self._policy.memory_shape

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row as in the first round; see :meth:`Agent.act`."""
        return self._policy.act(obs, deterministic=deterministic)

    def act_from(self, obs: Obs, memory: Array, *, deterministic: bool) -> tuple[Array, Array]:
        """Learn from the round before and choose; see :meth:`RecurrentPolicy.act_from`."""
        return self._policy.act_from(obs, memory, deterministic=deterministic)

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Draw from a stream of this seed; see :meth:`Agent.sampling`."""
        return self._policy.sampling(seed)

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; see :meth:`Agent.training_state`."""
        return {}, {
            **self.identity(),
            "exact_resume": True,
            "num_steps": self._num_steps,
            "rng": self._policy.rng.bit_generator.state,
        }

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:  # noqa: ARG002
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        check_identity(meta, self.identity())
        self._num_steps = meta["num_steps"]
        self._policy.rng.bit_generator.state = meta["rng"]

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`: its config."""
        return {}, {"agent": self.id, "config": self.config.to_json()}

    @classmethod
    def load_policy(
        cls,
        arrays: Mapping[str, Array],  # noqa: ARG003 (nothing was learned)
        config: AgentConfig,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
    ) -> BanditPolicy:
        """Rebuild a policy; see :func:`operant.agents.load_policy`."""
        rng = np.random.default_rng(0)
        return cls._made(config, observation_space, action_space, rng)

    def metrics(self) -> dict[str, float]:
        """Return nothing: no training happens."""
        return {}
