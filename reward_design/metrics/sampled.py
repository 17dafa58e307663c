"""STARC from transitions, for worlds too large to enumerate, with its own noise beside it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.reward_design.metrics.canonical import factorised
from operant.reward_design.metrics.rewards import check_discount, unit_size
from operant.reward_design.metrics.scipy_extra import scipy_module
from operant.types import Bool, Float

CELLS = 2000
"""Up to so many distinct states each has a value of its own."""
WAVES = 256
"""Beyond, values are a sum of so many random cosines of the state."""
_RIDGE = 1e-8
"""Keeps values of states that are never left at 0; relative to the number of transitions."""
_FINEST = 10.0
"""How many times shorter the shortest waves are than the longest."""
_TRIVIAL = 1e-6
"""A canonical reward this small, next to the reward itself, is an error around zero."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class SampledDistances:
    """Estimated distances between K rewards.

    Attributes:
        matrix: (K, K) in [0, 2].
        floor: (K,) distance of each reward from itself if its values are estimated twice, from
            either half of the transitions. A distance means little unless it is well above. The
            floor shows noise, not what values cannot express: for potentials with jumps, on states
            too many for values of their own, the distance stays above 0 however many samples.
        samples: Number of transitions.
    """

    matrix: Float
    floor: Float
    samples: int


def sampled_starc(
    rewards: Float,
    states: npt.NDArray[Any],
    next_states: npt.NDArray[Any],
    terminated: Bool,
    *,
    gamma: float,
    rng: np.random.Generator,
) -> SampledDistances:
    """Estimate the STARC distances of K rewards from N transitions of one policy.

    The canonical reward of a transition is its temporal difference under the policy's estimated
    values (LSTD; all rewards share states and transitions, so that shaping by a potential that the
    values can express cancels). Norms are over the transitions as they were visited.

    What is estimated is therefore ``form="val_potential"`` with the visits as weights. It equals
    the default STARC up to these weights where the world is deterministic. Where it is not, chance
    in the successor counts as a difference of rewards; and what the policy never does is not seen.

    Args:
        rewards: (K, N) what each reward pays for the transitions.
        states: (N, D) numbers that describe the states.
        next_states: (N, D) the same of the true successors.
        terminated: (N,) True where the successor is the end.
        gamma: Discount, in [0, 1).
        rng: Random generator of the cosines.

    Raises:
        MissingExtraError: If SciPy is not installed.
        ValueError: If an argument is out of range or has the wrong shape.

    Source: STARC: A General Framework For Quantifying Differences Between Reward Functions (Skalse
    et al., 2024), section 5; Linear Least-Squares Algorithms for Temporal Difference Learning
    (Bradtke, Barto, 1996). Deviation: values by LSTD instead of SARSA.
    """
    check_discount(gamma)
    samples = len(states)
    if rewards.ndim != 2 or rewards.shape[1] != samples or next_states.shape != states.shape:
        raise ValueError(
            "rewards must be (K, N), states and next_states (N, D), got "
            f"{rewards.shape}, {states.shape} and {next_states.shape}"
        )
    if samples < 2:
        raise ValueError(f"there must be at least 2 transitions, got {samples}")
    sized = np.array([unit_size(reward) for reward in rewards])
    here, ahead = _basis(states, next_states, rng)
    shaping = (gamma * np.where(terminated, 0.0, 1.0))[:, None] * ahead - here
    half = samples // 2
    one, other, both = (
        _standardised(sized, here, shaping, rows)
        for rows in (slice(half), slice(half, None), slice(None))
    )
    return SampledDistances(
        matrix=np.array([np.sqrt(((both - row) ** 2).sum(axis=1)) for row in both]),
        floor=np.sqrt(((one - other) ** 2).sum(axis=1)),
        samples=samples,
    )


def _standardised(rewards: Float, here: Any, shaping: Any, rows: slice) -> Float:
    """Return the canonical rewards as unit vectors, (K, N), with values estimated from some rows.

    Args:
        rewards: (K, N).
        here: (N, F) what values are linear in.
        shaping: (N, F) the same discounted and of the successor, minus that.
        rows: Which transitions to estimate the values from.
    """
    part, samples = here[rows].T, len(rewards[0])
    matrix = part @ shaping[rows] - _RIDGE * samples * np.eye(here.shape[1])
    potential = factorised(matrix)(-(part @ rewards[:, rows].T))
    found: Float = rewards + (shaping @ potential).T
    length = np.sqrt((found**2).sum(axis=1, keepdims=True))
    paid = np.sqrt((rewards**2).sum(axis=1, keepdims=True))
    return np.where(length > _TRIVIAL * paid, found / np.where(length > 0, length, 1.0), 0.0)


def _basis(
    states: npt.NDArray[Any], next_states: npt.NDArray[Any], rng: np.random.Generator
) -> tuple[Any, Any]:
    """Return what values are linear in, (N, F) of the states and of their successors."""
    sparse = scipy_module("sparse")
    rows = np.concatenate([states, next_states]).astype(np.float64)
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    if len(distinct) <= CELLS:
        where = (np.ones(len(rows)), (np.arange(len(rows)), which.ravel()))
        cells = sparse.csr_array(sparse.coo_array(where, shape=(len(rows), len(distinct))))
        return cells[: len(states)], cells[len(states) :]
    spread = rows.std(axis=0)
    scaled = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # Cosines of random directions are the features of a Gaussian kernel (Rahimi, Recht, 2007). Its
    # width is drawn too, from above the typical distance of two states (sqrt(D)) to well below.
    widths = np.sqrt(rows.shape[1]) * np.exp(-rng.uniform(0.0, np.log(_FINEST), WAVES))
    directions = rng.normal(size=(rows.shape[1], WAVES)) / widths
    waves = np.sqrt(2.0 / WAVES) * np.cos(scaled @ directions + rng.uniform(0, 2 * np.pi, WAVES))
    return waves[: len(states)], waves[len(states) :]
