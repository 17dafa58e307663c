"""PPO's loss over the rows of the distinct inputs, with a gradient of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from operant.agents.base import Array
from operant.agents.native.kernels import Ids, doubles, kernel, soften


class Samples(NamedTuple):
    """B transitions of a minibatch, out of the M of a rollout.

    Attributes:
        positions: (B,) row of each transition's input among the Q distinct ones.
        actions: (M,) or (M, H) indices.
        log_probs: (M,) of the actions when they were drawn.
        advantages: (B,) of the policy, normalised and weighted.
        returns: (M, C) targets of the values.
        values: (M, C) when the actions were drawn; read with ``clip_range_vf`` only.
        rows: (B,) which of the M transitions they are, or None for all of them in order.
    """

    positions: Ids
    actions: Tensor
    log_probs: Tensor
    advantages: Tensor
    returns: Tensor
    values: Tensor
    rows: Ids | None = None


def ppo_loss(
    logits: Tensor,
    values: Tensor,
    samples: Samples,
    first: Ids,
    *,
    clip_range: float,
    clip_range_vf: float | None,
    vf_coef: float,
    ent_coef: float,
) -> tuple[Tensor, Tensor]:
    """Return PPO's loss, with a gradient, and its statistics.

    The loss is ``policy loss + vf_coef * value loss - ent_coef * entropy``: means over the B
    transitions, the value loss summed over streams. Its gradient at a distinct input is the sum of
    those of the transitions that met it.

    Args:
        logits: (Q, P) of the distinct inputs, masked and biased already.
        values: (Q, C) of the distinct inputs.
        samples: The transitions.
        first: Where the groups of logits start, of :func:`~operant.agents.native.kernels.offsets`.
        clip_range: The ratio of probabilities is clipped to ``1 +- clip_range``.
        clip_range_vf: Largest change of a value, or None for any.
        vf_coef: Weight of the value loss.
        ent_coef: Weight of the entropy.

    Returns:
        The loss, and (6,) detached: loss, policy loss, value loss, negated entropy, approximate
        KL divergence from the old policy, share of ratios outside the clip range.

    Raises:
        ValueError: If an action or a position is out of range, or a shape does not fit.

    Source: Proximal Policy Optimization Algorithms (Schulman et al., 2017), eqs. 7 and 9; for the
    divergence, Approximating KL Divergence (Schulman, 2020).
    """
    _check_shapes(logits, values, samples, first)
    size = len(samples.positions)
    rows, row_values = doubles(logits), doubles(values)
    log_probs, probs = np.empty_like(rows), np.empty_like(rows)
    to_logits, to_values = np.zeros_like(rows), np.zeros_like(row_values)
    weights, counts, sums = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(4)
    soften(rows, first, log_probs, probs)
    taken = np.arange(size) if samples.rows is None else samples.rows
    done = _gather(
        log_probs,
        row_values,
        first,
        samples.positions,
        taken,
        samples.actions.reshape(len(samples.actions), -1).contiguous().numpy(),
        samples.log_probs.contiguous().numpy(),
        samples.advantages.contiguous().numpy(),
        samples.returns.contiguous().numpy(),
        samples.values.contiguous().numpy(),
        (float(clip_range), float("inf" if clip_range_vf is None else clip_range_vf), vf_coef),
        to_logits,
        to_values,
        weights,
        counts,
        sums,
    )
    if done < size:
        raise ValueError(
            f"actions must lie in [0, {np.diff(first).tolist()}) and positions in [0, {len(rows)}),"
            f" got {samples.actions[taken[done]].tolist()} and {samples.positions[done]} in row "
            f"{done}"
        )
    entropy = _finish(log_probs, probs, first, weights, counts, ent_coef / size, to_logits) / size
    policy, value, divergence, clipped = (sums / size).tolist()
    number = policy + vf_coef * value + ent_coef * entropy
    gradients = torch.from_numpy(to_logits).to(logits), torch.from_numpy(to_values).to(values)
    loss: Tensor = _Known.apply(logits, values, number, *gradients)  # type: ignore[no-untyped-call]
    statistics = [number, policy, value, entropy, divergence, clipped]
    return loss, torch.tensor(statistics, dtype=logits.dtype)


def _check_shapes(logits: Tensor, values: Tensor, samples: Samples, first: Ids) -> None:
    """Check what the kernels, which do not look at bounds, rely on."""
    size, (rows, streams) = len(samples.positions), values.shape
    total = size if samples.rows is None else len(samples.log_probs)
    heads = () if samples.actions.ndim == 1 and len(first) == 2 else (len(first) - 1,)
    found_and_wanted = {
        "logits": (logits, (rows, int(first[-1]))),
        "actions": (samples.actions, (total, *heads)),
        "log_probs": (samples.log_probs, (total,)),
        "advantages": (samples.advantages, (size,)),
        "returns": (samples.returns, (total, streams)),
        "values of the samples": (samples.values, (total, streams)),
    }
    for name, (found, wanted) in found_and_wanted.items():
        if found.shape != wanted:
            raise ValueError(f"{name} must have the shape {wanted}, got {tuple(found.shape)}")
    if samples.rows is not None:
        if samples.rows.shape != (size,):
            raise ValueError(f"rows must have the shape {(size,)}, got {samples.rows.shape}")
        if size and not 0 <= samples.rows.min() <= samples.rows.max() < total:
            raise ValueError(
                f"rows must lie in [0, {total}), got {samples.rows.min()} to {samples.rows.max()}"
            )


class _Known(torch.autograd.Function):
    """A number that depends on two tensors, with gradients that are known already."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, _: Tensor, number: float, to_logits: Tensor, to_values: Tensor
    ) -> Tensor:
        ctx.save_for_backward(to_logits, to_values)
        return logits.new_tensor(number)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        to_logits, to_values = ctx.saved_tensors
        return factor * to_logits, factor * to_values, None, None, None


