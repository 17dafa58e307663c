"""What every learning agent offers: batched, exactly resumable, and without pickle.

An agent trains on a Gymnasium vector env and never learns which env or reward design it is.
"""

from __future__ import annotations

import abc
import dataclasses
import difflib
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol, Self, TypeAlias, runtime_checkable

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv

from operant.errors import GammaMismatchError
from operant.types import Bool, Obs
from operant.wrapping import autoreset_mode, layers

Array: TypeAlias = npt.NDArray[Any]
Arrays: TypeAlias = dict[str, Array]
Json: TypeAlias = dict[str, Any]
AnyVectorEnv: TypeAlias = VectorEnv[Any, Any, Any]
OnRollout: TypeAlias = Callable[["Agent"], bool | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AgentConfig:
    """Hyper-parameters common to all agents; a subclass adds its own.

    Attributes:
        gamma: Discount, in [0, 1].
    """

    gamma: float = 0.99

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        check_range("gamma", self.gamma, 0.0, 1.0)

    def to_json(self) -> Json:
        """Return the fields as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build a config from what :meth:`to_json` returned; missing fields keep their defaults.

        Raises:
            ValueError: If a field does not exist or its value is out of range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3) or known
                raise ValueError(f"{cls.__name__} has no field {name!r}; did you mean {near}?")
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**fields)


class Policy(Protocol):
    """What chooses actions: an agent, or a policy rebuilt from an exported state."""

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row of a batch of observations; see :meth:`Agent.act`."""

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Make :meth:`act` reproducible within the context; see :meth:`Agent.sampling`."""


@runtime_checkable
class RecurrentPolicy(Policy, Protocol):
    """A policy that may remember: what it does then depends on the episode so far.

    A memory is an array of float32, one entry per row; zeros are the memory at the start of an
    episode. :class:`Player` keeps it for the caller.
    """

    @property
    def memory_shape(self) -> tuple[int, ...] | None:
        """Shape of what is remembered of one row, or None if nothing is, and :meth:`act` is all."""

    def act_from(self, obs: Obs, memory: Array, *, deterministic: bool) -> tuple[Array, Array]:
        """Choose one action per row from what is remembered and seen.

        Args:
            obs: Batch of observations, leading axis (B,).
            memory: (B, ...) before this observation; it is not changed.
            deterministic: True for the mode of the policy, False to sample from it.

        Returns:
            (B, ...) actions, and the memory after this observation.
        """


class Player:
    """Lets any policy act in B running episodes, and keeps what it remembers of them.

    A policy that does not know action masks acts as it has learned to: without.

    Attributes:
        memory: (B, ...) what is remembered, or None if the policy remembers nothing.
    """

    def __init__(self, policy: Policy, rows: int) -> None:
        """Start B episodes.

        Args:
            policy: What acts.
            rows: B >= 1.
        """
        self._policy = policy
        self._knows_masks = "action_mask" in inspect.signature(policy.act).parameters
        shape = policy.memory_shape if isinstance(policy, RecurrentPolicy) else None
        self.memory: Array | None = None if shape is None else np.zeros((rows, *shape), np.float32)

    def act(self, obs: Obs, *, deterministic: bool, action_mask: Array | None = None) -> Array:
        """Choose one action per row.

        Args:
            obs: Batch of observations, leading axis (B,).
            deterministic: True for the mode of the policy, False to sample from it.
            action_mask: (B, P) bool, True where an action is allowed, as ``infos["action_mask"]``
                has it; None if all are.

        Returns:
            (B, ...) actions.
        """
        how: dict[str, Any] = {"deterministic": deterministic}
        if self._knows_masks:
            how["action_mask"] = action_mask
        if self.memory is None or not isinstance(self._policy, RecurrentPolicy):
            return self._policy.act(obs, **how)
        actions, self.memory = self._policy.act_from(obs, self.memory, **how)
        return actions

    def forget(self, ended: Bool) -> None:
        """Start new episodes in some rows, (B,) bool; to be called before they act again."""
        if self.memory is not None:
            self.memory[ended] = 0


class Trainee(Protocol):
    """What a run trains: an :class:`Agent` on an env, or what sits on all seats of a game."""

    @property
    def config(self) -> AgentConfig:
        """Its hyper-parameters."""

    @property
    def num_steps(self) -> int:
        """Steps trained on so far; see :attr:`Agent.num_steps`."""

    def learn(
        self, total_steps: int, on_rollout: Callable[[Any], bool | None] | None = None
    ) -> None:
        """Train until ``num_steps >= total_steps``; see :meth:`Agent.learn`."""

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue; see :meth:`Agent.training_state`."""

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone; see :meth:`Agent.policy_state`."""

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars; see :meth:`Agent.metrics`."""


class Agent(abc.ABC):
    """A learner on a batch of N envs.

    Attributes:
        env: The vector env it trains on.
        config: Its hyper-parameters.
        seed: Root of everything random in it, including the env's first reset.
    """

    id: ClassVar[str]
    """Registry id."""
    config_class: ClassVar[type[AgentConfig]]
    """Type of :attr:`config`."""

    def __init__(self, env: AnyVectorEnv, *, config: AgentConfig, seed: int) -> None:
        """Check that the env suits an agent.

        Args:
            env: Vector env in ``SAME_STEP`` autoreset mode.
            config: Hyper-parameters.
            seed: Non-negative integer.

        Raises:
            ValueError: If the autoreset mode is another, or the seed is negative.
            GammaMismatchError: If the env carries a reward design with another discount.
        """
        require_same_step(env)
        check_gamma(env, config.gamma)
        if seed < 0:
            raise ValueError(f"seed must be >= 0, got {seed}")
        self.env, self.config, self.seed = env, config, seed

    @property
    def gamma(self) -> float:
        """Discount, in [0, 1]."""
        return self.config.gamma

    def identity(self) -> Json:
        """Return what a training state and the agent that it is loaded into must agree in."""
        return {
            "agent": self.id,
            "config": self.config.to_json(),
            "seed": self.seed,
            "num_envs": self.env.num_envs,
        }

    @property
    @abc.abstractmethod
    def num_steps(self) -> int:
        """Env transitions trained on so far, summed over all rows and :meth:`learn` calls."""

    @abc.abstractmethod
    def learn(self, total_steps: int, on_rollout: OnRollout | None = None) -> None:
        """Train until ``num_steps >= total_steps``.

        Only whole rollouts are collected, so ``num_steps`` may end past ``total_steps`` by less
        than one rollout. Schedules run over ``total_steps``: when resuming, pass the same number.

        Args:
            total_steps: Env transitions in total, earlier calls included.
            on_rollout: Called with the agent at every rollout boundary: before each collection
                (first at the start) and once more at the end. Training stops where it returns
                False; the state is then as good as at any other boundary.
        """

    @abc.abstractmethod
    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row.

        Args:
            obs: Batch of observations, leading axis (B,).
            deterministic: True for the mode of the policy, False to sample from it. Samples
                advance the training stream unless drawn within :meth:`sampling`.

        Returns:
            (B, ...) actions.
        """

    @abc.abstractmethod
    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Within the context, :meth:`act` draws from its own stream of this seed.

        What it draws is thus reproducible, and training continues as if nothing had been drawn.
        """

    @abc.abstractmethod
    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; call at a rollout boundary.

        Returns:
            Arrays by name, and JSON data. ``json["exact_resume"]`` is False if the env cannot
            save its state; the env is then reset on load.
        """

    @abc.abstractmethod
    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from what :meth:`training_state` of an equally built agent returned.

        Raises:
            ValueError: If the state belongs to another agent or config.
        """

    @abc.abstractmethod
    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`."""

    @classmethod
    @abc.abstractmethod
    def load_policy(
        cls,
        arrays: Mapping[str, Array],
        config: AgentConfig,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
    ) -> Policy:
        """Rebuild a policy; see :func:`operant.agents.load_policy`."""

    @abc.abstractmethod
    def metrics(self) -> dict[str, float]:
        """Return the last training scalars under SB3's names, e.g. ``"train/value_loss"``."""


def check_identity(meta: Json, identity: Json) -> None:
    """Check that a training state is of an agent built alike.

    Args:
        meta: JSON data of the state.
        identity: Of the agent that it is to be loaded into.

    Raises:
        ValueError: If they differ; it names the field.
    """
    for name, value in identity.items():
        if meta.get(name) != value:
            raise ValueError(
                f"the training state has {name} {meta.get(name)!r}, this agent has {value!r}; "
                "load it into an agent built alike"
            )


def check_range(name: str, value: float, low: float, high: float = np.inf) -> None:
    """Check one hyper-parameter.

    Raises:
        ValueError: If ``value`` is outside [low, high].
    """
    if not low <= value <= high:
        raise ValueError(f"{name} must lie in [{low:g}, {high:g}], got {value!r}")


def require_same_step(env: AnyVectorEnv) -> None:
    """Refuse an env whose autoreset does not happen within the step that ends an episode.

    Raises:
        ValueError: With the remedy.
    """
    mode = autoreset_mode(env)
    if mode != AutoresetMode.SAME_STEP:
        raise ValueError(
            f"autoreset_mode must be SAME_STEP, got {mode}: agents train on every row of every "
            "step. Build the env with autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP: "
            "gymnasium.make_vec(id, num_envs=N, autoreset_mode=...), or in vector_kwargs for a "
            "vectorization_mode of 'sync' or 'async'."
        )


def check_gamma(env: AnyVectorEnv, gamma: float) -> None:
    """Check that the reward designs around an env were built for the agent's discount.

    Raises:
        GammaMismatchError: If one was not; it names both values.
    """
    for layer in layers(env):
        design = getattr(layer, "design", None)  # NormalizeReward has a gamma too, but no design
        if design is None:
            continue
        for built_for in (getattr(layer, "gamma", gamma), getattr(design, "gamma", gamma)):
            if built_for != gamma:
                raise GammaMismatchError(design.id, built_for, gamma)
