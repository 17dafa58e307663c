"""Potential-based shaping with a potential that changes while the agent learns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.reward_design.base import DesignContext, OnTruncation
from operant.reward_design.shaping.potential import PotentialShaping
from operant.reward_design.shaping.potentials import Phi, Recipe
from operant.types import Bool, Features, Float, RewardTerms, Transition


class DynamicPotentialShaping(PotentialShaping):
    """Adds ``gamma * Phi(s', t+1) - Phi(s, t)`` to the true reward. Terms: ``env``, ``shaping``.

    The potential may change at any time: by fading, or because a function learns. What keeps the
    optimal policy is a cache: the number ``Phi(s', t+1)`` that a step adds is the very number which
    the next step subtracts. Asking the changed potential again would pay the change to the agent.

    A replay buffer must store the shaped reward, because it cannot be computed again later.

    Source: Dynamic potential-based reward shaping (Devlin, Kudenko, 2012), section 4.
    """

    spec = dataclasses.replace(PotentialShaping.spec, stationary=False, markov=False)

    def __init__(
        self,
        *,
        potential: str | Mapping[str, float] | Phi | Recipe = "subgoal_distance",
        fade: int | None = None,
        reads: Sequence[str] = (),
        privileged: bool = False,
        scale: float = 1.0,
        on_truncation: OnTruncation = "bootstrap",
        gamma: float | None = None,
    ) -> None:
        """Choose the potential.

        Args:
            potential: As in :class:`PotentialShaping`; a function may answer differently from call
                to call. What such a function has learned is not part of :meth:`state_dict`.
            fade: Transitions, of all envs together, over which the potential goes linearly to 0,
                >= 1; None for never.
            reads: As in :class:`PotentialShaping`.
            privileged: As in :class:`PotentialShaping`.
            scale: As in :class:`PotentialShaping`.
            on_truncation: As in :class:`PotentialShaping`.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            TypeError: If ``potential`` is of another type.
            UnknownIdError: If there is no potential of that name.
            ValueError: If another argument is outside its range.
        """
        super().__init__(
            potential=potential,
            reads=reads,
            privileged=privileged,
            scale=scale,
            on_truncation=on_truncation,
            gamma=gamma,
        )
        if fade is not None and fade < 1:
            raise ValueError(f"fade must be >= 1 or None, got {fade}")
        self._fade, self._clock = fade, 0

    def _setup(self, context: DesignContext) -> None:
        super()._setup(context)
        self._clock = 0
        self._cached = np.zeros(context.num_envs, np.bool_)
        self._cache = np.zeros(context.num_envs)

    def phi(self, features: Features) -> Float:
        """Return the potential of B states as it is now, (B,) float64."""
        return self._strength * super().phi(features)

    def value(self, features: Mapping[str, Any]) -> float:
        """Return the potential of one state as it is now."""
        return self._strength * super().value(features)

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the difference, and remember the successors' potential."""
        rows = t.env_ids
        before, fresh = self._cache[rows], ~self._cached[rows]
        if fresh.any():  # nothing arrived at the first states of episodes
            reads = self.required_features()
            before[fresh] = self.phi({name: t.prev_features[name][fresh] for name in reads})
        self._clock += len(t)
        after = self.phi(t.features)
        shaping = self._difference(before, after, t)
        self._cache[rows], self._cached[rows] = after, True
        return RewardTerms.sum_of(env=t.reward, shaping=shaping)

    def reset(self, mask: Bool) -> None:
        """Forget the potentials of the slots in ``mask``."""
        self._cached[mask] = False

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the cache, (N,) each, and the clock in transitions."""
        return {
            "cache": self._cache.copy(),
            "cached": self._cached.copy(),
            "clock": np.array(self._clock),
        }

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._cache, self._cached = state["cache"].copy(), state["cached"].copy()
        self._clock = int(state["clock"])

    @property
    def _strength(self) -> float:
        return 1.0 if self._fade is None else max(0.0, 1.0 - self._clock / self._fade)
