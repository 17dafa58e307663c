"""A reward design around a scalar Gymnasium env: a batch of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import concatenate, create_empty_array

from operant.reward_design import LEARN_EVERY, as_design
from operant.reward_design.adapters.context import context_of
from operant.reward_design.adapters.scorer import StreamScorer, refuse_second_design
from operant.reward_design.adapters.transitions import (
    TransitionTracker,
    infos_of_one,
)
from operant.reward_design.base import RewardDesign


class DesignWrapper(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Replaces the reward of an env by a designed one.

    Info gained: ``true_reward`` (the env's own reward), ``reward_terms`` (name -> float), and on an
    episode's last step ``episode_true_return``, ``episode_designed_return`` (undiscounted) and
    ``episode_length`` (env steps). ``env.spec`` stays JSON-serialisable if ``design`` is an id.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        design: str | RewardDesign,
        *,
        gamma: float,
        seed: int = 0,
        learn_every: int = LEARN_EVERY,
    ) -> None:
        """Attach the design.

        Args:
            env: The env.
            design: A design, or the id of one.
            gamma: The agent's discount, in [0, 1].
            seed: Seed of everything random inside the design.
            learn_every: Steps after which a design that learns is given a rollout of them; 0 for
                never.

        Raises:
            GammaMismatchError: If the design was built for another discount.
            OperantError: If the design cannot be used on this env.
            ValueError: If ``learn_every`` is negative.
        """
        RecordConstructorArgs.__init__(
            self, design=design, gamma=gamma, seed=seed, learn_every=learn_every
        )
        refuse_second_design(env)
        super().__init__(env)
        self.design, self.gamma = as_design(design), gamma
        tracker = TransitionTracker(
            observation_space=env.observation_space,
            num_envs=1,
            autoreset_mode=AutoresetMode.DISABLED,
        )
        context = context_of(env, gamma=gamma, seed=seed)
        self._scorer = StreamScorer(self.design, tracker, context, env, learn_every=learn_every)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._scorer.reset(self._batch(obs), infos_of_one(info))
        return obs, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step the env and return the designed reward.

        Raises:
            NonFiniteRewardError: If the design returns NaN or infinity.
        """
        obs, reward, terminated, truncated, info = self.env.step(action)
        scored = self._scorer.step(
            np.asarray(action)[None],
            self._batch(obs),
            [float(reward)],
            [terminated],
            [truncated],
            infos_of_one(info),
        )
        info = {
            **info,
            "true_reward": float(scored.true_reward[0]),
            "reward_terms": {name: float(value[0]) for name, value in scored.terms.items()},
        }
        if scored.done[0]:
            info |= {name: value[0].item() for name, value in scored.episode.items()}
        return obs, float(scored.reward[0]), terminated, truncated, info

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state of design, episode and (if one has ``get_state``) the env inside."""
        return self._scorer.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned; reset an env from ``gym.make`` before."""
        self._scorer.set_state(state)

    def _batch(self, obs: Any) -> Any:
        space = self.env.observation_space
        return concatenate(space, [obs], create_empty_array(space, n=1))
