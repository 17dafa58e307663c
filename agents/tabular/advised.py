"""SARSA with advice: somebody's opinion of actions, in three ways that differ in their promise."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.agents.base import AnyVectorEnv, Array, Arrays, Json, check_range
from operant.agents.tabular.agent import Moves
from operant.agents.tabular.config import ValueConfig
from operant.agents.tabular.policy import Table, TabularPolicy, discrete, draw
from operant.agents.tabular.sarsa import SARSA
from operant.agents.tabular.states import Ids, States
from operant.agents.tabular.values import move
from operant.types import Bool, Float, Obs, take_rows

Advice: TypeAlias = Callable[[Obs], Float]
"""Turns a batch of observations into what is thought of each action, (B, A), finite."""

Mode = Literal["look_ahead", "pies", "dpba"]
INVARIANCE = {"look_ahead": "optimal", "pies": "asymptotic", "dpba": "none"}
"""What each mode promises, in the words of :class:`operant.reward_design.base.DesignSpec`:
``"optimal"`` keeps the optimal policies, ``"asymptotic"`` does in the end, ``"none"`` does not."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdvisedConfig(ValueConfig):
    """Hyper-parameters of SARSA with advice.

    Attributes:
        mode: ``"look_ahead"``, ``"pies"`` or ``"dpba"``; see :class:`AdvisedSARSA`.
        advice: Rows of a number per action: one row for all observations, or a row per value of a
            Discrete observation. Nothing for no advice.
        beta: Step size of the learned potential, in (0, 1]; above ``alpha`` in mode ``"dpba"``,
            because the values follow the potential. Not for ``"look_ahead"``.
        xi: Weight of the learned potential at the start, >= 0; for ``"pies"``.
        xi_fraction: Share of the budget over which it falls linearly to 0, in (0, 1].
    """

    mode: Mode = "look_ahead"
    advice: tuple[tuple[float, ...], ...] = ()
    beta: float = 0.2
    xi: float = 1.0
    xi_fraction: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        if self.mode not in INVARIANCE:
            raise ValueError(f"mode must be one of {tuple(INVARIANCE)}, got {self.mode!r}")
        check_range("beta", self.beta, 1e-9, 1.0)
        if self.mode == "dpba" and self.beta <= self.alpha:
            raise ValueError(f"beta must be > alpha={self.alpha:g} in mode 'dpba', got {self.beta}")
        check_range("xi", self.xi, 0.0, 1e30)
        check_range("xi_fraction", self.xi_fraction, 1e-9, 1.0)
        rows = tuple(tuple(float(x) for x in row) for row in self.advice)  # JSON has lists
        object.__setattr__(self, "advice", rows)

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        return {**super().to_json(), "advice": [list(row) for row in self.advice]}


