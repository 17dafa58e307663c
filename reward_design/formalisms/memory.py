"""What a reward remembers of the episode, shown to the agent: observations become Markov again.

A reward with memory is a function of more than the transition. An agent that cannot see the memory
faces a partially observed problem; appended to the observation, it makes the problem Markov.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array

from operant.arrays import section
from operant.errors import OperantError
from operant.reward_design.adapters.context import context_of
from operant.reward_design.adapters.transitions import (
    TransitionTracker,
    infos_of_one,
    required_mode,
)
from operant.reward_design.base import DesignContext, RewardDesign
from operant.types import Bool, Obs, Transition
from operant.wrapping import layers

Vector = npt.NDArray[np.float32]


class EpisodeMemory:
    """A few numbers per env that sum up the episode so far.

    Attributes:
        name: Key of the numbers in a Dict observation.
    """

    name: str

    def setup(self, context: DesignContext) -> None:
        """Attach to an env, all slots at the start of an episode; again starts afresh."""
        raise NotImplementedError

    @property
    def space(self) -> spaces.Box:
        """Space of one env's K numbers, float32; known after :meth:`setup`."""
        raise NotImplementedError

    def reset(self, mask: Bool) -> None:
        """Start episodes in the slots of ``mask``, (num_envs,) bool."""
        raise NotImplementedError

    def advance(self, t: Transition) -> None:
        """Take in B transitions of distinct slots."""
        raise NotImplementedError

    def read(self) -> Vector:
        """Return the numbers of all slots, (num_envs, K) float32, a copy."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return all mutable state, as copies."""
        raise NotImplementedError

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned."""
        raise NotImplementedError


def extended_space(space: spaces.Space[Any], extra: spaces.Box, name: str) -> spaces.Space[Any]:
    """Return the space of observations with K numbers appended.

    A Dict gets one more key, a flat Box of floats K more entries, and anything else becomes a Dict
    of ``"observation"`` and the numbers.

    Raises:
        ValueError: If a Dict has that key already.
    """
    if isinstance(space, spaces.Dict):
        if name in space.spaces:
            raise ValueError(f"the observation has a key {name!r} already")
        return spaces.Dict({**space.spaces, name: extra})
    if isinstance(space, spaces.Box) and _is_flat(np.empty(space.shape, space.dtype), 1):
        low, high = np.append(space.low, extra.low), np.append(space.high, extra.high)
        dtype: Any = space.dtype
        return spaces.Box(low.astype(dtype), high.astype(dtype), dtype=dtype)
    return spaces.Dict({"observation": space, name: extra})


def extended(obs: Any, values: Vector, name: str) -> Any:
    """Append numbers to an observation or a batch of them, as :func:`extended_space` says."""
    if isinstance(obs, Mapping):
        return {**obs, name: values}
    if isinstance(obs, np.ndarray) and _is_flat(obs, values.ndim):
        return np.concatenate([obs, values], axis=-1, dtype=obs.dtype)
    return {"observation": obs, name: values}


def _is_flat(obs: npt.NDArray[Any], ndim: int) -> bool:
    return obs.ndim == ndim and obs.dtype.kind == "f"


class _Stream:
    """A memory that follows a stream of steps; what the two wrappers share."""

    def __init__(
        self,
        memory: EpisodeMemory,
        env: Any,
        mode: AutoresetMode,
    ) -> None:
        for layer in layers(env):
            if isinstance(getattr(layer, "design", None), RewardDesign):
                raise OperantError(
                    f"{env} carries a reward design, so its rewards are not the true ones; append "
                    "the memory to the plain env and shape the result"
                )
        context = context_of(env, gamma=1.0)
        memory.setup(context)
        self.memory, self.mode = memory, mode
        self._tracker = TransitionTracker(
            observation_space=context.observation_space,
            num_envs=context.num_envs,
            autoreset_mode=mode,
            copy=mode is not AutoresetMode.DISABLED,
        )
        self._stateful = next((each for each in layers(env) if hasattr(each, "get_state")), None)

    def reset(self, obs: Obs, infos: Mapping[str, Any], mask: Bool | None = None) -> Vector:
        """Start episodes; return what to append."""
        self.memory.reset(self._tracker.reset(obs, infos, mask))
        return self.memory.read()

    def step(
        self, action: Any, obs: Obs, reward: Any, terminated: Any, truncated: Any, infos: Any
    ) -> tuple[Vector, Vector]:
        """Follow a step; return what to append to the observations, and to final ones."""
        t = self._tracker.step(action, obs, reward, terminated, truncated, infos)
        self.memory.advance(t)
        final = self.memory.read()
        ended = np.zeros(len(final), np.bool_)
        ended[t.env_ids[t.done]] = True
        if ended.any():
            self.memory.reset(ended)
        return (self.memory.read() if self.mode is AutoresetMode.SAME_STEP else final), final

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state of memory, episodes and (if one has ``get_state``) the env inside."""
        inner = self._stateful.get_state() if self._stateful is not None else {}
        return {
            **{f"tracker/{name}": value for name, value in self._tracker.get_state().items()},
            **{f"memory/{name}": value for name, value in self.memory.state_dict().items()},
            **{f"env/{name}": value for name, value in inner.items()},
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._tracker.set_state(section(state, "tracker"))
        self.memory.load_state_dict(section(state, "memory"))
        if self._stateful is not None:
            self._stateful.set_state(section(state, "env"))


class MemoryObservation(gym.Wrapper[Any, Any, Any, Any]):
    """Appends a memory to the observations of a scalar env.

    Attributes:
        memory: The memory.
    """

    def __init__(self, env: gym.Env[Any, Any], memory: EpisodeMemory) -> None:
        """Attach a memory of its own to an env that carries no design yet.

        Raises:
            OperantError: If a wrapper inside carries a design, or the env lacks features.
        """
        super().__init__(env)
        self.memory = memory
        self._stream = _Stream(memory, env, AutoresetMode.DISABLED)
        self.observation_space = extended_space(env.observation_space, memory.space, memory.name)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env."""
        obs, info = self.env.reset(seed=seed, options=options)
        values = self._stream.reset(self._batch(obs), infos_of_one(info))
        return extended(obs, values[0], self.memory.name), info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step the env."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        ends = ([terminated], [truncated])
        batch = self._batch(obs)
        values, _ = self._stream.step(
            np.asarray(action)[None], batch, [float(reward)], *ends, infos_of_one(info)
        )
        return extended(obs, values[0], self.memory.name), reward, terminated, truncated, info

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state of memory, episode and (if one has ``get_state``) the env inside."""
        return self._stream.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned; reset an env from ``gym.make`` before."""
        self._stream.set_state(state)

    def _batch(self, obs: Any) -> Any:
        space = self.env.observation_space
        return concatenate(space, [obs], create_empty_array(space, n=1))


class MemoryVectorObservation(VectorWrapper):
    """Appends a memory to the observations of a vector env, in any autoreset mode.

    Attributes:
        memory: The memory.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], memory: EpisodeMemory) -> None:
        """Attach a memory of its own to an env that carries no design yet.

        Raises:
            OperantError: If a wrapper inside carries a design, or the env lacks features or does
                not say how it resets.
        """
        super().__init__(env)
        self.memory = memory
        self._stream = _Stream(memory, env, required_mode(env))
        self.single_observation_space = extended_space(
            env.single_observation_space, memory.space, memory.name
        )
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env (``options={"reset_mask": ...}`` resets some rows)."""
        mask = (options or {}).get("reset_mask")  # read first: SyncVectorEnv removes it
        obs, infos = self.env.reset(seed=seed, options=options)
        return extended(obs, self._stream.reset(obs, infos, mask), self.memory.name), infos

    def step(  # type: ignore[override]  # VectorWrapper leaves the array type unbound
        self, actions: Any
    ) -> tuple[Any, Any, npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Step the env."""
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        values, final = self._stream.step(actions, obs, reward, terminated, truncated, infos)
        if "final_obs" in infos:
            rows = np.flatnonzero(np.asarray(terminated) | np.asarray(truncated))
            last = np.array(infos["final_obs"], dtype=object)
            for row in rows.tolist():
                last[row] = extended(last[row], final[row], self.memory.name)
            infos = {**infos, "final_obs": last}
        return extended(obs, values, self.memory.name), reward, terminated, truncated, infos

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state of memory, episodes and (if one has ``get_state``) the env inside."""
        return self._stream.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._stream.set_state(state)
