"""One step of LSD bandits in many rows, compiled. All compiled functions are in this one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from operant.types import Float, Int

Levels: TypeAlias = npt.NDArray[np.uint16]
F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit
NO_NOISE, BERNOULLI, GAUSSIAN = range(3)
STATE, MEAN, BLIND = range(3)


def _compiled(function: F) -> F:
    """Compile a function and keep the machine code on disk, where there is a place for it."""
    try:
        return cast(F, _njit(error_model="numpy", cache=True, nogil=True)(function))
    except RuntimeError:  # no folder can be written to
        return cast(F, _njit(error_model="numpy", nogil=True)(function))


@_compiled
def play(
    rows: Int,
    actions: Int,
    tables: tuple[Levels, Levels, Int, Float],
    levels: Levels,
    noise: Float,
    settings: tuple[int, float, int, int, float, float],
    paid: tuple[Any, ...],
    obs: Any,
    shown: Any,
    observe: int,
    features: tuple[Any, ...],
) -> None:
    """Play one round in some rows.

    Levels and rows are unsigned, so that no index needs a look at its sign.

    Args:
        rows: (B,) indices.
        actions: (B,) arms, K for none.
        tables: idle (n,), played (n,), taus (n,) and payoffs (K, n) of the bandit.
        levels: (N, K) levels, which are moved on.
        noise: (N, T) numbers drawn for the episodes.
        settings: Kind of noise, its deviation, rounds T of an episode, rounds after which it is
            cut, mean payoff per round of the best schedule, and the total that counts as success.
        paid: elapsed, truncated, reward, mean, regret_inc, tau, success and total of the episode,
            (N,) each.
        obs: (N, ...) float32 observations.
        shown: (n,) float32, how levels are shown.
        observe: What is shown.
        features: round, last_action, streak, played_tau, switched, rested, best_mean, (N,) each,
            and tau, (N, K).
    """
    idle, played, taus, payoffs = tables
    kind, sigma, rounds, limit, per_round, goal = settings
    elapsed, truncated, reward, mean, regret, tau, success, total = paid
    turn, last, streak, played_tau, switched, rested, best_mean, all_tau = features
    arms, size = payoffs.shape
    for at in range(len(rows)):
        row, action = np.uint64(rows[at]), actions[at]
        now = elapsed[row]
        before = last[row]
        worth, counter = 0.0, 0
        if action < arms:
            level = levels[row, np.uint64(action)]
            worth = payoffs[np.uint64(action), level]
            counter = taus[level]
        got = worth
        if kind == BERNOULLI:  # a mean of 0, such as that of none, never pays
            got = 1.0 if noise[row, np.uint64(now)] < worth else 0.0
        elif kind == GAUSSIAN and action < arms:
            got = worth + sigma * noise[row, np.uint64(now)]
        elapsed[row] = turn[row] = now + 1
        truncated[row] = now + 1 >= limit
        reward[row], mean[row], regret[row], tau[row] = got, worth, per_round - worth, counter
        total[row] += worth
        success[row] = now + 1 == rounds and total[row] >= goal
        full, best = 0, 0.0
        for arm in range(arms):
            level = levels[row, arm]
            level = played[level] if arm == action else idle[level]
            levels[row, arm] = level
            all_tau[row, arm] = taus[level]
            full += level == size - 1
            worth = payoffs[arm, level]
            best = worth if worth > best else best
            if observe != BLIND:
                obs[row, arm] = shown[level]
        if observe == BLIND:
            width = obs.shape[1]
            if before >= 0:
                obs[row, before] = 0.0
            obs[row, action] = 1.0
            obs[row, width - 2] = got
            obs[row, width - 1] = (now + 1) / rounds
        again = before == action
        switched[row] = before >= 0 and not again
        streak[row] = 0 if action == arms else streak[row] * again + 1
        last[row], played_tau[row], rested[row], best_mean[row] = action, counter, full, best
