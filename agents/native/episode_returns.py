"""Discounted returns of whole episodes, which may span rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from operant.agents.base import Array, Arrays

if TYPE_CHECKING:
    from operant.agents.native.ppo import PPOAgent


class EpisodeReturns:
    """Adds up the rewards of running episodes, per stream, with the stream's own discount.

    An episode ends by itself or by a time limit; what that cut off is not counted.
    """

    def __init__(self) -> None:
        """Start with no episode running."""
        # (N, C): the sum so far, and what the next reward counts.
        self._sums, self._weights = torch.zeros(0), torch.zeros(0)

    def means(self, agent: PPOAgent) -> dict[str, float] | None:
        """Return the mean returns of the episodes that ended in the last rollout, by stream.

        To be called once per rollout. None if no episode ended, in any rank.
        """
        rollout, streams = agent.rollout, agent.config.streams()
        if len(self._sums) == 0:
            self._sums = torch.zeros_like(rollout.rewards[0], dtype=torch.float64)
            self._weights = torch.ones_like(self._sums)
        self._sums = self._sums.to(rollout.rewards.device)
        self._weights = self._weights.to(rollout.rewards.device)
        gamma = self._sums.new_tensor([stream.gamma for stream in streams.values()])
        ends = (rollout.terminated | rollout.truncated) & rollout.valid
        total = torch.zeros_like(gamma)
        for rewards, valid, ended in zip(rollout.rewards, rollout.valid, ends, strict=True):
            pseudo = ~valid.unsqueeze(-1)
            self._sums += (self._weights * rewards).masked_fill(pseudo, 0.0)
            self._weights *= torch.where(pseudo, 1.0, gamma)
            total += self._sums[ended].sum(0)
            self._sums[ended], self._weights[ended] = 0.0, 1.0
        everything = rollout.near(torch.cat([total, ends.sum().to(total).view(1)]))
        *sums, count = agent.ranks.total(everything).tolist()
        if count == 0:
            return None
        return {name: value / count for name, value in zip(streams, sums, strict=True)}

    def state(self) -> Arrays:
        """Return the running episodes, for :meth:`load_state`."""
        parts = {"sums": self._sums, "weights": self._weights}
        return {name: part.cpu().numpy().copy() for name, part in parts.items()}

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`state` returned."""
        self._sums, self._weights = (
            torch.from_numpy(arrays[name].copy()) for name in ("sums", "weights")
        )
