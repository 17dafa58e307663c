"""Potential-based shaping around one plain env, at the cost of a microsecond or two per step."""

from __future__ import annotations

import math
from typing import Any, SupportsFloat

import gymnasium as gym

from operant.errors import NonFiniteRewardError, OperantError
from operant.reward_design.adapters.context import context_of
from operant.reward_design.adapters.scorer import refuse_second_design
from operant.reward_design.shaping.potential import PotentialShaping


class PotentialWrapper(gym.Wrapper[Any, Any, Any, Any]):
    """Pays what ``operant.shape(env, PotentialShaping(...))`` pays, computed on plain numbers.

    :class:`~operant.reward_design.adapters.scalar.DesignWrapper` turns every step into a batch of
    one, which costs more than many an env. Here the potential gets the features of one state as
    floats, so a function of your own must be arithmetic that is right for floats and arrays alike.

    Info gained: as with ``DesignWrapper``.
    """

    def __init__(
        self, env: gym.Env[Any, Any], design: PotentialShaping, *, gamma: float, seed: int = 0
    ) -> None:
        """Attach the potential.

        Args:
            env: The env.
            design: Whose potential is paid; itself it scores no transition.
            gamma: The agent's discount, in [0, 1].
            seed: Seed of everything random inside the design.

        Raises:
            GammaMismatchError: If the design was built for another discount.
            OperantError: If the design cannot be used on this env.
            TypeError: If ``design`` is of a kind whose reward is not its ``value`` alone.
        """
        if type(design).step is not PotentialShaping.step:
            raise TypeError(f"design must be a fixed potential, got {type(design).__name__}")
        refuse_second_design(env)
        super().__init__(env)
        if design.context is not None:
            raise OperantError(f"design {design.id!r} is attached to an env already; build another")
        design.setup(context_of(env, gamma=gamma, seed=seed))
        self.design, self.gamma = design, gamma
        self._ends_at_limit = design.on_truncation == "terminal"
        self._potential: float | None = None
        self._true_return = self._designed_return = 0.0
        self._length = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._potential = self.design.value(info["features"])
        self._true_return = self._designed_return = 0.0
        self._length = 0
        return obs, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step the env and return the shaped reward.

        Raises:
            gymnasium.error.ResetNeeded: If no episode runs.
            NonFiniteRewardError: If the potential is NaN or infinite.
        """
        before = self._potential
        if before is None:
            raise gym.error.ResetNeeded("no episode runs: call env.reset() before env.step()")
        obs, reward, terminated, truncated, info = self.env.step(action)
        true = float(reward)
        ends = terminated or (truncated and self._ends_at_limit)
        after = 0.0 if ends else self.design.value(info["features"])
        shaping = self.gamma * after - before
        designed = true + shaping
        if not math.isfinite(designed):
            raise NonFiniteRewardError(
                design=self.design.id, term="shaping", env_row=0, step=self._length, value=shaping
            )
        self._potential = after
        self._length += 1
        self._true_return += true
        self._designed_return += designed
        terms = {"env": true, "shaping": shaping}
        info = {**info, "true_reward": true, "reward_terms": terms}
        if terminated or truncated:
            self._potential = None
            info["episode_true_return"] = self._true_return
            info["episode_designed_return"] = self._designed_return
            info["episode_length"] = self._length
        return obs, designed, terminated, truncated, info
