"""Potential-based shaping: hints that cannot change which policy is best."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from operant.errors import UnknownIdError
from operant.reward_design.base import DesignContext, DesignSpec, OnTruncation, RewardDesign
from operant.reward_design.shaping.potentials import POTENTIALS
from operant.types import Features, Float, RewardTerms, Transition


class PotentialShaping(RewardDesign):
    """Adds ``gamma * Phi(s') - Phi(s)`` to the true reward. Terms: ``env``, ``shaping``.

    Every policy's value shifts by ``-Phi(s)``, so advantages and optimal policies stay; an agent
    cannot farm it, because the differences of a closed loop cancel.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), theorem 1.
    """

    spec = DesignSpec(invariance="optimal", gamma_bound=True, needs=("features",), privileged=True)

    def __init__(
        self,
        *,
        potential: str | Callable[[Features], Float] = "subgoal_distance",
        scale: float = 1.0,
        on_truncation: OnTruncation = "bootstrap",
        gamma: float | None = None,
    ) -> None:
        """Choose the potential.

        Args:
            potential: Name in :data:`~operant.reward_design.shaping.potentials.POTENTIALS`, or a
                function features -> (B,) (Python only: it cannot be rebuilt from JSON).
            scale: Factor of the potential, finite; a negative one leads away from the goal.
            on_truncation: ``"bootstrap"`` keeps the potential at a time limit, for agents that
                bootstrap there; ``"terminal"`` sets it to 0.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            TypeError: If ``potential`` is neither a name nor callable.
            UnknownIdError: If there is no potential of that name.
            ValueError: If another argument is outside its range.
        """
        super().__init__(gamma=gamma)
        if isinstance(potential, str) and potential not in POTENTIALS:
            raise UnknownIdError("potential", potential, POTENTIALS)
        if not isinstance(potential, str) and not callable(potential):
            raise TypeError(
                f"potential must be a name ({', '.join(POTENTIALS)}) or a function of features, "
                f"got {potential!r}"
            )
        if not math.isfinite(scale):
            raise ValueError(f"scale must be finite, got {scale}")
        if on_truncation not in ("bootstrap", "terminal"):
            raise ValueError(
                f"on_truncation must be 'bootstrap' or 'terminal', got {on_truncation!r}"
            )
        self._potential, self._scale, self._on_truncation = potential, scale, on_truncation
        self._phi: Callable[[Features], Float]  # bound to the feature table by setup

    def required_features(self) -> tuple[str, ...]:
        """Return the features a named potential reads; a function's are unknown."""
        return POTENTIALS[self._potential].reads if isinstance(self._potential, str) else ()

    def _setup(self, context: DesignContext) -> None:
        table = {feature.name: feature for feature in context.features}
        if isinstance(self._potential, str):
            self._phi = POTENTIALS[self._potential](table, context.gamma)
        else:
            self._phi = self._potential
        read = self.required_features() or table  # a function may read any feature
        privileged = any(table[name].privileged for name in read)
        self.spec = dataclasses.replace(type(self).spec, privileged=privileged)

    def phi(self, features: Features) -> Float:
        """Return the scaled potential of B states, (B,) float64; call after :meth:`setup`.

        Raises:
            OperantError: If :meth:`setup` was not called.
        """
        self._require_context()
        return self._scale * np.asarray(self._phi(features), np.float64)

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the potential difference."""
        before, after = self.phi(t.prev_features), self.phi(t.features)
        shaping = self.potential_difference(before, after, t, self._on_truncation)
        return RewardTerms.sum_of(env=t.reward, shaping=shaping)
