"""The planners as agents: they read counters and means from the observations ``observe="mean"``.

There is nothing to learn; as agents they can be scored beside learners, by the same runner.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.agents.bandits.agent import BanditAgent, BanditConfig
from operant.agents.bandits.base import BanditAlgorithm, Payout, Statistics
from operant.agents.bandits.lsd.exact import plan_rounds
from operant.agents.bandits.lsd.greedy import GreedyPlan
from operant.agents.bandits.lsd.policy import LSDPolicy
from operant.agents.bandits.lsd.rounded import plan_rounded
from operant.agents.base import check_range
from operant.lsd import RECOVERIES, LSDInstance, LSDRules
from operant.types import Float, Int, Obs


@dataclasses.dataclass(frozen=True, kw_only=True)
class LSDPlannerConfig(BanditConfig):
    """What observations do not tell of a bandit; the defaults are those of the worlds.

    Attributes:
        horizon: T, rounds of an episode, >= 2.
        S: Longest run that counts; 0 for bandits without runs.
        recovery: ``"reset"`` or ``"gradual"``.
        allow_none: True if the last action lets a round pass.
        draws: Draws that the rounded planner compares, >= 1.
    """

    horizon: int = 200
    S: int = 3
    recovery: str = "reset"
    allow_none: bool = True
    draws: int = 32

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("S", self.S, 0)
        check_range("draws", self.draws, 1)
        if self.recovery not in RECOVERIES:
            raise ValueError(f"recovery must be one of {RECOVERIES}, got {self.recovery!r}")


class TableView:
    """Hands on observations as they are: counters, then the table of means.

    Attributes:
        width: Entries of an observation.
        actions: Number of actions.
    """

    def __init__(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> None:
        """Look at the spaces.

        Raises:
            ValueError: If they cannot be those of an LSD bandit that shows its means.
        """
        fits = (
            isinstance(observation_space, spaces.Box)
            and len(observation_space.shape) == 1
            and isinstance(action_space, spaces.Discrete)
        )
        if not fits:
            raise ValueError(
                "the observation space must be that of an LSD bandit with observe='mean', got "
                f"{observation_space} with the action space {action_space}"
            )
        self.width = int(np.prod(observation_space.shape or ()))
        self.actions = int(action_space.n)  # type: ignore[attr-defined]

    def read(self, obs: Obs) -> tuple[Float | None, Payout]:
        """Return the observations; planners ask for no rewards."""
        seen = np.asarray(obs, np.float64)
        return seen, Payout(reward=np.zeros(len(seen)))


class LSDPlannerAlgorithm(BanditAlgorithm):
    """Plans once for every table of means that it meets, and keeps to the plans."""

    def __init__(self, config: LSDPlannerConfig, view: TableView) -> None:
        """Work out how many counters there are.

        Raises:
            ValueError: If the observations do not fit the config.
        """
        K = view.actions - config.allow_none
        size, rest = divmod(view.width, max(K, 1))
        D = size - 1 - config.S
        if K < 1 or rest or D < 1:
            raise ValueError(
                f"the observation space has {view.width} entries, which are not those of {K} arms "
                f"with their means for S = {config.S} and D >= 1; make the env with "
                "observe='mean', and the agent with the env's S and allow_none"
            )
        recovery: Any = config.recovery
        self.rules = LSDRules(K=K, D=D, S=config.S, recovery=recovery, allow_none=config.allow_none)
        self.config = config
        self._plans: dict[bytes, LSDPolicy] = {}

    @abc.abstractmethod
    def plan(self, instance: LSDInstance, levels: Int) -> LSDPolicy:
        """Plan for an instance, for episodes that begin at levels (1, K)."""

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the statistics: the number of rounds played."""
        return {"round": ()}

    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:  # noqa: ARG002
        """Count the round; see :meth:`BanditAlgorithm.update`."""
        known["round"] += 1

    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:  # noqa: ARG002
        """Choose; see :meth:`BanditAlgorithm.act`. There is no chance in it."""
        assert context is not None
        K, rules = self.rules.K, self.rules
        shown = context[:, :K]
        scale = np.where(shown > 0, rules.D, rules.S)
        levels = rules.levels(np.rint(shown * scale).astype(np.int64))
        rounds = np.rint(known["round"]).astype(np.int64)
        chosen = np.zeros(len(context), np.int64)
        keys = [row.tobytes() for row in context[:, K:]]
        for key, now in sorted({*zip(keys, rounds.tolist(), strict=True)}):
            rows = [at for at, other in enumerate(keys) if other == key and rounds[at] == now]
            if key not in self._plans:
                means = context[rows[0], K:].reshape(K, rules.size)
                instance = LSDInstance(rules=rules, payoffs=means)
                self._plans[key] = self.plan(instance, levels[rows[:1]])
            chosen[rows] = self._plans[key].act(levels[rows], now % self.config.horizon)
        return chosen


class ExactPlannerAlgorithm(LSDPlannerAlgorithm):
    """Plans the horizon's rounds by backward induction."""

    def plan(self, instance: LSDInstance, levels: Int) -> LSDPolicy:
        """Plan; see :func:`plan_rounds`.

        Raises:
            TooManyStatesError: If there are too many arms for it.
        """
        return plan_rounds(instance, self.config.horizon, levels=levels[0])


class RoundedPlannerAlgorithm(LSDPlannerAlgorithm):
    """Plans by the linear program; it does not warn, since what it earns is measured anyway."""

    def plan(self, instance: LSDInstance, levels: Int) -> LSDPolicy:  # noqa: ARG002
        """Plan; see :func:`plan_rounded`."""
        return plan_rounded(instance, draws=self.config.draws, warn=False)


class GreedyPlannerAlgorithm(LSDPlannerAlgorithm):
    """Takes what pays most now."""

    def plan(self, instance: LSDInstance, levels: Int) -> LSDPolicy:  # noqa: ARG002
        """Plan; see :class:`GreedyPlan`."""
        return GreedyPlan(instance)


class LSDPlannerAgent(BanditAgent):
    """A planner of LSD bandits with the interface of an agent."""

    config_class: ClassVar[type[LSDPlannerConfig]] = LSDPlannerConfig
    kind: ClassVar[type[LSDPlannerAlgorithm]]
    """How it plans."""

    @classmethod
    def algorithm(cls, config: LSDPlannerConfig, view: Any) -> LSDPlannerAlgorithm:
        """Return the planner for the arms that are seen."""
        return cls.kind(config, view)

    @classmethod
    def view(cls, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> TableView:
        """Return what reads observations; see :class:`TableView`."""
        return TableView(observation_space, action_space)


class LSDExactAgent(LSDPlannerAgent):
    """The best schedule, for few arms."""

    id: ClassVar[str] = "lsd-exact"
    kind: ClassVar[type[LSDPlannerAlgorithm]] = ExactPlannerAlgorithm


class LSDRoundedAgent(LSDPlannerAgent):
    """A schedule with a guarantee, for many arms."""

    id: ClassVar[str] = "lsd-rounded"
    kind: ClassVar[type[LSDPlannerAlgorithm]] = RoundedPlannerAlgorithm


class LSDGreedyAgent(LSDPlannerAgent):
    """The arm that pays most now."""

    id: ClassVar[str] = "lsd-greedy"
    kind: ClassVar[type[LSDPlannerAlgorithm]] = GreedyPlannerAlgorithm
