"""Envs around worlds that tell which actions are legal, as ``action_mask`` in their infos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from operant.envs.batched.makers import MakeScalar, MakeVector, makers
from operant.envs.batched.rows import reset_mask, with_masks
from operant.envs.batched.scalar import WorldEnv
from operant.envs.batched.vector import WorldVectorEnv
from operant.envs.multiagent.solo import SoloGame
from operant.types import Bool


class SoloEnv(WorldEnv):
    """A game of one row; infos have ``action_mask`` ((A,) bool) of the returned observation too."""

    world: SoloGame

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start a game: on a fresh stream if ``seed`` is given, else continuing the stream."""
        obs, info = super().reset(seed=seed, options=options)
        return obs, info | {"action_mask": self.world.masks[0].copy()}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Make a move.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset and after the game ended.
            ValueError: If the action is not in the action space; nothing has moved then.
        """
        obs, reward, terminated, truncated, info = super().step(action)
        told = info | {"action_mask": self.world.masks[0].copy()}
        return obs, reward, terminated, truncated, told


class SoloVectorEnv(WorldVectorEnv):
    """N rows of a game; infos have ``action_mask`` ((N, A) bool) of the returned observations."""

    world: SoloGame

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Start games; see :class:`operant.envs.batched.vector.WorldVectorEnv`."""
        mask = reset_mask(options, self.num_envs, ready=self._ready)
        obs, infos = super().reset(seed=seed, options=options)
        return obs, infos | with_masks({"action_mask": self.world.masks.copy()}, mask)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Make a move in all rows; see :class:`operant.envs.batched.vector.WorldVectorEnv`."""
        obs, reward, terminated, truncated, infos = super().step(actions)
        every = np.ones(self.num_envs, np.bool_)
        told = infos | with_masks({"action_mask": self.world.masks.copy()}, every)
        return obs, reward, terminated, truncated, told

    def _final(self, infos: Mapping[str, Any], done: Bool) -> dict[str, Any]:
        return super()._final({**infos, "action_mask": self.world.masks}, done)


def solo_makers(world: type[SoloGame]) -> tuple[MakeScalar, MakeVector]:
    """Return the factories ``make`` and ``make_vector`` of a game for one."""
    return makers(world, scalar=SoloEnv, vector=SoloVectorEnv)
