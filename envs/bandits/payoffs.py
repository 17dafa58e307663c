"""Families of payoffs of LSD bandits: means in [0, 1] of K arms at counters -S .. -1, 1 .. D.

Source: monotone: the class of Last Switch Dependent Bandits with Monotone Payoff Functions
(Foussoul, Goyal, Papadigenopoulos, Zeevi, 2023). Recharging and blocking: Non-Stationary Bandits
under Recharging Payoffs (Papadigenopoulos, Caramanis, Shakkottai, 2022). Satiation, seasons and the
two tricks: A Last Switch Dependent Analysis of Satiation and Seasonality in Bandits (Laforgue,
Clerici, Cesa-Bianchi, Gilad-Bachrach, 2022) and its code. How parameters are drawn is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from operant.lsd import LSDRules
from operant.types import Float

Draw: TypeAlias = Callable[[np.random.Generator, LSDRules, int], Float]
"""From a generator, the rules and the delay of the tricks to (K, S + D) means in [0, 1]."""


def monotone(rng: np.random.Generator, rules: LSDRules, pos: int) -> Float:  # noqa: ARG001
    """Sort S + D uniform numbers per arm: the more rest, the better."""
    drawn: Float = np.sort(rng.random((rules.K, rules.size)), axis=1)
    return drawn


def satiation(rng: np.random.Generator, rules: LSDRules, pos: int) -> Float:  # noqa: ARG001
    """Pay m once rested, and m exp(-l (n - 1)) at the n-th repetition.

    m is uniform in [0.2, 1], l in [0.1, 1].
    """
    most, fall = rng.uniform(0.2, 1.0, rules.K), rng.uniform(0.1, 1.0, rules.K)
    repeated = np.maximum(-rules.taus - 1, 0)
    paid: Float = most[:, None] * np.exp(-fall[:, None] * repeated)
    return paid


def recharging(rng: np.random.Generator, rules: LSDRules, pos: int) -> Float:  # noqa: ARG001
    """Pay m (1 - exp(-l (tau - 1))): nothing up to tau = 1, ever more after it.

    m is uniform in [0.2, 1], l in [0.1, 1].
    """
    most, rise = rng.uniform(0.2, 1.0, rules.K), rng.uniform(0.1, 1.0, rules.K)
    charged = np.maximum(rules.taus - 1, 0)
    paid: Float = most[:, None] * -np.expm1(-rise[:, None] * charged)
    return paid


def blocking(rng: np.random.Generator, rules: LSDRules, pos: int) -> Float:  # noqa: ARG001
    """Pay nothing before a delay of 1 .. D is over, and m in [0.2, 1] from then on."""
    most, delay = rng.uniform(0.2, 1.0, rules.K), rng.integers(1, rules.D + 1, rules.K)
    paid: Float = most[:, None] * (rules.taus >= delay[:, None])
    return paid


def seasonal(rng: np.random.Generator, rules: LSDRules, pos: int) -> Float:  # noqa: ARG001
    """Pay m (1 + cos(2 pi tau / P + phi)) / 2: better and worse in turns, so not monotone.

    m is uniform in [0.2, 1], the period P in 2 .. max(2, D), the phase phi in [0, 2 pi).
    """
    most = rng.uniform(0.2, 1.0, rules.K)
    period = rng.integers(2, max(2, rules.D) + 1, rules.K)
    phase = rng.uniform(0.0, 2.0 * np.pi, rules.K)
    angle = 2.0 * np.pi * rules.taus / period[:, None] + phase[:, None]
    paid: Float = most[:, None] * (1.0 + np.cos(angle)) / 2.0
    return paid


def trick_csbog(rng: np.random.Generator, rules: LSDRules, pos: int) -> Float:  # noqa: ARG001
    """Trap planners that look one block ahead: draws nothing.

    Arms pay .15; arm 1 pays .95 at tau = pos and else nothing; arm 2 pays .96 from 3 pos on, .16 at
    2 pos and else .14.

    Raises:
        ValueError: If there are fewer than 3 arms, or D < 3 pos.
    """
    _need(rules, arms=3, delay=3 * pos, why="3 * pos")
    paid = np.full((rules.K, rules.size), 0.15)
    paid[1] = np.where(rules.taus == pos, 0.95, 0.0)
    paid[2] = np.where(rules.taus >= 3 * pos, 0.96, np.where(rules.taus == 2 * pos, 0.16, 0.14))
    return paid


def trick_og(rng: np.random.Generator, rules: LSDRules, pos: int) -> Float:  # noqa: ARG001
    """Trap the greedy planner: draws nothing.

    Arm 0 pays .05; arm 1 pays .06 at tau = 1, nothing until pos and .95 from then on; others pay
    nothing. Who always takes what pays most now never lets arm 1 rest.

    Raises:
        ValueError: If there are fewer than 2 arms, or D < pos.
    """
    _need(rules, arms=2, delay=pos, why="pos")
    paid = np.zeros((rules.K, rules.size))
    paid[0] = 0.05
    paid[1] = np.where(rules.taus >= pos, 0.95, np.where(rules.taus == 1, 0.06, 0.0))
    return paid


FAMILIES: dict[str, Draw] = {
    "monotone": monotone,
    "satiation": satiation,
    "recharging": recharging,
    "blocking": blocking,
    "seasonal": seasonal,
    "trick_csbog": trick_csbog,
    "trick_og": trick_og,
}
"""Names of the families, as the worlds' argument ``payoff`` takes them."""


def draw_payoffs(family: str, rules: LSDRules, *, seed: int, pos: int = 3) -> Float:
    """Draw the means of one instance.

    Args:
        family: A name of :data:`FAMILIES`.
        rules: How the arms move; K, D and S.
        seed: Seed of the instance, >= 0.
        pos: Delay of the tricks, >= 1; unused by the others.

    Returns:
        (K, S + D) means in [0, 1].

    Raises:
        ValueError: If the family is unknown or the rules are too small for it.

    >>> draw_payoffs("blocking", LSDRules(K=1, D=3, S=1), seed=0).round(2).tolist()
    [[0.0, 0.0, 0.71, 0.71]]
    """
    if family not in FAMILIES:
        raise ValueError(f"payoff must be one of {', '.join(FAMILIES)}, got {family!r}")
    if seed < 0 or pos < 1:
        raise ValueError(f"instance_seed must be >= 0 and pos >= 1, got {seed} and {pos}")
    return FAMILIES[family](np.random.default_rng(seed), rules, pos)


def _need(rules: LSDRules, *, arms: int, delay: int, why: str) -> None:
    if arms > rules.K or delay > rules.D:
        raise ValueError(
            f"this payoff needs K >= {arms} and D >= {why} = {delay}, got K = {rules.K} and "
            f"D = {rules.D}"
        )
