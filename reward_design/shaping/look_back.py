"""Look-back advice: a hint on actions that a wrapper can pay."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.reward_design.shaping.potential import require_acknowledged
from operant.reward_design.shaping.potentials import (
    Declared,
    declared_reads,
    require_arguments,
    require_scalars,
)
from operant.types import Bool, Features, Float, RewardTerms, Transition

Weights: TypeAlias = Mapping[str, Sequence[float]]
"""Feature -> one weight per action."""
Advice: TypeAlias = Callable[[Features, npt.NDArray[Any]], Float]
"""Features of B states and the B actions taken there -> (B,)."""


class LookBackAdvice(RewardDesign):
    """Adds ``Phi(s, a) - Phi(s_prev, a_prev) / gamma``; a first step subtracts 0.

    Terms: ``env``, ``shaping``. The discounted sum over an episode of N steps is
    ``gamma ** (N - 1) * Phi(last state, last action)``: advice on actions that is taken back at the
    next step. Meant for agents that learn on-policy. There is no proof that optimal policies stay;
    look-ahead advice has one, but must also bias the agent's choice of actions.

    Source: Principled methods for advising reinforcement learning agents (Wiewiora, Cottrell,
    Elkan, 2003), section 5.
    """

    spec = DesignSpec(
        invariance="none", needs=("features",), markov=False, privileged=True, gamma_bound=True
    )

    def __init__(
        self,
        *,
        advice: Weights | Advice,
        reads: Sequence[str] = (),
        privileged: bool = False,
        scale: float = 1.0,
        gamma: float | None = None,
    ) -> None:
        """Choose the advice.

        Args:
            advice: For a Discrete(A) action space, weights ``{"has_key": [w_0, ..., w_A-1]}``: the
                advice on action a is the sum of weight a times the feature. Or a function
                (features, actions) -> (B,), which gets features as float64 arrays.
            reads: Names of the features that the function reads; it gets no others.
            privileged: True acknowledges that it reads what the agent cannot observe.
            scale: Factor of the advice, finite.
            gamma: Discount in (0, 1], or None to follow the agent.

        Raises:
            TypeError: If ``advice`` is something else, or a function of other arguments.
            ValueError: If an argument is outside its range.
        """
        super().__init__(gamma=gamma)
        if not math.isfinite(scale):
            raise ValueError(f"scale must be finite, got {scale}")
        self._privileged, self._scale = privileged, scale
        self._weights: dict[str, npt.NDArray[np.float64]] = {}
        if isinstance(advice, Mapping):
            if reads:
                raise ValueError("reads is for functions; weights name their features themselves")
            self._weights = _checked_weights(advice)
            self._reads = tuple(self._weights)
            self._advice: Advice = self._weighted
        elif callable(advice):
            require_arguments(advice, "features", "actions")
            self._reads, self._advice = declared_reads(reads), advice
        else:
            raise TypeError(
                "advice must be a mapping feature -> weights of the actions, or a function of "
                f"(features, actions), got {advice!r}"
            )

    def required_features(self) -> tuple[str, ...]:
        """Return the features the advice reads."""
        return self._reads

    def _setup(self, context: DesignContext) -> None:
        if context.gamma == 0.0:
            raise ValueError("gamma must be > 0 for look-back advice: it divides by it")
        table = {feature.name: feature for feature in context.features}
        require_scalars(self._weights, table)
        for name, weights in self._weights.items():
            _require_one_per_action(name, len(weights), context.action_space)
        hidden = [name for name in self._reads if table[name].privileged]
        require_acknowledged(self.id, hidden, self._privileged)
        self.spec = dataclasses.replace(type(self).spec, privileged=bool(hidden))
        self._last = np.zeros(context.num_envs)

    def phi(self, features: Features, actions: npt.NDArray[Any]) -> Float:
        """Return the scaled advice on B actions, (B,) float64; call after :meth:`setup`.

        Raises:
            OperantError: If a function reads what it does not declare.
            ValueError: If a function returns something else than (B,) numbers.
        """
        self._require_context()
        given = Declared({name: np.asarray(features[name], np.float64) for name in self._reads})
        value = self._scale * np.asarray(self._advice(given, actions), np.float64)
        if value.shape != (len(actions),):
            raise ValueError(
                f"design {self.id!r}: the advice on {len(actions)} actions must have shape "
                f"({len(actions)},), got {value.shape}"
            )
        return value

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the advice, less what the last step's was worth."""
        advice = self.phi(t.prev_features, t.action)
        shaping = advice - self._last[t.env_ids] / self.gamma
        self._last[t.env_ids] = advice
        return RewardTerms.sum_of(env=t.reward, shaping=shaping)

    def reset(self, mask: Bool) -> None:
        """Forget the last advice in the slots in ``mask``."""
        self._last[mask] = 0.0

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the last advice of each slot, (N,)."""
        return {"last": self._last.copy()}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._last = state["last"].copy()

    def _weighted(self, features: Features, actions: npt.NDArray[Any]) -> Float:
        advice = np.zeros(len(actions))
        for name, weights in self._weights.items():
            advice += weights[actions] * features[name]
        return advice


def _checked_weights(advice: Weights) -> dict[str, npt.NDArray[np.float64]]:
    if not advice:
        raise ValueError("advice must weigh at least one feature, got an empty mapping")
    weights = {name: np.array(values, np.float64) for name, values in advice.items()}
    for name, values in weights.items():
        if values.ndim != 1 or not np.isfinite(values).all():
            raise ValueError(
                f"advice[{name!r}] must be a list of finite weights, got {advice[name]}"
            )
    return weights


def _require_one_per_action(name: str, count: int, space: gym.Space[Any]) -> None:
    if not isinstance(space, gym.spaces.Discrete) or space.start != 0:
        raise ValueError(f"weights need Discrete actions from 0 on, got {space}; use a function")
    if count != space.n:
        raise ValueError(f"advice[{name!r}] must have {space.n} weights, one per action: {count}")
