"""What most bandit algorithms remember: how often each arm was pulled, and what it paid."""

from __future__ import annotations

import numpy as np

from operant.agents.bandits.base import Statistics
from operant.types import Float, Int


def count_shapes(arms: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of ``pulls`` and ``sums``, (K,) each."""
    return {"pulls": (arms,), "sums": (arms,)}


def count_pull(known: Statistics, choices: Int, reward: Float) -> None:
    """Count one pull per row and add what it paid."""
    rows = np.arange(len(choices))
    known["pulls"][rows, choices] += 1
    known["sums"][rows, choices] += reward


def mean_rewards(known: Statistics) -> Float:
    """Return what arms paid on average, (N, K); 0 for arms that were never pulled."""
    means: Float = known["sums"] / np.maximum(known["pulls"], 1)
    return means


def radii(pulls: Float, log: Float | float) -> Float:
    """Return ``sqrt(2 log / pulls)``, (N, K): infinite for arms that were never pulled.

    Args:
        pulls: (N, K).
        log: The logarithm of the time or of the horizon, a number or (N, 1).
    """
    known: Float = np.sqrt(2 * log / np.maximum(pulls, 1))
    return np.where(pulls > 0, known, np.inf)


def best_arms(scores: Float) -> Int:
    """Return the arm with the highest of (N, K) scores in each row, the first among equals."""
    best: Int = scores.argmax(1)
    return best


def draw_arms(probabilities: Float, rng: np.random.Generator | None) -> Int:
    """Draw one arm per row of (N, K) probabilities, or return the likeliest without chance."""
    if rng is None:
        return best_arms(probabilities)
    total = probabilities.cumsum(1)
    drawn = rng.random((len(total), 1)) * total[:, -1:]
    chosen: Int = (total[:, :-1] <= drawn).sum(1)
    return chosen


def exponential_weights(losses: Float, rate: float) -> Float:
    """Return the probabilities proportional to ``exp(-rate * losses)``, (N, K)."""
    raised = np.exp(-rate * (losses - losses.min(1, keepdims=True)))
    weights: Float = raised / raised.sum(1, keepdims=True)
    return weights
