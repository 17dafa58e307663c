"""Whatever an agent may be given to train on, as a Gymnasium vector env."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper

from operant.agents.base import AnyVectorEnv, Array
from operant.agents.sb3.source import VecEnvSource, is_vec_env, looped
from operant.agents.sb3.vec_env import SB3VecEnv
from operant.wrapping import layers


def as_vector_env(env: Any) -> AnyVectorEnv:
    """Return an env as a Gymnasium vector env.

    Args:
        env: A Gymnasium id, a scalar env, a Gymnasium vector env in any autoreset mode, or an SB3
            ``VecEnv``. A method ``action_masks()`` is asked for masks where infos have none.

    Raises:
        TypeError: If it is anything else.
    """
    if isinstance(env, str):
        env = gym.make(env)
    if isinstance(env, VectorEnv):
        method = _mask_method(env)
        return env if method is None else MaskedVectorEnv(env)
    if type(env) is SB3VecEnv:  # not a subclass, which may do more
        return as_vector_env(env.env)
    if isinstance(env, gym.Env):
        env = looped(env)
    if is_vec_env(env):
        return VecEnvSource(env)
    raise TypeError(
        "env must be a Gymnasium id, a gymnasium.Env, a gymnasium.vector.VectorEnv or a "
        f"stable_baselines3 VecEnv, got {type(env).__name__}"
    )


class MaskedVectorEnv(VectorWrapper):
    """Publishes what ``action_masks()`` says as ``infos["action_mask"]``, unless it is there."""

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env."""
        obs, infos = self.env.reset(seed=seed, options=options)
        return obs, self._with_masks(infos)

    def step(self, actions: Any) -> Any:
        """Step the env."""
        *rest, infos = self.env.step(actions)
        return (*rest, self._with_masks(infos))

    def _with_masks(self, infos: dict[str, Any]) -> dict[str, Any]:
        if "action_mask" in infos:
            return infos
        masks = np.asarray(_mask_method(self.env)())
        every = np.ones(self.num_envs, np.bool_)
        return {**infos, "action_mask": masks, "_action_mask": every}

    def get_state(self) -> dict[str, Array]:
        """Return the state of the env inside; this wrapper has none."""
        state: dict[str, Array] = self.env.get_state()  # type: ignore[attr-defined]
        return state

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.env.set_state(state)  # type: ignore[attr-defined]


def _mask_method(env: AnyVectorEnv) -> Any:
    """Return a function that tells the masks of all rows, (N, P), or None."""
    for layer in layers(env):
        if hasattr(layer, "action_masks"):
            return layer.action_masks
    rows = getattr(env.unwrapped, "envs", [])
    if rows and all(row.has_wrapper_attr("action_masks") for row in rows):
        return lambda: np.stack([row.get_wrapper_attr("action_masks")() for row in rows])
    return None
