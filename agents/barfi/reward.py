"""The learned reward, and the returns and gradients that the policy makes of it.

All have leading axes (T, N), T steps of N rows, in float64: products of Jacobians amplify rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from operant.agents.barfi.implicit import flat
from operant.agents.barfi.rollout import Batch

WEIGHTS = ("constant", "primary", "auxiliary")


class LearnedReward(nn.Module):
    """``phi1 + phi2 * primary + phi3 * auxiliary``, and the discount that goes with it.

    It starts as the sum of both rewards, which is what naive shaping pays, and at the task's own
    discount (clipped to [0.01, 0.99], where its logit still has a slope).

    Attributes:
        phi: (3,) weights in the order of :data:`WEIGHTS`.
        varphi: () logit of the discount.
        head: What is added to the weights in each state and for each action; None for nothing.
    """

    def __init__(self, gamma: float, *, actions: int, head: nn.Module | None = None) -> None:
        """Start at the sum of both rewards.

        Args:
            gamma: Discount of the task, in [0, 1].
            actions: A.
            head: From encoded observations and one-hot actions, (..., D + A), to (..., 3); its
                answers should start at 0.
        """
        super().__init__()
        start = min(max(gamma, 0.01), 0.99)
        self.phi = nn.Parameter(torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64))
        logit = math.log(start / (1 - start))
        self.varphi = nn.Parameter(torch.tensor(logit, dtype=torch.float64))
        self.head, self._actions = head, actions

    @property
    def gamma(self) -> Tensor:
        """The learned discount, () in (0, 1)."""
        return torch.sigmoid(self.varphi)

    def weights(self, rows: Tensor, actions: Tensor) -> Tensor:
        """Return the weights of B transitions, (..., 3).

        Args:
            rows: (..., D) encoded observations.
            actions: (...) int64 in [0, A).
        """
        if self.head is None:
            return self.phi.expand(*actions.shape, len(WEIGHTS))
        chosen = nn.functional.one_hot(actions, self._actions).to(rows)
        weights: Tensor = self.phi + self.head(torch.cat([rows, chosen], -1))
        return weights

    def forward(self, batch: Batch) -> Tensor:
        """Return what the inner learner is paid, (T, N)."""
        constant, primary, auxiliary = self.weights(batch.rows, batch.actions).unbind(-1)
        return constant + primary * batch.primary + auxiliary * batch.auxiliary


def returns(rewards: Tensor, gamma: Tensor | float, ended: Tensor, ahead: Tensor) -> Tensor:
    """Return the discounted sums of rewards from each step to where its row ended, (T, N).

    Args:
        rewards: (T, N).
        gamma: Discount.
        ended: (T, N) bool, nothing that was collected follows; so in the last step everywhere.
        ahead: (T, N) what is expected to follow there; not read elsewhere.
    """
    found: list[Tensor] = []
    following = torch.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        following = rewards[t] + gamma * torch.where(ended[t], ahead[t], following)
        found.append(following)
    return torch.stack(found[::-1])


def policy_gradient(
    log_probs: Tensor, advantages: Tensor, parameters: Sequence[Tensor], *, create_graph: bool
) -> Tensor:
    """Return the mean of ``grad log pi(a|s) * advantage``, (P,).

    Args:
        log_probs: (T, N) of the actions taken.
        advantages: (T, N); with ``create_graph`` the result is differentiable through them too.
        parameters: Of the policy, P numbers in total.
        create_graph: Whether the result is to be differentiated.
    """
    weights = advantages / advantages.numel()
    parts = torch.autograd.grad(log_probs, parameters, weights, create_graph=create_graph)
    return flat(parts)
