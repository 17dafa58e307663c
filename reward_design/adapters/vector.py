"""A reward design around a Gymnasium vector env."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import VectorEnv, VectorWrapper

from operant.reward_design import LEARN_EVERY, as_design
from operant.reward_design.adapters.context import context_of
from operant.reward_design.adapters.scorer import StreamScorer, refuse_second_design
from operant.reward_design.adapters.transitions import (
    TransitionTracker,
    required_mode,
)
from operant.reward_design.base import RewardDesign
from operant.types import Float


class DesignVectorWrapper(VectorWrapper):
    """Replaces the reward of a vector env by a designed one, in any autoreset mode.

    Infos gained, each with Gymnasium's ``_key`` mask: ``true_reward`` (N,) the env's own reward;
    ``reward_terms`` name -> (N,), 0 and masked out in pseudo-steps; and where episodes ended
    ``episode_true_return``, ``episode_designed_return`` (N,) float64 (undiscounted) and
    ``episode_length`` (N,) int64 (env steps).

    Attributes:
        design: The design.
        gamma: The agent's discount, in [0, 1].
        design_seconds: Time spent inside the design so far.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        design: str | RewardDesign,
        *,
        gamma: float,
        seed: int = 0,
        learn_every: int = LEARN_EVERY,
    ) -> None:
        """Attach the design.

        Args:
            env: Vector env whose ``metadata`` names its autoreset mode.
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
        refuse_second_design(env)
        super().__init__(env)
        self.design, self.gamma = as_design(design), gamma
        self.design_seconds = 0.0
        tracker = TransitionTracker(
            observation_space=env.single_observation_space,
            num_envs=env.num_envs,
            autoreset_mode=required_mode(env),
            copy=True,  # the caller may change what it was given, say to normalise it
        )
        context = context_of(env, gamma=gamma, seed=seed)
        self._scorer = StreamScorer(self.design, tracker, context, env, learn_every=learn_every)

    def reset(
        self,
        *,
        seed: Any = None,  # int or list: Gymnasium's own annotations disagree
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env (``options={"reset_mask": ...}`` resets some rows)."""
        mask = (options or {}).get("reset_mask")  # read first: SyncVectorEnv removes it
        obs, infos = self.env.reset(seed=seed, options=options)
        self._scorer.reset(obs, infos, mask)
        return obs, infos

    def step(  # type: ignore[override]  # VectorWrapper leaves the array type unbound
        self, actions: Any
    ) -> tuple[Any, Float, npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Step the env and return the designed reward, (N,) float64.

        Raises:
            NonFiniteRewardError: If the design returns NaN or infinity.
        """
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        start = time.perf_counter()
        scored = self._scorer.step(actions, obs, reward, terminated, truncated, infos)
        self.design_seconds += time.perf_counter() - start
        terms: dict[str, Any] = dict(scored.terms)
        terms |= {f"_{name}": scored.valid for name in scored.terms}
        infos = {
            **infos,
            "true_reward": scored.true_reward,
            "_true_reward": np.ones(self.num_envs, np.bool_),
            "reward_terms": terms,
            "_reward_terms": scored.valid,
        }
        if scored.done.any():
            infos |= scored.episode
            infos |= {f"_{name}": scored.done for name in scored.episode}
        return obs, scored.reward, terminated, truncated, infos

    @property
    def design_metrics(self) -> dict[str, float]:
        """What the design told when it last learned, by name; empty for designs that do not."""
        return self._scorer.learned

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state of design, episodes and (if one has ``get_state``) the env inside."""
        return self._scorer.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._scorer.set_state(state)
