"""Potentials: functions of a state's features, larger where the state is better.

Those with a name are classes in :data:`POTENTIALS`: ``reads`` names the features, the constructor
takes the env's feature table (for ranges) and the agent's discount, and a call maps features to
(B,) float64. A new one is a class and one entry. A potential of one's own is a mapping
``{"feature": weight}`` or a function of features.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from operant.errors import OperantError, UnknownIdError
from operant.types import Feature, Features, Float

Phi: TypeAlias = Callable[[Features], Float]
"""A potential that knows its env: features of B states -> (B,)."""


class Potential(Protocol):
    """What a named potential looks like."""

    reads: ClassVar[tuple[str, ...]]

    def __init__(self, table: Mapping[str, Feature], gamma: float) -> None:
        """Take the feature table, name -> feature, and the discount in [0, 1]."""

    def __call__(self, features: Features) -> Float:
        """Return the potential of B states, (B,) float64."""


class SubgoalDistance:
    """Progress in [0, 1]: subgoals reached, plus the share of the way to the next one.

    ``(subgoal + 1 - steps_to_subgoal / longest) / num_subgoals``: along an optimal solution it
    never falls, and undoing a subgoal (dropping the key) gives back what reaching it gained.
    """

    reads: ClassVar[tuple[str, ...]] = ("subgoal", "steps_to_subgoal")

    def __init__(self, table: Mapping[str, Feature], gamma: float) -> None:  # noqa: ARG002
        """Read the number of subgoals and the longest way from the feature table."""
        self._num_subgoals = table["subgoal"].high - table["subgoal"].low + 1
        self._longest = table["steps_to_subgoal"].high

    def __call__(self, features: Features) -> Float:
        """Return the progress of B states, (B,) float64 in [0, 1]."""
        subgoal = np.asarray(features["subgoal"], np.float64)
        steps = np.asarray(features["steps_to_subgoal"], np.float64)
        # The clip keeps subgoal k+1 above subgoal k even if the table's range is too small.
        way = np.clip(steps / self._longest, 0.0, 1.0)
        progress: Float = (subgoal + 1.0 - way) / self._num_subgoals
        return progress


class Optimal:
    """The optimal value of a deterministic world that pays 1 for success: ``gamma ** (steps - 1)``.

    0 where success is impossible or already there. Shaped by it, an optimal action earns exactly 0
    and every other one less, so the greedy policy of the designed reward alone is optimal. Needs an
    env made with ``optimum=True``.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), section 4.
    """

    reads: ClassVar[tuple[str, ...]] = ("steps_to_success",)

    def __init__(self, table: Mapping[str, Feature], gamma: float) -> None:
        """Read from the feature table what stands for "impossible"."""
        self._never, self._gamma = table["steps_to_success"].high, gamma

    def __call__(self, features: Features) -> Float:
        """Return the value of B states, (B,) float64 in [0, 1]."""
        steps = np.asarray(features["steps_to_success"], np.float64)
        value: Float = self._gamma ** np.maximum(steps - 1.0, 0.0)
        return np.where((steps > 0) & (steps < self._never), value, 0.0)


POTENTIALS: dict[str, type[Potential]] = {
    "subgoal_distance": SubgoalDistance,
    "optimal": Optimal,
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A potential that waits for its env.

    Attributes:
        reads: Names of the features it reads, at least one.
        bind: From the env's feature table (name -> feature) and the discount to the potential.
        own: True if the user wrote it, and so must say if it reads privileged features.
        check: Raises if the feature table does not suit it, where it knows better than others why.
    """

    reads: tuple[str, ...]
    bind: Callable[[Mapping[str, Feature], float], Phi]
    own: bool = True
    check: Callable[[Sequence[Feature]], object] | None = None


class Declared(dict[str, Any]):
    """The features that a user's function declared; reading another one is an error."""

    def __missing__(self, name: str) -> Any:
        """Refuse.

        Raises:
            OperantError: Always; says how to declare the feature.
        """
        raise OperantError(
            f"the function reads feature {name!r}, which it does not declare; "
            f"declare it: reads={(*self, name)!r}"
        )