@kernel
def _gather(
    log_probs: Array,
    values: Array,
    first: Ids,
    positions: Ids,
    rows: Ids,
    actions: Ids,
    old_log_probs: Array,
    advantages: Array,
    returns: Array,
    old_values: Array,
    coefs: tuple[float, float, float],
    to_logits: Array,
    to_values: Array,
    weights: Array,
    counts: Array,
    sums: Array,
) -> int:
    """Add up what depends on single transitions; return the first bad row, or B.

    With p the probabilities of a group, the gradient of log p[a] is onehot(a) - p: the weighted
    onehots go to ``to_logits``, and the sum of the weights, which p is multiplied by, to
    ``weights``.
    """
    clip_range, clip_range_vf, vf_coef = coefs
    size, heads = positions.size, first.size - 1
    for i in range(size):
        q, r, log_prob = positions[i], rows[i], 0.0
        if q < 0 or q >= values.shape[0]:
            return i
        for h in range(heads):
            if actions[r, h] < 0 or actions[r, h] >= first[h + 1] - first[h]:
                return i
            log_prob += log_probs[q, first[h] + actions[r, h]]
        log_ratio, advantage = log_prob - old_log_probs[r], advantages[i]
        ratio = np.exp(log_ratio)
        outside = min(max(ratio, 1 - clip_range), 1 + clip_range)
        sums[0] -= min(advantage * ratio, advantage * outside)
        sums[2] += ratio - 1 - log_ratio
        sums[3] += abs(ratio - 1) > clip_range
        counts[q] += 1
        # Clipping ends the gradient only where it lowers the objective.
        if not (
            (advantage > 0 and ratio > 1 + clip_range) or (advantage < 0 and ratio < 1 - clip_range)
        ):
            weight = -advantage * ratio / size
            weights[q] += weight
            for h in range(heads):
                to_logits[q, first[h] + actions[r, h]] += weight
        for c in range(values.shape[1]):
            change = values[q, c] - old_values[r, c]
            if abs(change) > clip_range_vf:
                error = old_values[r, c] + np.copysign(clip_range_vf, change) - returns[r, c]
            else:
                error = values[q, c] - returns[r, c]
                to_values[q, c] += 2 * vf_coef * error / size
            sums[1] += error * error
    return size


@kernel
def _finish(
    log_probs: Array,
    probs: Array,
    first: Ids,
    weights: Array,
    counts: Array,
    ent_coef: float,
    to_logits: Array,
) -> float:
    """Add what depends on distinct inputs alone; return the sum of all negated entropies."""
    total = 0.0
    for q in range(log_probs.shape[0]):
        for h in range(first.size - 1):
            entropy = 0.0
            for j in range(first[h], first[h + 1]):
                if probs[q, j] != 0:  # 0 * log(0) is 0
                    entropy -= probs[q, j] * log_probs[q, j]
            total -= counts[q] * entropy
            for j in range(first[h], first[h + 1]):
                if probs[q, j] != 0:
                    surprise = ent_coef * counts[q] * (log_probs[q, j] + entropy)
                    to_logits[q, j] += probs[q, j] * (surprise - weights[q])
    return total
