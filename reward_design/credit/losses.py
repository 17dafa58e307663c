"""Losses of return decomposition: rewards of steps whose sum is the return of their episode.

Predictions come flat, (M,), with the number of the episode that each belongs to, so that episodes
may differ in length. All steps of an episode give its exact loss, K drawn without replacement the
randomised one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from operant.types import Int


def decomposition_loss(predicted: Tensor, episode: Tensor, share: Tensor) -> Tensor:
    """Return ``mean_i (mean of the predictions of episode i - R_i / T_i)^2``.

    Over all T_i steps this is RD; over K drawn ones RRD, whose expectation is RD plus
    :func:`sampling_variance`.

    Args:
        predicted: (M,) rewards of steps.
        episode: (M,) int64, episode of each step, in [0, E); each occurs.
        share: (E,) return per step, R_i / T_i.

    Source: Reinforcement Learning with Trajectory Feedback (Efroni et al., 2021); Learning
    Long-Term Reward Redistribution via Randomized Return Decomposition (Ren et al., 2022).
    """
    return ((_means(predicted, episode, len(share)) - share) ** 2).mean()


def sampling_variance(predicted: Tensor, episode: Tensor, lengths: Tensor) -> Tensor:
    """Return ``mean_i (1 - K_i / T_i) Var_i / K_i``, an unbiased estimate of what drawing adds.

    ``Var_i`` is the variance of the K_i predictions of episode i with divisor ``K_i - 1``.
    Subtracted from :func:`decomposition_loss` it gives the unbiased form of RRD.

    Args:
        predicted: (M,) rewards of steps drawn without replacement.
        episode: (M,) int64, episode of each step, in [0, E); each occurs twice, or has one step.
        lengths: (E,) steps T_i of the whole episodes.

    Source: Learning Long-Term Reward Redistribution via Randomized Return Decomposition (Ren et
    al., 2022).
    """
    size = len(lengths)
    drawn = torch.bincount(episode, minlength=size).to(predicted.dtype)
    centred = predicted - _means(predicted, episode, size)[episode]
    squares = torch.zeros(size, dtype=predicted.dtype).index_add(0, episode, centred**2)
    variance = squares / (drawn - 1.0).clamp(min=1.0)
    return ((1.0 - drawn / lengths) * variance / drawn).mean()


def uniform_loss(predicted: Tensor, episode: Tensor, share: Tensor) -> Tensor:
    """Return ``mean_i`` of the mean over the steps of ``(prediction - R_i / T_i)^2``.

    Every step is to be paid an equal part of its episode's return; what the predictions learn is
    the mean of that over the episodes that come by. It is RRD with one step per episode.

    Args:
        predicted: (M,) rewards of steps.
        episode: (M,) int64, episode of each step, in [0, E); each occurs.
        share: (E,) return per step, R_i / T_i.

    Source: Learning Guidance Rewards with Trajectory-space Smoothing (Gangwani, Zhou, Peng, 2020).
    """
    return _means((predicted - share[episode]) ** 2, episode, len(share)).mean()


def draw_steps(rng: np.random.Generator, starts: Int, lengths: Int, number: int) -> tuple[Int, Int]:
    """Draw steps of each episode without replacement; all where an episode has no more.

    Args:
        rng: Random generator.
        starts: (E,) rows at which the episodes start.
        lengths: (E,) steps of the episodes.
        number: K >= 1, steps to draw per episode.

    Returns:
        (M,) rows, and (M,) their episodes, in [0, E).
    """
    drawn = [
        start + (rng.choice(steps, number, replace=False) if steps > number else np.arange(steps))
        for start, steps in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]
    episode = np.repeat(np.arange(len(lengths)), np.minimum(lengths, number))
    return np.concatenate(drawn), episode


def _means(values: Tensor, episode: Tensor, size: int) -> Tensor:
    """Return the mean of the values of each episode, (E,)."""
    sums = torch.zeros(size, dtype=values.dtype).index_add(0, episode, values)
    return sums / torch.bincount(episode, minlength=size)
