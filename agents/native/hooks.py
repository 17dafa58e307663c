"""Six places where a design may take part in training when a wrapper of the env is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from operant.agents.base import Array, Arrays, Json

if TYPE_CHECKING:
    from operant.agents.native.encoder import Tensors
    from operant.agents.native.ppo import PPOAgent
    from operant.agents.native.rollout import Minibatch, RolloutBuffer


class Hooks:
    """A design inside the agent. Every method does nothing until a subclass says otherwise.

    A rollout passes through: :meth:`action_bias` before each step; then :meth:`process_rollout`,
    :meth:`reward_streams`, the advantages, :meth:`reference_policy`, :meth:`on_rollout_end`; then
    :meth:`extra_loss` in each minibatch. Several hooks act in the order of the list.

    Attributes:
        reference_coef: Weight of the divergence from :meth:`reference_policy`, >= 0.
    """

    reference_coef: float = 1.0

    def process_rollout(self, rollout: RolloutBuffer) -> None:
        """Rewrite rewards in place, e.g. ``rollout.stream("reward")``, before values are used."""

    def reward_streams(self, rollout: RolloutBuffer) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return rewards, (T, N), of streams that the config names."""
        return {}

    def action_bias(self, obs: Tensors) -> Tensor | None:  # noqa: ARG002
        """Return what to add to the logits of B observations, (B, P), or None.

        The biased policy is the agent's policy: it acts, and its probabilities are trained on.
        An exported policy knows no hooks. Not for Box actions.
        """
        return None

    def reference_policy(self, obs: Tensors) -> Tensor | None:  # noqa: ARG002
        """Return params of a policy to stay near to, (B, P), or None; asked once per rollout.

        :attr:`reference_coef` times KL(policy || reference) is added to the loss.
        """
        return None

    def on_rollout_end(self, agent: PPOAgent) -> None:
        """Learn from ``agent.rollout``, which is complete; the agent trains on it afterwards."""

    def extra_loss(
        self,
        batch: Minibatch,  # noqa: ARG002
        params: Tensor,  # noqa: ARG002
        values: Tensor,  # noqa: ARG002
    ) -> Tensor | None:
        """Return a scalar to add to the loss of a minibatch, or None.

        Args:
            batch: The minibatch as it was collected.
            params: (B, P) of the policy now, with bias and mask.
            values: (B, C) now.
        """
        return None

    def state(self) -> tuple[Arrays, Json]:
        """Return what the hook must keep for training to continue bit for bit."""
        return {}, {}

    def load_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Restore what :meth:`state` returned."""