class AdvisedSARSA(SARSA):
    """SARSA that is told what somebody thinks of each action.

    Three modes; F is added to the reward, a' is the action taken next, xi falls linearly to 0:

    * ``"look_ahead"``: the advice is a potential, ``F = gamma Phi(s', a') - Phi(s, a)``. Values are
      then learned less ``Phi(s, a)``, so it acts by ``Q + Phi``: by ``Q`` alone another action may
      look best. Keeps the optimal policies.
    * ``"pies"``: the advice is a reward R. A potential is learned beside the values, as SARSA would
      learn values of the reward -R; it acts by ``Q - xi Phi``, and F = 0. Bad advice costs time,
      but once xi is 0 this is SARSA.
    * ``"dpba"``: the same potential, but in the reward, ``F = gamma Phi_new(s', a') -
      Phi_old(s, a)``, and it acts by ``Q``. **Not policy-invariant**: F becomes R, on average over
      the policy's actions, so that in the end the policy is one for the reward plus R, as if the
      advice had simply been added. Only by ``Q + Phi``, with the potential of the moment, would the
      choice be the true one - and the advice without effect. Here as a baseline.

    Potentials are 0 after a terminal state, and those of the true last state where a time limit
    cut. :meth:`act` and the exported policy choose as at the end of training: by ``Q + Phi`` in
    mode ``"look_ahead"``, else by ``Q``. What they never saw has no advice.

    Source: Principled Methods for Advising Reinforcement Learning Agents (Wiewiora, Cottrell,
    Elkan, 2003); Expressing Arbitrary Reward Functions as Potential-Based Advice (Harutyunyan,
    Devlin, Vrancx, Nowe, 2015); Policy Invariant Explicit Shaping: An Efficient Alternative to
    Reward Shaping (Behboudian, Satsangi, Taylor, Harutyunyan, Bowling, 2021).
    """

    id = "advised-sarsa"
    config: AdvisedConfig
    config_class: ClassVar[type[AdvisedConfig]] = AdvisedConfig
    states: AdvisedStates

    def __init__(
        self,
        env: AnyVectorEnv,
        *,
        config: AdvisedConfig | None = None,
        seed: int = 0,
        advice: Advice | None = None,
    ) -> None:
        """Start with empty tables; see :class:`TabularAgent`.

        Args:
            env: Vector env in ``SAME_STEP`` autoreset mode with Discrete actions.
            config: Hyper-parameters; None for the defaults.
            seed: Root of everything random in the agent, including the env's first reset.
            advice: A function instead of ``config.advice`` (Python only: it is not saved, though
                what it said of the states met is).

        Raises:
            ValueError: If the env or the advice is unsuitable.
            GammaMismatchError: If the env carries a reward design with another discount.
        """
        super().__init__(env, config=config, seed=seed)
        config, space = self.config, discrete(env.single_action_space)
        if advice is not None and config.advice:
            raise ValueError("advice must be given as a function or in the config, got both")
        if advice is None:
            advice = table_advice(config.advice, env.single_observation_space, int(space.n))
        self.states = AdvisedStates(env.single_observation_space, advice, int(space.n))
        self._learns = config.mode != "look_ahead"
        self.potential = Table(int(space.n)) if self._learns else self.states.advice
        self._preferences = self.table if self._learns else _Sum(self.table, self.potential, space)
        self._policy = TabularPolicy(
            self.states, self._preferences, self.acting(config), space, self._rng
        )

    @property
    def weight(self) -> float:
        """How much the potential counts now where training chooses actions."""
        if self.config.mode == "pies":
            return -self.config.xi * max(0.0, 1 - self._progress / self.config.xi_fraction)
        return 1.0 if self.config.mode == "look_ahead" else 0.0

    def begin(self, rows: Bool, states: Ids) -> None:
        """Choose the first actions of new episodes; see :meth:`TabularAgent.begin`."""
        if rows.any():
            self._next[rows] = self._chosen(states[rows])

    def update(self, step: Moves) -> None:
        """Choose the next actions, and learn from a step and the advice about both."""
        self._next = self._chosen(step.after)
        before = _picked(self.potential, step.states, step.actions)
        if self._learns:
            self._learn_potential(step)
        if self.config.mode != "pies":
            after = _picked(self.potential, step.after, self._next) * ~step.terminated
            shaping = self.config.gamma * after - before
            step = step._replace(rewards=step.rewards + shaping)
        super().update(step)

    def expected(self, states: Ids) -> Float:
        """Return the values of the next actions, which are chosen already, (N,)."""
        return _picked(self.table, states, self._next)

    def _chosen(self, states: Ids) -> Ids:
        preferences = self.table.at(states) + self.weight * self.potential.at(states)
        return draw(self.exploring(preferences), self._rng)

    def _learn_potential(self, step: Moves) -> None:
        advice = _picked(self.states.advice, step.states, step.actions)
        ahead = _picked(self.potential, step.after, self._next) * ~step.terminated
        targets = self.config.gamma * ahead - advice
        potential = self.potential.rows(len(self.states))
        move(potential, step.states, step.actions, targets, self.config.beta)

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars; see :meth:`TabularAgent.metrics`."""
        metrics = super().metrics()
        return {**metrics, "rollout/advice_weight": self.weight} if metrics else {}

    # ---- state ------------------------------------------------------------------------------

    def learned(self) -> Arrays:
        """Return tables, states, advice and the actions chosen; see :class:`TabularAgent`."""
        tables = {"advice": self.states.advice, "potential": self.potential}
        rows = {name: table.rows(len(self.states)).copy() for name, table in tables.items()}
        return {**super().learned(), **rows}

    def load_learned(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`learned` returned."""
        super().load_learned(arrays)
        self.states.advice.load(arrays["advice"])
        self.potential.load(arrays["potential"])

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`."""
        arrays, meta = super().policy_state()
        return {**arrays, "table": self._preferences.rows(len(self.states)).copy()}, meta


class AdvisedStates(States):
    """Asks for advice about every state when it is first met.

    Attributes:
        advice: What was said, a row per state.
    """

    def __init__(self, space: gym.Space[Any], advice: Advice, actions: int) -> None:
        """Start with no state known; see :class:`States`."""
        super().__init__(space)
        self.advice, self._ask, self._actions = Table(actions), advice, actions

    def ids(self, obs: Obs) -> Ids:
        """Return the numbers of a batch of observations; see :meth:`States.ids`.

        Raises:
            ValueError: If the advice has another shape than (B, A), or is not finite.
        """
        known = len(self)
        ids = super().ids(obs)
        new = ids >= known
        if new.any():
            said = np.asarray(self._ask(take_rows(obs, new)), np.float64)
            if said.shape != (int(new.sum()), self._actions) or not np.isfinite(said).all():
                raise ValueError(
                    f"advice must be finite and have the shape {(int(new.sum()), self._actions)}, "
                    f"got {said.shape} from {said.min():g} to {said.max():g}"
                )
            self.advice.rows(len(self))[ids[new]] = said
        return ids


def table_advice(
    rows: tuple[tuple[float, ...], ...], space: gym.Space[Any], actions: int
) -> Advice:
    """Return advice from a table; see :attr:`AdvisedConfig.advice`.

    Args:
        rows: The table, or nothing.
        space: Of one observation.
        actions: A.

    Raises:
        ValueError: If the table does not fit the space or the actions.
    """
    many = int(space.n) if isinstance(space, spaces.Discrete) else 1
    if len(rows) not in (0, 1, many) or any(len(row) != actions for row in rows):
        raise ValueError(
            f"advice must have 1 row, or {many} for {space}, of {actions} numbers each, got "
            f"{len(rows)} rows of {sorted({len(row) for row in rows})}"
        )
    table = np.array(rows or ((0.0,) * actions,), np.float64)
    first = int(space.start) if isinstance(space, spaces.Discrete) else 0

    def advice(obs: Obs) -> Float:
        column = next(iter(obs.values())) if isinstance(obs, dict) else np.asarray(obs)
        index = np.zeros(len(column), np.int64) if len(table) == 1 else column - first
        said: Float = table[index]
        return said

    return advice


class _Sum(Table):
    """Sum of two tables, which it follows."""

    def __init__(self, one: Table, other: Table, space: spaces.Discrete) -> None:
        super().__init__(int(space.n), one.initial + other.initial)
        self._parts = one, other

    def rows(self, count: int) -> Float:
        """Return the rows of the first ``count`` states, (count, A); a copy."""
        total: Float = self._parts[0].rows(count) + self._parts[1].rows(count)
        return total


def _picked(table: Table, states: Ids, actions: Ids) -> Float:
    """Return the numbers of some states and actions, (N,)."""
    numbers: Float = table.at(states)[np.arange(len(states)), actions]
    return numbers
