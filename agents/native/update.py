"""PPO's loss on one minibatch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from operant.agents.native.config import PPOConfig, Stream
from operant.agents.native.heads import Head, conditioned
from operant.agents.native.hooks import Hooks
from operant.agents.native.networks import ActorCritic
from operant.agents.native.parallel import Ranks
from operant.agents.native.rollout import Minibatch

STATISTICS = (
    "loss",
    "policy_gradient_loss",
    "value_loss",
    "entropy_loss",
    "approx_kl",
    "clip_fraction",
)
"""Names of the statistics of a minibatch, as SB3 logs them."""


class Loss(NamedTuple):
    """The loss of a minibatch and what it is made of.

    Attributes:
        total: Scalar with a gradient.
        statistics: (6,) detached, in the order of :data:`STATISTICS`.
        size: Transitions B that the loss is a mean over.
    """

    total: Tensor
    statistics: Tensor
    size: int


def minibatch_loss(
    model: ActorCritic,
    head: Head,
    batch: Minibatch,
    config: PPOConfig,
    streams: Sequence[Stream],
    clip_range: float,
    ranks: Ranks,
    hooks: Sequence[Hooks] = (),
) -> Loss:
    """Evaluate the network on a minibatch and return the loss to descend.

    Args:
        model: The network.
        head: Its family of policies.
        batch: The transitions.
        config: Weights of the terms.
        streams: How the C advantages are combined.
        clip_range: Value of the schedule now.
        ranks: Whose minibatches together advantages are normalised over.
        hooks: Their :meth:`Hooks.extra_loss` and weights of reference policies.
    """
    params, values = model(batch.obs, batch.packed)
    params = conditioned(params, batch.biases, batch.masks)
    log_probs, entropy = head.evaluate(params, batch.actions)
    advantages = combined(batch.advantages, streams, ranks)
    log_ratio = log_probs - batch.log_probs
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
    policy_loss = -torch.minimum(advantages * ratio, advantages * clipped).mean()
    value_loss = _value_loss(values, batch, config.clip_range_vf)
    entropy_loss = -entropy.mean()
    total = policy_loss + config.vf_coef * value_loss
    if config.ent_coef:
        total = total + config.ent_coef * entropy_loss
    total = _with_hooks(total, head, batch, params, values, hooks)
    with torch.no_grad():
        kl = (ratio - 1 - log_ratio).mean()
        clip_fraction = (ratio - 1).abs().gt(clip_range).float().mean()
        parts = (total, policy_loss, value_loss, entropy_loss, kl, clip_fraction)
        return Loss(total, torch.stack([part.detach() for part in parts]), len(log_probs))


def combined(advantages: Tensor, streams: Sequence[Stream], ranks: Ranks) -> Tensor:
    """Return one advantage per transition, (B,): the weighted sum over streams of (B, C).

    A stream that says so is first normalised to mean 0 and deviation 1 within the minibatch, that
    of all ranks together.
    """
    total = torch.zeros_like(advantages[:, 0])
    for column, stream in zip(advantages.unbind(1), streams, strict=True):
        if stream.normalize:
            column = ranks.normalized(column)
        total = total + stream.coef * column
    return total


def _value_loss(values: Tensor, batch: Minibatch, clip_range_vf: float | None) -> Tensor:
    if clip_range_vf is not None:
        change = (values - batch.values).clamp(-clip_range_vf, clip_range_vf)
        values = batch.values + change
    return (values - batch.returns).square().mean(0).sum()


def _with_hooks(
    total: Tensor,
    head: Head,
    batch: Minibatch,
    params: Tensor,
    values: Tensor,
    hooks: Sequence[Hooks],
) -> Tensor:
    for coef, reference in batch.references:
        total = total + coef * head.kl(params, reference).mean()
    for hook in hooks:
        extra = hook.extra_loss(batch, params, values)
        if extra is not None:
            total = total + extra
    return total
