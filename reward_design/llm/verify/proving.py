"""Where candidates are proved: an env, what can be read of it, and what was played in it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from operant.reward_design.llm.task.reading import check_view, view_of
from operant.reward_design.llm.task.spec import ObsView
from operant.reward_design.llm.verify.experience import Experience, collect


class ProvingGround:
    """An env for candidates; it is made when it is first needed and played once.

    Attributes:
        gamma: The agent's discount, in [0, 1].
    """

    def __init__(
        self, env_id: str, *, env_kwargs: Mapping[str, Any], gamma: float, seed: int
    ) -> None:
        """Remember the env.

        Args:
            env_id: Gymnasium id; the env's own reward counts as the true one.
            env_kwargs: Arguments of the env.
            gamma: The agent's discount, in [0, 1].
            seed: Of levels and random actions, >= 0.

        Raises:
            ValueError: If ``gamma`` or ``seed`` is outside its range.
        """
        if not 0.0 <= gamma <= 1.0:
            raise ValueError(f"gamma must lie in [0, 1], got {gamma}")
        if seed < 0:
            raise ValueError(f"seed must be >= 0, got {seed}")
        self._env_id, self._env_kwargs, self._seed = env_id, dict(env_kwargs), seed
        self.gamma = gamma

    @functools.cached_property
    def view(self) -> ObsView:
        """What programs can read of the env.

        Raises:
            ViewError: If the env does not show what it declares.
        """
        env = self._make()
        try:
            view = view_of(env)
            _, info = env.reset(seed=self._seed)
            published = info.get("features", {})
            check_view(view, env.observation_space, env.action_space, published)
        finally:
            env.close()
        return view

    @functools.cached_property
    def experience(self) -> Experience:
        """What candidates are tried on."""
        env = self._make()
        try:
            return collect(env, self.view, seed=self._seed)
        finally:
            env.close()

    def _make(self) -> gym.Env[Any, Any]:
        return gym.make(self._env_id, **self._env_kwargs)
