"""The obvious bonus: pay the agent when something useful happens."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.types import Bool, RewardTerms, Transition


class EventBonus(RewardDesign):
    """Adds a bonus each time a flag turns from False to True. Terms: ``env`` and one per flag.

    This design is here to be hacked. It reads like good advice (pay for taking the key, pay for
    opening the door), but nothing is taken back when the flag falls: an agent that drops the key
    and picks it up again, or closes and reopens the door, is paid each time, and such a loop can be
    worth far more than the goal. Use it to see what a hacked reward looks like; use ``potential``
    to give the same hint safely.

    Source: the bicycle agent rewarded for riding in circles, told in Policy invariance under reward
    transformations (Ng, Harada, Russell, 1999), section 1.
    """

    spec = DesignSpec(invariance="none", needs=("features",), privileged=True)

    def __init__(self, *, bonuses: Mapping[str, float] | None = None) -> None:
        """Choose the events.

        Args:
            bonuses: Boolean feature -> bonus, finite; None pays 0.5 each for ``has_key`` and
                ``door_open``.

        Raises:
            ValueError: If it is empty, a bonus is not finite, or a feature is called ``env``.
        """
        super().__init__()
        self._bonuses = dict({"has_key": 0.5, "door_open": 0.5} if bonuses is None else bonuses)
        if not self._bonuses:
            raise ValueError("bonuses must name at least one feature, got an empty mapping")
        if "env" in self._bonuses:
            raise ValueError("bonuses must not name 'env': that term is the true reward")
        for name, bonus in self._bonuses.items():
            if not math.isfinite(bonus):
                raise ValueError(f"bonuses[{name!r}] must be finite, got {bonus}")

    def required_features(self) -> tuple[str, ...]:
        """Return the flags."""
        return tuple(self._bonuses)

    def _setup(self, context: DesignContext) -> None:
        table = {feature.name: feature for feature in context.features}
        for name in self._bonuses:
            if table[name].dtype != "bool":
                raise ValueError(
                    f"bonuses[{name!r}]: the feature must be of dtype bool, got {table[name].dtype}"
                )
        privileged = any(table[name].privileged for name in self._bonuses)
        self.spec = dataclasses.replace(type(self).spec, privileged=privileged)

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the bonuses of the flags that rose."""
        paid = {
            name: np.where(_rises(t.prev_features[name], t.features[name]), bonus, 0.0)
            for name, bonus in self._bonuses.items()
        }
        return RewardTerms.sum_of(env=t.reward, **paid)


def _rises(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> Bool:
    # Scalar envs publish flags as floats, batched ones as bool.
    return ~np.asarray(before, np.bool_) & np.asarray(after, np.bool_)
