"""Maskable PPO of sb3-contrib: PPO that never takes a forbidden action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from operant.agents.base import Array, Arrays
from operant.agents.sb3.on_policy import StoppableOnPolicy
from operant.agents.sb3.policy import SB3Policy
from operant.agents.sb3.ppo import SB3PPO
from operant.agents.sb3.vec_env import SB3VecEnv
from operant.types import Obs

MASK, METHOD = "action_mask", "action_masks"
"""What infos hold, and what sb3-contrib asks an env for."""


class MaskedVecEnv(SB3VecEnv):
    """Hands ``infos["action_mask"]``, (N, P) with True where allowed, on to sb3-contrib.

    Without one all actions are allowed.
    """

    def __init__(self, env: Any) -> None:
        """Wrap an env; see :class:`SB3VecEnv`."""
        super().__init__(env)
        self._mask = self._all_allowed()

    def reset(self) -> Any:
        """Start a new episode in every row; see :meth:`SB3VecEnv.reset`."""
        obs = super().reset()
        self._mask = self._read(self.initial_infos)
        return obs

    def step_wait(self) -> Any:
        """Step; see :meth:`SB3VecEnv.step_wait`."""
        result = super().step_wait()
        if self.last_step is not None:
            self._mask = self._read(self.last_step[4])
        return result

    def has_attr(self, attr_name: str) -> bool:
        """Tell whether the env has an attribute; action masks are always there."""
        return attr_name == METHOD or super().has_attr(attr_name)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call a method; see :meth:`SB3VecEnv.env_method`."""
        if method_name == METHOD:
            return list(self._mask[self._rows(indices)])
        return super().env_method(method_name, *method_args, indices=indices, **method_kwargs)

    def get_state(self) -> Arrays:
        """Return the state of the env, of the running episodes and of the masks."""
        return {**super().get_state(), "action_mask": self._mask.copy()}

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Restore what :meth:`get_state` returned."""
        super().set_state(state)
        self._mask = state["action_mask"].copy()

    def _all_allowed(self) -> Array:
        return np.ones((self.num_envs, _entries(self.action_space)), np.bool_)

    def _read(self, infos: Mapping[str, Any]) -> Array:
        """Return the masks of what can be done next; rows of which nothing is said may do all."""
        allowed = self._all_allowed()
        if MASK not in infos:
            return allowed
        mask = np.asarray(infos[MASK], np.bool_)
        if mask.shape != allowed.shape:
            raise ValueError(f"infos[{MASK!r}] must be {allowed.shape}, got {mask.shape}")
        given = infos.get(f"_{MASK}", allowed[:, 0])
        allowed[given] = mask[given]
        if not allowed.any(1).all():
            row = int(np.flatnonzero(~allowed.any(1))[0])
            raise ValueError(
                f"infos[{MASK!r}] must allow an action in every row, row {row} has none"
            )
        return allowed


class MaskablePolicy(SB3Policy):
    """Acts within masks."""

    def act(self, obs: Obs, *, deterministic: bool, action_mask: Array | None = None) -> Array:
        """Choose one action per row.

        Args:
            obs: Batch of observations, leading axis (B,).
            deterministic: True for the mode of the policy, False to sample from it.
            action_mask: (B, P) True where an action is allowed, or None if all are.
        """
        return self._predict(obs, deterministic=deterministic, action_masks=action_mask)


class StoppableMaskablePPO(StoppableOnPolicy, MaskablePPO):
    """Maskable PPO that asks before each rollout whether to go on."""


class SB3MaskablePPO(SB3PPO):
    """sb3-contrib's PPO with masks; see :class:`operant.agents.sb3.ppo.SB3PPOConfig`.

    Actions that ``infos["action_mask"]`` forbids, (N, P) with True where allowed, are never taken
    in training; :meth:`act` takes a mask.

    Source: A Closer Look at Invalid Action Masking in Policy Gradient Algorithms (Huang and
    Ontanon, 2022).
    """

    id = "sb3-maskable-ppo"
    algorithm = StoppableMaskablePPO
    action_kinds = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
    vec_env_class = MaskedVecEnv
    policy_class = MaskablePolicy
    _policy: MaskablePolicy

    def act(self, obs: Obs, *, deterministic: bool, action_mask: Array | None = None) -> Array:
        """Choose one action per row; see :meth:`MaskablePolicy.act`."""
        return self._policy.act(obs, deterministic=deterministic, action_mask=action_mask)


def _entries(space: Any) -> int:
    """Return P, the entries of a mask: one per choice of every part of an action."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    return int(space.nvec.sum()) if isinstance(space, spaces.MultiDiscrete) else 2 * int(space.n)
