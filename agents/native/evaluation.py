"""How often the network looks: at every observation, or once at each that is different."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from operant.agents.native.answers import DistinctPolicy
from operant.agents.native.config import PPOConfig, Stream
from operant.agents.native.distinct_loss import Samples, ppo_loss
from operant.agents.native.encoder import Tensors
from operant.agents.native.heads import conditioned
from operant.agents.native.hooks import Hooks
from operant.agents.native.kernels import Ids, offsets
from operant.agents.native.packing import DistinctTable, Packing
from operant.agents.native.parallel import Ranks
from operant.agents.native.policy import NativePolicy
from operant.agents.native.rollout import Minibatch, RolloutBuffer
from operant.agents.native.update import Loss, combined, minibatch_loss


class Dense:
    """Evaluates the network at every observation."""

    def __init__(
        self,
        policy: NativePolicy,
        config: PPOConfig,
        streams: Sequence[Stream],
        ranks: Ranks,
        hooks: Sequence[Hooks],
    ) -> None:
        """Bind what does not change."""
        self._policy, self._config = policy, config
        self._streams, self._ranks, self._hooks = streams, ranks, hooks

    def begin(self, rollout: RolloutBuffer) -> None:
        """Start a rollout: the network has changed."""

    def decide(self, rollout: RolloutBuffer, step: int, bias: Tensor | None) -> None:
        """Choose the actions of a step; they and what the update needs go into the rollout."""
        self._draw(rollout, step, bias, *self._policy.model(rollout.obs_at(step)))

    def end(self, rollout: RolloutBuffer) -> None:
        """Note that a rollout is complete."""

    def last_values(self, rollout: RolloutBuffer) -> Tensor:
        """Return the values, (N, C), of the observations after the last step."""
        values: Tensor = self._policy.model(rollout.obs_at(rollout.steps))[1]
        return values

    def final_values(self, rollout: RolloutBuffer) -> Tensor:
        """Return the values, (K, C), of the true last observations that are kept apart."""
        values: Tensor = self._policy.model(rollout.final_obs())[1]
        return values

    def minibatches(self, rollout: RolloutBuffer, generator: torch.Generator) -> Iterable[Tensor]:
        """Return the positions of the transitions in each minibatch of an epoch."""
        return shuffled(rollout, self._config.batch_size, generator)

    def _draw(
        self,
        rollout: RolloutBuffer,
        step: int,
        bias: Tensor | None,
        params: Tensor,
        values: Tensor,
    ) -> None:
        """Draw the actions of a step from what the network says."""
        if bias is not None:
            rollout.set_bias(step, bias)
        params = conditioned(params, bias, rollout.mask_at(step))
        actions, log_probs = self._policy.head.sample(params, self._policy.generator)
        rollout.values[step], rollout.actions[step] = values, actions
        rollout.log_probs[step] = log_probs

    def loss(self, rollout: RolloutBuffer, rows: Tensor, clip_range: float) -> Loss:
        """Return the loss of one of the :meth:`minibatches`."""
        return minibatch_loss(
            self._policy.model,
            self._policy.head,
            self._minibatch(rollout, rows),
            self._config,
            self._streams,
            clip_range,
            self._ranks,
            self._hooks,
        )

    def _minibatch(self, rollout: RolloutBuffer, rows: Tensor) -> Minibatch:
        return rollout.minibatch(rows)


class Distinct:
    """Evaluates the network once per different observation; see ``distinct_loss``.

    For categorical policies without a memory, and without hooks that bias actions or add to the
    loss, on the CPU. A mask is part of the input: it decides the answer as well. The gradient is
    the dense one, but actions are drawn by another rule, so other ones come out for a seed.

    Attributes:
        seen: Distinct observations of the minibatches since it was read last, and all of theirs.
    """

    def __init__(
        self, policy: NativePolicy, config: PPOConfig, streams: Sequence[Stream], ranks: Ranks
    ) -> None:
        """Bind what does not change."""
        self._policy, self._config, self._streams, self._ranks = policy, config, streams, ranks
        sizes: Sequence[int] = getattr(policy.head, "sizes", ())
        self._first = offsets(sizes)
        self._known = DistinctPolicy(self._evaluate, sizes, len(streams))
        self._ids: Ids = np.zeros((0, 0), np.int64)
        self.seen = [0, 0]

    def begin(self, rollout: RolloutBuffer) -> None:
        """Start a rollout: the network has changed."""
        self._known.clear()
        if len(self._ids) == 0:
            self._ids = np.zeros((rollout.steps, rollout.num_envs), np.int64)

    def decide(self, rollout: RolloutBuffer, step: int, bias: Tensor | None) -> None:
        """Choose the actions of a step; they and what the update needs go into the rollout."""
        if bias is not None:
            raise ValueError("deduplicate must be False where a hook adds to the logits")
        parts = joined(rollout.obs_at(step), rollout.mask_at(step))
        ids = self._ids[step] = self._known.ids(parts)
        uniforms = torch.rand(
            len(ids), len(self._first) - 1, dtype=torch.float64, generator=self._policy.generator
        )
        actions, log_probs, values = self._known.sample(ids, uniforms.numpy())
        rollout.actions[step] = actions.view_as(rollout.actions[step])
        rollout.log_probs[step], rollout.values[step] = log_probs, values

    def end(self, rollout: RolloutBuffer) -> None:
        """Note that a rollout is complete."""

    def last_values(self, rollout: RolloutBuffer) -> Tensor:
        """Return the values, (N, C), of the observations after the last step."""
        parts = joined(rollout.obs_at(rollout.steps), rollout.mask_at(rollout.steps))
        return self._known.values(self._known.ids(parts))

    def final_values(self, rollout: RolloutBuffer) -> Tensor:
        """Return the values, (K, C), of the true last observations that are kept apart."""
        obs, mask = rollout.final_obs(), None
        if rollout.masks is not None:  # values do not depend on it
            size = len(next(iter(obs.values())))
            mask = torch.ones(size, rollout.masks.shape[2], dtype=torch.bool)
        return self._known.values(self._known.ids(joined(obs, mask)))

    def minibatches(self, rollout: RolloutBuffer, generator: torch.Generator) -> Iterable[Tensor]:
        """Return the positions of the transitions in each minibatch of an epoch."""
        return shuffled(rollout, self._config.batch_size, generator)

    def loss(self, rollout: RolloutBuffer, rows: Tensor, clip_range: float) -> Loss:
        """Return the loss of the transitions at some positions."""
        unique, positions = self._known.table.listed(self._ids.reshape(-1)[rows.numpy()])
        self.seen = [self.seen[0] + len(unique), self.seen[1] + len(positions)]
        # Few different numbers of rows: for each, oneDNN prepares a kernel.
        padded = np.pad(unique, (0, -len(unique) % ROWS), "edge")
        logits, values = (
            part[: len(unique)] for part in self._evaluate(self._known.inputs(padded))
        )
        advantages = rollout.advantages.flatten(0, 1)
        samples = Samples(
            positions,
            rollout.actions.flatten(0, 1),
            rollout.log_probs.flatten(),
            combined(advantages.index_select(0, rows), self._streams, self._ranks),
            rollout.returns.flatten(0, 1),
            rollout.values.flatten(0, 1),
            rows.numpy(),
        )
        return Loss(
            *ppo_loss(
                logits,
                values,
                samples,
                self._first,
                clip_range=clip_range,
                clip_range_vf=self._config.clip_range_vf,
                vf_coef=self._config.vf_coef,
                ent_coef=self._config.ent_coef,
            ),
            size=len(positions),
        )

    def _evaluate(self, parts: Tensors) -> tuple[Tensor, Tensor]:
        """Return the logits, (Q, P), and the values, (Q, C), of :func:`joined` inputs."""
        obs = {key.removeprefix(_OBS): part for key, part in parts.items() if key != _MASK}
        logits, values = self._policy.model(obs)
        return conditioned(logits, None, parts.get(_MASK)), values


_OBS, _MASK = "obs/", "mask"
ROWS = 64
"""Distinct inputs are evaluated in multiples of this number."""


def joined(obs: Tensors, mask: Tensor | None) -> dict[str, Any]:
    """Return all that decides a network's answers, as arrays by key: observations and a mask."""
    parts = {f"{_OBS}{key}": part.numpy() for key, part in obs.items()}
    return parts if mask is None else {**parts, _MASK: mask.numpy()}


def shuffled(
    rollout: RolloutBuffer, batch_size: int, generator: torch.Generator
) -> Iterable[Tensor]:
    """Return the positions of all valid transitions in minibatches of random ones."""
    positions = rollout.near(rollout.positions())
    order = torch.randperm(len(positions), generator=generator, device=positions.device)
    # In their order: the loss does not mind, and memory is read forwards.
    return (ascending(rows) for rows in torch.split(positions[order], batch_size))


def ascending(rows: Tensor) -> Tensor:
    """Return positions in ascending order."""
    if rows.is_cuda:
        return rows.sort().values
    return torch.from_numpy(np.sort(rows.numpy()))  # 20 times as fast as torch's on a CPU


def count_distinct(rollout: RolloutBuffer, rows: Tensor) -> int:
    """Return how many different inputs there are at some positions of a rollout."""
    batch = rollout.minibatch(rows)
    parts = joined(batch.obs, batch.masks)
    packing = Packing(parts)
    table = DistinctTable(packing.words)
    table.ids(packing.pack(parts))
    return len(table)
