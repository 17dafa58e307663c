"""A network with a memory: one step at a time in a rollout, whole sequences in the update."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from operant.agents.base import Array
from operant.agents.native.collector import Collector
from operant.agents.native.config import PPOConfig, Stream
from operant.agents.native.evaluation import Dense
from operant.agents.native.hooks import Hooks
from operant.agents.native.parallel import Ranks
from operant.agents.native.policy import NativePolicy
from operant.agents.native.rollout import Minibatch, RolloutBuffer
from operant.agents.native.sequences import Sequences


class Recurrent(Dense):
    """Evaluates a network with a memory, of which N rows have one each.

    A memory is cleared at the first observation of an episode. In NEXT_STEP mode that is the one
    after the pseudo-step: at the pseudo-step the network sees the last observation of the old
    episode, with the memory of it. The other modes have no such step, so the memory that belongs to
    a true last observation is put aside until the rollout is complete.
    """

    def __init__(
        self,
        policy: NativePolicy,
        config: PPOConfig,
        streams: Sequence[Stream],
        ranks: Ranks,
        hooks: Sequence[Hooks],
        collector: Collector,
    ) -> None:
        """Bind what does not change, and remember nothing.

        Raises:
            ValueError: If the policy has no memory.
        """
        super().__init__(policy, config, streams, ranks, hooks)
        if policy.memory_shape is None:
            raise ValueError("the policy has no memory; build it with recurrent='lstm' or 'gru'")
        self._collector = collector
        layers, units = policy.memory_shape
        shape = layers, collector.env.num_envs, units
        self._memory = torch.zeros(shape, device=config.device)
        chunks = config.n_steps // config.horizon
        self._stored = torch.zeros(chunks, *shape, device=config.device)
        self._starts = torch.zeros(
            config.n_steps + 1, shape[1], dtype=torch.bool, device=config.device
        )
        self._finals: list[Tensor] = []
        self._sequences: Sequences | None = None

    def begin(self, rollout: RolloutBuffer) -> None:
        """Start a rollout; nothing is remembered if the env is about to be reset."""
        del rollout
        self._finals = []
        if not self._collector.stands:
            self._memory = torch.zeros_like(self._memory)

    def decide(self, rollout: RolloutBuffer, step: int, bias: Tensor | None) -> None:
        """Choose the actions of a step; they and what the update needs go into the rollout."""
        if step > 0:
            self._arrive(rollout, step)
        chunk, within = divmod(step, self._config.horizon)
        if within == 0:
            self._stored[chunk] = self._memory
        params, values, self._memory = self._policy.model.step(rollout.obs_at(step), self._memory)
        self._draw(rollout, step, bias, params, values)

    def end(self, rollout: RolloutBuffer) -> None:
        """Note that a rollout is complete."""
        self._arrive(rollout, rollout.steps)

    def last_values(self, rollout: RolloutBuffer) -> Tensor:
        """Return the values, (N, C), of the observations after the last step."""
        return self._policy.model.step(rollout.obs_at(rollout.steps), self._memory)[1]

    def final_values(self, rollout: RolloutBuffer) -> Tensor:
        """Return the values, (K, C), of the true last observations that are kept apart."""
        return self._policy.model.step(rollout.final_obs(), torch.cat(self._finals, 1))[1]

    def minibatches(self, rollout: RolloutBuffer, generator: torch.Generator) -> Iterable[Tensor]:
        """Return the numbers of the sequences in each minibatch of an epoch."""
        self._sequences = Sequences(rollout.near(rollout.valid), self._starts[:-1], self._stored)
        numbers = self._sequences.numbers
        order = torch.randperm(len(numbers), generator=generator, device=numbers.device)
        each = max(1, round(self._config.batch_size / self._config.horizon))
        return torch.split(numbers[order], each)

    def _minibatch(self, rollout: RolloutBuffer, rows: Tensor) -> Minibatch:
        if self._sequences is None:
            raise ValueError("there are no sequences before minibatches() was called")
        return rollout.minibatch(*self._sequences.take(rows))

    def _arrive(self, rollout: RolloutBuffer, step: int) -> None:
        """Put aside what belongs to episodes that ended before a step, and clear it."""
        for final in rollout.finals[len(self._finals) :]:
            self._finals.append(self._memory[:, final.rows.to(self._memory.device)])
        if self._collector.pseudo_steps:
            starts = ~rollout.valid[step - 1]
        else:
            starts = rollout.terminated[step - 1] | rollout.truncated[step - 1]
        starts = rollout.near(starts)
        self._starts[step] = starts
        self._memory = self._memory.masked_fill(starts.view(1, -1, 1), 0.0)

    # ---- state ------------------------------------------------------------------------------

    def state(self) -> Array:
        """Return what is remembered between two rollouts, (M, N, H)."""
        memory: Array = self._memory.cpu().numpy().copy()
        return memory

    def load_state(self, memory: Array) -> None:
        """Restore what :meth:`state` returned.

        Raises:
            ValueError: If it is of another shape.
        """
        wanted = tuple(self._memory.shape)
        if memory.shape != wanted:
            raise ValueError(f"saved memory should have the shape {wanted}, got {memory.shape}")
        self._memory = torch.from_numpy(memory.copy()).to(self._config.device)
