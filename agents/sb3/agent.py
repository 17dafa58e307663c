"""What the Stable-Baselines3 agents share: life cycle, private generators, exact resume."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.logger import KVWriter, Logger

from operant.agents.base import (
    Agent,
    AgentConfig,
    AnyVectorEnv,
    Array,
    Arrays,
    Json,
    OnRollout,
    check_identity,
)
from operant.agents.sb3 import state
from operant.agents.sb3.config import EPISODES_LOGGED, SB3Config
from operant.agents.sb3.policy import (
    SB3Policy,
    policy_kwargs,
    policy_name,
    rebuild_network,
)
from operant.agents.sb3.streams import Streams
from operant.agents.sb3.vec_env import SB3VecEnv
from operant.agents.weights import fill_module, finite, module_arrays
from operant.arrays import section
from operant.seeding import SeedTree
from operant.types import Obs

Boundary = Callable[[], bool]
NOT_SB3 = {"net_arch", "activation", "encoder", "threads"}
"""Config fields that are not arguments of SB3's algorithm."""


class SB3Agent(Agent):
    """Wraps one SB3 algorithm; subclasses say which and how to build it.

    SB3 draws from the process's global generators. The agent lends it a private set for as long as
    SB3's code runs, so agents in one process do not disturb each other, nor the caller.

    Attributes:
        venv: The env as SB3 sees it.
        model: The SB3 algorithm.
    """

    config: SB3Config
    config_class: ClassVar[type[SB3Config]]
    algorithm: ClassVar[Any]
    """The SB3 class, with a ``boundary`` attribute that it asks before each rollout."""
    action_kinds: ClassVar[tuple[type[gym.Space[Any]], ...]] = (
        spaces.Box,
        spaces.Discrete,
        spaces.MultiDiscrete,
        spaces.MultiBinary,
    )
    """Kinds of action spaces that it can act in."""
    vec_env_class: ClassVar[type[SB3VecEnv]] = SB3VecEnv
    policy_class: ClassVar[type[SB3Policy]] = SB3Policy
    counters: ClassVar[tuple[str, ...]] = state.COUNTERS
    """SB3 attributes that are part of the training state."""

    def __init__(
        self, env: AnyVectorEnv, *, config: SB3Config | None = None, seed: int = 0
    ) -> None:
        """Build the networks; the env is reset at the first :meth:`learn`.

        Args:
            env: Vector env in ``SAME_STEP`` autoreset mode.
            config: Hyper-parameters; None for the defaults.
            seed: Root of everything random in the agent, including the env's first reset.

        Raises:
            ValueError: If the env is unsuitable.
            GammaMismatchError: If the env carries a reward design with another discount.
        """
        config = self.config_class() if config is None else config
        super().__init__(env, config=config, seed=seed)
        self._check_actions(env.single_action_space)
        self._tree = SeedTree(seed).child(self.id)
        self.venv = self.vec_env_class(env)
        self._streams = Streams(
            self._tree.seed("learner"), threads=config.threads, device=config.device
        )
        with self._streams.swapped():
            self.model = self._build()
        # A copy, so that exploration does not advance the generator of the env's own space.
        self.model.action_space = copy.deepcopy(self.venv.action_space)
        self.model.action_space.seed(self._tree.seed("exploration"))
        self.venv.seed(SeedTree(seed).seed("env"))
        self._scalars = _Scalars()
        self.model.set_logger(Logger(folder=None, output_formats=[self._scalars]))
        self._policy = self.policy_class(self.model.policy, self._streams, config)

    def _build(self) -> Any:
        space = self.venv.observation_space
        return self.algorithm(
            policy_name(self.algorithm, space),
            self.venv,
            **self._arguments(),
            policy_kwargs=policy_kwargs(self.config, space),
            stats_window_size=EPISODES_LOGGED,
            verbose=0,
        )

    def _arguments(self) -> dict[str, Any]:
        """Return the config as arguments of the algorithm."""
        fields = {field.name for field in dataclasses.fields(self.config)}
        fields -= NOT_SB3 | set(self.config.network_fields)
        return {name: getattr(self.config, name) for name in fields}

    @classmethod
    def _check_actions(cls, space: gym.Space[Any]) -> None:
        if not isinstance(space, cls.action_kinds):
            kinds = " or ".join(kind.__name__ for kind in cls.action_kinds)
            raise ValueError(f"the action space must be {kinds} for {cls.id}, got {space}")

    # ---- training ---------------------------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Env transitions trained on so far, summed over all rows and :meth:`learn` calls."""
        return int(self.model.num_timesteps)

    def learn(self, total_steps: int, on_rollout: OnRollout | None = None) -> None:
        """Train until ``num_steps >= total_steps``; see :meth:`Agent.learn`."""
        go_on = True

        def boundary() -> bool:
            nonlocal go_on
            if on_rollout is not None:
                with self._streams.swapped():  # the hook runs with the caller's own generators
                    go_on = on_rollout(self) is not False
            return go_on

        self.model.boundary = boundary
        with self._streams.swapped():
            if total_steps > self.num_steps:
                remaining = total_steps - self.num_steps  # SB3 adds what was trained before
                self.model.learn(remaining, reset_num_timesteps=False)
            if go_on:
                boundary()

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars under SB3's names, e.g. ``"train/value_loss"``."""
        return {**self._scalars.values, **_numbers(self.model.logger.name_to_value)}

    # ---- acting -----------------------------------------------------------------------------

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row; see :meth:`Agent.act`."""
        return self._policy.act(obs, deterministic=deterministic)

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Draw from a stream of this seed; see :meth:`Agent.sampling`."""
        return self._policy.sampling(seed)

    # ---- state ------------------------------------------------------------------------------

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; see :meth:`Agent.training_state`."""
        algorithm, meta = state.algorithm_state(self.model, self.counters)
        episodes, exact = state.env_state(self.model, self.venv)
        streams, stream_meta = self._streams.state()
        arrays = {
            **state.prefixed("algorithm", algorithm),
            **state.prefixed("episodes", episodes),
            **state.prefixed("streams", streams),
        }
        return arrays, {
            **self.identity(),
            "exact_resume": exact,
            "algorithm": meta,
            "streams": stream_meta,
            "metrics": finite(self.metrics()),
        }

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        check_identity(meta, self.identity())
        state.load_algorithm_state(self.model, section(arrays, "algorithm"), meta["algorithm"])
        state.load_env_state(self.model, self.venv, section(arrays, "episodes"))
        self._streams.load(section(arrays, "streams"), meta["streams"])
        self._scalars.values = dict(meta["metrics"])
        if not meta["exact_resume"]:  # new episodes, not the first ones of the run again
            self.venv.seed(SeedTree(self.seed).child("env").seed(f"resumed at {self.num_steps}"))

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`."""
        meta = {"agent": self.id, "config": self.config.to_json()}
        return module_arrays(self.model.policy), meta

    @classmethod
    def load_policy(
        cls,
        arrays: Mapping[str, Array],
        config: AgentConfig,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
    ) -> SB3Policy:
        """Rebuild a policy; see :func:`operant.agents.load_policy`."""
        if not isinstance(config, SB3Config):
            raise TypeError(f"config must be an SB3Config, got {type(config).__name__}")
        cls._check_actions(action_space)
        streams = Streams(0, threads=config.threads, device=config.device)
        with streams.swapped():  # the initial weights are drawn, and thrown away
            network = rebuild_network(cls.algorithm, config, observation_space, action_space)
        fill_module(network, arrays)
        return cls.policy_class(network, streams, config)


class _Scalars(KVWriter):
    """Keeps what SB3 logs last."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],  # noqa: ARG002
        step: int = 0,  # noqa: ARG002
    ) -> None:
        self.values.update(_numbers(key_values))


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float | np.number)
    }
