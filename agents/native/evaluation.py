"""How often the network looks: at every observation, or once at each that is different."""

from __future__ import annotations

from collections.abc import Sequence
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
from operant.agents.native.policy import NativePolicy
from operant.agents.native.rollout import RolloutBuffer
from operant.agents.native.update import Loss, combined, minibatch_loss


class Dense:
    """Evaluates the network at every observation."""

    def __init__(
        self,
        policy: NativePolicy,
        config: PPOConfig,
        streams: Sequence[Stream],
        hooks: Sequence[Hooks],
    ) -> None:
        """Bind what does not change."""
        self._policy, self._config = policy, config
        self._streams, self._hooks = streams, hooks

    def decide(self, rollout: RolloutBuffer, step: int, bias: Tensor | None) -> None:
        """Choose the actions of a step; they and what the update needs go into the rollout."""
        params, values = self._policy.model(rollout.obs_at(step))
        if bias is not None:
            rollout.set_bias(step, bias)
        params = conditioned(params, bias, rollout.mask_at(step))
        actions, log_probs = self._policy.head.sample(params, self._policy.generator)
        rollout.values[step], rollout.actions[step] = values, actions
        rollout.log_probs[step] = log_probs

    def values(self, obs: Tensors) -> Tensor:
        """Return the values of observations, (B, C)."""
        values: Tensor = self._policy.model(obs)[1]
        return values

    def loss(self, rollout: RolloutBuffer, rows: Tensor, clip_range: float) -> Loss:
        """Return the loss of the transitions at some positions."""
        return minibatch_loss(
            self._policy.model,
            self._policy.head,
            rollout.minibatch(rows),
            self._config,
            self._streams,
            clip_range,
            self._hooks,
        )


class Distinct:
    """Evaluates the network once per different observation; see ``distinct_loss``.

    For categorical policies without masks, biases and other hooks, on the CPU. The gradient is the
    dense one, but actions are drawn by another rule, so other ones come out for a seed.

    Attributes:
        seen: Distinct observations of the minibatches since it was read last, and all of theirs.
    """

    def __init__(self, policy: NativePolicy, config: PPOConfig, streams: Sequence[Stream]) -> None:
        """Bind what does not change."""
        self._policy, self._config, self._streams = policy, config, streams
        sizes: Sequence[int] = getattr(policy.head, "sizes", ())
        self._first = offsets(sizes)
        self._known = DistinctPolicy(policy.model, sizes, len(streams))
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
        ids = self._ids[step] = self._known.ids(_arrays(rollout.obs_at(step)))
        uniforms = torch.rand(
            len(ids), len(self._first) - 1, dtype=torch.float64, generator=self._policy.generator
        )
        actions, log_probs, values = self._known.sample(ids, uniforms.numpy())
        rollout.actions[step] = actions.view_as(rollout.actions[step])
        rollout.log_probs[step], rollout.values[step] = log_probs, values

    def values(self, obs: Tensors) -> Tensor:
        """Return the values of observations, (B, C)."""
        return self._known.values(self._known.ids(_arrays(obs)))

    def loss(self, rollout: RolloutBuffer, rows: Tensor, clip_range: float) -> Loss:
        """Return the loss of the transitions at some positions."""

        def take(part: Tensor) -> Tensor:
            return part.flatten(0, 1).index_select(0, rows)

        unique, positions = self._known.table.listed(self._ids.reshape(-1)[rows.numpy()])
        self.seen = [self.seen[0] + len(unique), self.seen[1] + len(positions)]
        logits, values = self._policy.model(self._known.inputs(unique))
        samples = Samples(
            positions,
            take(rollout.actions),
            take(rollout.log_probs),
            combined(take(rollout.advantages), self._streams),
            take(rollout.returns),
            take(rollout.values),
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
            )
        )


def count_distinct(rollout: RolloutBuffer, rows: Tensor) -> int:
    """Return how many different observations there are at some positions of a rollout."""
    parts = _arrays(rollout.minibatch(rows).obs)
    packing = Packing(parts)
    table = DistinctTable(packing.words)
    table.ids(packing.pack(parts))
    return len(table)


def _arrays(obs: Tensors) -> dict[str, Any]:
    return {key: part.numpy() for key, part in obs.items()}
