"""What is learned in BARFI: a policy, a critic and a reward, each from batches of transitions."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from operant.agents.barfi.config import BARFIConfig
from operant.agents.barfi.implicit import flat, implicit_gradient
from operant.agents.barfi.policy import SoftmaxPolicy, network
from operant.agents.barfi.reward import WEIGHTS, LearnedReward, policy_gradient, returns
from operant.agents.barfi.rollout import Batch
from operant.agents.base import Array, Arrays
from operant.agents.weights import (
    fill_module,
    load_optimizer,
    module_arrays,
    optimizer_arrays,
)
from operant.arrays import section


class Learner:
    """Improves a policy by a learned reward, and that reward by the primary one.

    Attributes:
        policy: Softmax policy, theta.
        critic: From encoded observations to two values: of the learned reward with the entropy, and
            of the primary reward. A baseline, and what is expected where a batch cuts an episode.
        reward: The learned reward and discount, phi and varphi.
    """

    def __init__(self, policy: SoftmaxPolicy, config: BARFIConfig) -> None:
        """Build critic and reward; their weights are drawn from the policy's generator."""
        self.policy, self._config = policy, config
        width, actions = policy.encoder.width, policy.head.outputs
        self.critic = network((width, *config.net_arch, 2), policy.generator)
        head = None
        if config.reward_arch is not None:
            sizes = (width + actions, *config.reward_arch, len(WEIGHTS))
            head = network(sizes, policy.generator)
        self.reward = LearnedReward(config.gamma, actions=actions, head=head)
        self._theta = list(policy.network.parameters())
        self._modules: dict[str, nn.Module] = {
            "policy": policy.network,
            "critic": self.critic,
            "reward": self.reward,
        }
        inner, outer = config.inner_learning_rate, config.outer_learning_rate
        self._optimizers = {
            name: torch.optim.Adam(module.parameters(), lr=outer if name == "reward" else inner)
            for name, module in self._modules.items()
        }

    # ---- inner problem ----------------------------------------------------------------------

    def field(self, batch: Batch) -> Tensor:
        """Return ``Delta``, (P,): how the learned reward would have the policy change.

        It is differentiable with respect to theta, phi and varphi. Scaling it leaves its zeros
        where they are; the scale makes the Neumann step a number without a unit.

        Args:
            batch: Of the current policy.
        """
        log_probs = self._log_probs(batch)
        advantages = self._soft_returns(batch, log_probs) - self._values(batch.rows)[..., 0]
        spread = float(advantages.detach().std(correction=0))
        scale = max(spread, self._config.temperature, 1e-8)
        return policy_gradient(log_probs, advantages / scale, self._theta, create_graph=True)

    def improve_policy(self, field: Tensor) -> None:
        """Take a step along the field."""
        self._ascend("policy", field.detach())

    def fit_critic(self, batch: Batch) -> None:
        """Fit the values to the returns of a batch of the current policy."""
        with torch.no_grad():
            soft = self._soft_returns(batch, self._log_probs(batch))
            targets = torch.stack([soft, self._primary_returns(batch)], -1)
        for _ in range(self._config.critic_steps):
            self._optimizers["critic"].zero_grad()
            loss = (self.critic(batch.rows) - targets).square().mean()
            loss.backward()
            self._optimizers["critic"].step()

    def _soft_returns(self, batch: Batch, log_probs: Tensor) -> Tensor:
        """Return sums of the learned reward and the entropy bonus, (T, N)."""
        paid = self.reward(batch) - self._config.temperature * log_probs
        return returns(paid, self.reward.gamma, batch.ended, self._ahead(batch)[..., 0])

    # ---- outer problem ----------------------------------------------------------------------

    def improve_reward(self, field: Tensor, fresh: Batch) -> None:
        """Take a step that lets the primary return of the inner solution grow.

        Args:
            field: Of one batch of the current policy.
            fresh: Another one: a product of two estimates from the same batch would be biased.
        """
        outer = list(self.reward.parameters())
        found = implicit_gradient(
            field,
            self._theta,
            outer,
            self._primary_gradient(fresh),
            eta=self._config.neumann_step,
            terms=self._config.neumann_terms,
        )
        penalty = self._config.gamma_penalty * self.reward.gamma
        (slope,) = torch.autograd.grad(penalty, self.reward.varphi)
        parts = [
            part - slope if parameter is self.reward.varphi else part
            for parameter, part in zip(outer, found, strict=True)
        ]
        self._ascend("reward", flat(parts))

    def _primary_gradient(self, batch: Batch) -> Tensor:
        """Return ``dJ/dtheta``, (P,), up to a positive factor: per step instead of per episode."""
        # Without the weighting of states by gamma^t it would be the gradient of no objective.
        weights = self._config.gamma**batch.episode_step
        advantages = weights * (self._primary_returns(batch) - self._values(batch.rows)[..., 1])
        log_probs = self._log_probs(batch)
        return policy_gradient(log_probs, advantages, self._theta, create_graph=False)

    def _primary_returns(self, batch: Batch) -> Tensor:
        ahead = self._ahead(batch)[..., 1]
        return returns(batch.primary, self._config.gamma, batch.ended, ahead)

    # ---- both -------------------------------------------------------------------------------

    def _log_probs(self, batch: Batch) -> Tensor:
        logs = torch.log_softmax(self.policy.network(batch.rows), -1)
        return logs.gather(-1, batch.actions.unsqueeze(-1)).squeeze(-1)

    @torch.no_grad()
    def _values(self, rows: Tensor) -> Tensor:
        values: Tensor = self.critic(rows)
        return values

    def _ahead(self, batch: Batch) -> Tensor:
        """Return the values of the successors, (T, N, 2); 0 where nothing can be earned."""
        return self._values(batch.after).masked_fill(batch.terminated.unsqueeze(-1), 0.0)

    def _ascend(self, name: str, gradient: Tensor) -> None:
        parameters = list(self._modules[name].parameters())
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, part in zip(parameters, torch.split(gradient, sizes), strict=True):
            parameter.grad = -part.view_as(parameter)  # torch descends
        self._optimizers[name].step()

    @torch.no_grad()
    def metrics(self, batch: Batch) -> dict[str, float]:
        """Return the weights, averaged over a batch, the discount and the policy's entropy."""
        phi = self.reward.weights(batch.rows, batch.actions).mean((0, 1)).tolist()
        return {
            **{f"train/weight_{name}": x for name, x in zip(WEIGHTS, phi, strict=True)},
            "train/gamma": float(self.reward.gamma),
            "train/entropy": -float(self._log_probs(batch).mean()),
        }

    # ---- state ------------------------------------------------------------------------------

    def state(self) -> Arrays:
        """Return all that changes."""
        arrays: Arrays = {"generator": self.policy.generator.get_state().numpy().copy()}
        for name, module in self._modules.items():
            arrays |= {f"{name}/{key}": x for key, x in module_arrays(module).items()}
            adam = optimizer_arrays(self._optimizers[name])
            arrays |= {f"adam/{name}/{key}": x for key, x in adam.items()}
        return arrays

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`state` returned.

        Raises:
            ValueError: If names, shapes or types differ.
        """
        self.policy.generator.set_state(torch.from_numpy(arrays["generator"].copy()))
        for name, module in self._modules.items():
            fill_module(module, section(arrays, name))
            load_optimizer(self._optimizers[name], section(arrays, f"adam/{name}"))
