"""Potential-based shaping: hints that cannot change which policy is best."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from operant.errors import NonFiniteRewardError, OperantError
from operant.reward_design.base import (
    DesignContext,
    DesignSpec,
    OnTruncation,
    RewardDesign,
    require_on_truncation,
)
from operant.reward_design.shaping.potentials import Declared, Phi, Recipe, recipe_of
from operant.types import Features, Float, RewardTerms, Transition


class PotentialShaping(RewardDesign):
    """Adds ``gamma * Phi(s') - Phi(s)`` to the true reward. Terms: ``env``, ``shaping``.

    Every policy's value shifts by ``-Phi(s)``, so advantages and optimal policies stay; an agent
    cannot farm it, because the differences of a closed loop cancel. What Phi says of a state in
    which the MDP terminates does not matter: the potential there is 0.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), theorem 1.
    """

    spec = DesignSpec(invariance="optimal", gamma_bound=True, needs=("features",), privileged=True)

    def __init__(
        self,
        *,
        potential: str | Mapping[str, float] | Phi | Recipe = "subgoal_distance",
        reads: Sequence[str] = (),
        privileged: bool = False,
        scale: float = 1.0,
        on_truncation: OnTruncation = "bootstrap",
        gamma: float | None = None,
    ) -> None:
        """Choose the potential.

        Args:
            potential: Name in :data:`~operant.reward_design.shaping.potentials.POTENTIALS`; weights
                of features, ``{"has_key": 0.5}``; the text of ``def potential(obs, info)`` in the
                closed reward language; or a function features -> (B,), which gets them as float64
                arrays (Python only: it cannot be rebuilt from JSON).
            reads: Names of the features that the function reads; it gets no others.
            privileged: True acknowledges that weights, a program or a function of your own read
                what the agent cannot observe.
            scale: Factor of the potential, finite; a negative one leads away from the goal.
            on_truncation: ``"bootstrap"`` keeps the potential at a time limit, for agents that
                bootstrap there; ``"terminal"`` sets it to 0.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            TypeError: If ``potential`` is something else, or a function that wants more than
                features.
            UnknownIdError: If there is no potential of that name.
            UnsafeRewardCodeError: If a program is not in the closed language; says where and why.
            ValueError: If another argument is outside its range.
        """
        super().__init__(gamma=gamma)
        if not math.isfinite(scale):
            raise ValueError(f"scale must be finite, got {scale}")
        require_on_truncation(on_truncation)
        self._recipe = potential if isinstance(potential, Recipe) else recipe_of(potential, reads)
        self._privileged, self._scale, self.on_truncation = privileged, scale, on_truncation
        self._phi: Phi  # bound to the feature table by setup

    def required_features(self) -> tuple[str, ...]:
        """Return the features the potential reads."""
        return self._recipe.reads

    def setup(self, context: DesignContext) -> None:
        """Attach the design to an env; see :meth:`RewardDesign.setup`.

        Raises:
            GammaMismatchError: If the design was built for another discount.
            OperantError: If the env does not publish a feature the potential reads, or the agent
                cannot observe one and that is not acknowledged.
        """
        if self._recipe.check is not None:
            self._recipe.check(context.features)
        super().setup(context)

    def _setup(self, context: DesignContext) -> None:
        table = {feature.name: feature for feature in context.features}
        hidden = [name for name in self._recipe.reads if table[name].privileged]
        if self._recipe.own:
            require_acknowledged(self.id, hidden, self._privileged)
        self._phi = self._recipe.bind(table, context.gamma)
        self.spec = dataclasses.replace(type(self).spec, privileged=bool(hidden))

    def phi(self, features: Features) -> Float:
        """Return the scaled potential of B states, (B,) float64; call after :meth:`setup`.

        Raises:
            OperantError: If :meth:`setup` was not called, or a function reads what it does not
                declare.
            ValueError: If a function returns something else than (B,) numbers.
        """
        self._require_context()
        reads = self._recipe.reads
        given = Declared({name: np.asarray(features[name], np.float64) for name in reads})
        value = self._scale * np.asarray(self._phi(given), np.float64)
        if value.shape != given[reads[0]].shape[:1]:
            raise ValueError(
                f"design {self.id!r}: the potential of {len(given[reads[0]])} states must have "
                f"shape {given[reads[0]].shape[:1]}, got {value.shape}"
            )
        return value

    def value(self, features: Mapping[str, Any]) -> float:
        """Return the scaled potential of one state from its features as plain numbers.

        The same function as :meth:`phi`, without arrays around it; call after :meth:`setup`.

        Raises:
            OperantError: If a function reads what it does not declare.
        """
        given = Declared({name: features[name] for name in self._recipe.reads})
        return self._scale * float(self._phi(given))

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the potential difference.

        Raises:
            NonFiniteRewardError: If the potential of a state is; names the row and the step.
        """
        before, after = self.phi(t.prev_features), self.phi(t.features)
        return RewardTerms.sum_of(env=t.reward, shaping=self._difference(before, after, t))

    def _difference(self, before: Float, after: Float, t: Transition) -> Float:
        difference = self.potential_difference(before, after, t, self.on_truncation)
        if not np.isfinite(difference).all():
            self._require_finite("Phi(s)", before, t)
            self._require_finite("Phi(s')", np.where(t.terminated, 0.0, after), t)
        return difference

    def _require_finite(self, term: str, potential: Float, t: Transition) -> None:
        bad = np.flatnonzero(~np.isfinite(potential))
        if bad.size:
            raise NonFiniteRewardError(
                design=self.id,
                term=term,
                env_row=int(t.env_ids[bad[0]]),
                step=int(t.episode_step[bad[0]]),
                value=float(potential[bad[0]]),
            )


def require_acknowledged(design: str, hidden: Sequence[str], privileged: bool) -> None:
    """Make sure that privileged features are read on purpose.

    Args:
        design: Id of the design.
        hidden: Names of the privileged features it reads.
        privileged: Whether the user acknowledged them.

    Raises:
        OperantError: If there are some and they are not acknowledged.
    """
    if hidden and not privileged:
        raise OperantError(
            f"design {design!r} reads {', '.join(hidden)}, which the agent cannot observe; if that "
            "is meant, say so with privileged=True, else read other features"
        )
