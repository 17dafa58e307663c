"""Potentials as text, in the closed reward language: data that a suite or a model can write."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from operant.reward_design.llm.language.errors import Source
from operant.reward_design.llm.language.parsing import features_of, parse
from operant.reward_design.llm.language.program import PotentialProgram, compile_potential
from operant.reward_design.shaping.potentials import Phi, Recipe
from operant.types import Feature, Features, Float

MANY = 64
"""Rows from which on compiling a program, about a second once, is worth it."""


def closed_recipe(source: str) -> Recipe:
    """Return the recipe of ``def potential(obs, info)``, which may read features alone.

    Args:
        source: Text in the closed language, see :func:`compile_potential`.

    Raises:
        UnsafeRewardCodeError: If it is none; says where and why.
        ValueError: If it reads no feature.
    """
    reads = features_of(parse(Source.of(source), "potential"))
    if not reads:
        raise ValueError(
            'the potential reads no feature of the state, as in info["has_key"]; a potential of a '
            "design is a function of features, and a constant shapes nothing"
        )

    return Recipe(
        reads=reads,
        bind=functools.partial(_bind, source),
        check=functools.partial(ClosedPotential, source),
    )


def _bind(source: str, table: Mapping[str, Feature], gamma: float) -> Phi:  # noqa: ARG001
    return ClosedPotential(source, tuple(table.values()))


class ClosedPotential:
    """A program that knows its env: evaluated in Python for few states, compiled for many."""

    def __init__(self, source: str, features: Sequence[Feature]) -> None:
        """Compile a program; see :func:`compile_potential` for arguments and errors."""
        self._few: PotentialProgram = compile_potential(source, obs_size=0, features=features)
        self._many = compile_potential(source, obs_size=0, features=features, backend="numba")

    def __call__(self, features: Features) -> Float:
        """Return the potential of B states, (B,), or of one whose features are plain numbers.

        Raises:
            RewardProgramError: If the program fails in a state; says where in its text.
        """
        size = max(np.size(features[name]) for name in self._few.reads)
        program = self._many if size >= MANY else self._few
        return np.asarray(program.of_features(features))
