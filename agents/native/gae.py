"""Generalised advantage estimates of several reward streams at once."""

from __future__ import annotations

import torch
from torch import Tensor


def advantages(
    rewards: Tensor,
    values: Tensor,
    last_values: Tensor,
    bootstrap: Tensor,
    done: Tensor,
    valid: Tensor,
    *,
    gamma: Tensor,
    episodic: Tensor,
    gae_lambda: float,
) -> Tensor:
    """Return generalised advantage estimates of every stream, (T, N, C).

    Pseudo-steps get 0 and are passed over: what comes before one is followed by what comes after.

    Args:
        rewards: (T, N, C).
        values: (T, N, C).
        last_values: (N, C) of the observations after the last step.
        bootstrap: (T, N, C) value of the true last observation where a time limit cut, else 0.
        done: (T, N) bool, the episode ended either way.
        valid: (T, N) bool, False in pseudo-steps.
        gamma: (C,) discounts.
        episodic: (C,) bool; False lets returns run on into the next episode.
        gae_lambda: Trace decay, in [0, 1].

    Source: High-Dimensional Continuous Control Using Generalized Advantage Estimation (Schulman et
    al., 2015), eq. 16.
    """
    result = torch.zeros_like(rewards)
    cut = done.unsqueeze(-1) & episodic
    real = valid.unsqueeze(-1)
    following, trace = last_values, torch.zeros_like(last_values)
    for t in range(len(rewards) - 1, -1, -1):
        after = torch.where(cut[t], bootstrap[t], following)
        carried = trace.masked_fill(cut[t], 0.0)
        estimate = rewards[t] + gamma * after - values[t] + gamma * gae_lambda * carried
        result[t] = estimate.masked_fill(~real[t], 0.0)
        trace = torch.where(real[t], estimate, trace)
        following = torch.where(real[t], values[t], following)
    return result