def recipe_of(potential: str | Mapping[str, float] | Phi, reads: Sequence[str] = ()) -> Recipe:
    """Return the recipe of a potential given by name, as weights, as a program or a function.

    Args:
        potential: Name in :data:`POTENTIALS`, ``{"feature": weight}``, the text of
            ``def potential(obs, info)`` in the closed reward language, or a function.
        reads: Names of the features that the function reads; only for functions.

    Raises:
        TypeError: If it is something else, or a function that wants more than features.
        UnknownIdError: If there is no potential of that name.
        UnsafeRewardCodeError: If a program is not in the closed language; says where and why.
        ValueError: If weights are empty or not finite, a function does not declare what it reads,
            a program reads nothing, or something else declares what it reads.
    """
    if not isinstance(potential, (str, Mapping)) and callable(potential):
        require_arguments(potential, "features")
        return Recipe(reads=declared_reads(reads), bind=functools.partial(_as_given, potential))
    if reads:
        raise ValueError(f"reads is for functions; {potential!r} itself says what it reads")
    if isinstance(potential, str) and "def " in potential:
        from operant.reward_design.shaping.closed_potential import closed_recipe

        return closed_recipe(potential)
    if isinstance(potential, str):
        if potential not in POTENTIALS:
            raise UnknownIdError("potential", potential, POTENTIALS)
        return Recipe(reads=POTENTIALS[potential].reads, bind=POTENTIALS[potential], own=False)
    if isinstance(potential, Mapping):
        return _weighted(dict(potential))
    raise TypeError(
        f"potential must be a name ({', '.join(POTENTIALS)}), a mapping feature -> weight, or a "
        f"function of features, got {potential!r}"
    )


def declared_reads(reads: Sequence[str]) -> tuple[str, ...]:
    """Return what a function says that it reads, checked.

    Raises:
        ValueError: If it is empty or a string.
    """
    if isinstance(reads, str) or not reads:
        raise ValueError(
            "reads must list the features that the function reads, such as reads=('has_key',), "
            f"got {reads!r}"
        )
    return tuple(reads)


def require_arguments(function: Callable[..., Any], *arguments: str) -> None:
    """Make sure that a function can be called with just these arguments, by position.

    Raises:
        TypeError: If it cannot.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:  # some builtins do not tell; the call will
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise TypeError(
            f"the function is called with ({', '.join(arguments)}), but its signature is "
            f"{signature}: {error}. A potential must not depend on the action or on the future; "
            "advice on actions is LookBackAdvice"
        ) from None


def _as_given(function: Phi, table: Mapping[str, Feature], gamma: float) -> Phi:  # noqa: ARG001
    return function


def _weighted(weights: dict[str, float]) -> Recipe:
    if not weights:
        raise ValueError("potential must weigh at least one feature, got an empty mapping")
    for name, weight in weights.items():
        if not math.isfinite(weight):
            raise ValueError(f"potential[{name!r}] must be finite, got {weight}")
    return Recipe(reads=tuple(weights), bind=functools.partial(WeightedSum, weights))


class WeightedSum:
    """The sum of some features, each times its weight."""

    def __init__(
        self,
        weights: Mapping[str, float],
        table: Mapping[str, Feature],
        gamma: float,  # noqa: ARG002
    ) -> None:
        """Store the weights.

        Raises:
            ValueError: If one of the features is an array.
        """
        require_scalars(weights, table)
        self._weights = dict(weights)

    def __call__(self, features: Features) -> Float:
        """Return the potential of B states, (B,)."""
        parts: Any = (weight * features[name] for name, weight in self._weights.items())
        total: Float = sum(parts)
        return total


def require_scalars(names: Iterable[str], table: Mapping[str, Feature]) -> None:
    """Make sure that features are numbers or flags, not arrays.

    Raises:
        ValueError: If one has another shape than ``()``.
    """
    for name in names:
        if table[name].shape:
            raise ValueError(f"feature {name!r} must be a number, has shape {table[name].shape}")
