"""Look-ahead advice for a policy gradient: opinions about actions that do not move the aim."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from operant.agents.base import check_range
from operant.agents.native.config import REWARD
from operant.agents.native.gae import advantages
from operant.agents.native.heads import conditioned
from operant.agents.native.hooks import Hooks

if TYPE_CHECKING:
    from operant.agents.native.encoder import Tensors
    from operant.agents.native.ppo import PPOAgent
    from operant.agents.native.rollout import RolloutBuffer

Advice: TypeAlias = Callable[["Tensors"], Tensor]
"""Turns B observations by key (a space that is no Dict has the key "") into (B, A) numbers."""


class LookAheadAdvice(Hooks):
    """Adds ``gamma Phi(s', a') - Phi(s, a)`` to the reward; a' is the action taken next.

    Phi is the advice, in units of return. Values are then learned less ``E Phi(s, .)``, the mean
    over the policy's actions, and advantages come out less ``Phi(s, a) - E Phi(s, .)``. A learner
    of action values makes up for that by acting on ``Q + Phi``. A policy gradient that climbed the
    shaped advantages would go wrong in the same way, and no bias of the logits could help it,
    because the policy is trained bias included. So the difference is given back to the advantages,
    and only to them: the critic goes on learning shaped values.

    Guaranteed, for every Phi: with ``gae_lambda=1`` the advantages are those of the true reward
    (with shaped values that are off by as much as unshaped ones would be); with less they differ
    by noise of mean 0. Where training ends up is thus up to the true reward. What the advice does
    is where training starts: the critic's errors are those of ``E Phi`` plus what it learned, and
    the policy's logits begin at ``scale Phi``. Both wear off. Not guaranteed: that PPO, which
    climbs a clipped surrogate and has finite samples, gets past a bias that nearly excludes the
    best action; keep ``scale`` times the range of Phi within a few units.

    Where the next action is not known - at the last step of a rollout, and where a time limit cut -
    ``E Phi(s', .)`` under the policy now stands for it. As the value there is less just that, the
    sum is what it would be on average over the next action, and nothing is carried over to the next
    rollout: the hook has no state. Behind a terminal state Phi is 0. Masks of observations at
    which a time limit cut are not known: there, all actions count in the mean.

    The advice is part of the policy that is trained, but no part of its network: a policy saved by
    itself acts without it, and saving one warns of that.

    The rewards of the rollout are shaped after the advantages were computed, which are linear in
    them; hooks before this one in the list see the true reward.

    Source: Principled Methods for Advising Reinforcement Learning Agents (Wiewiora, Cottrell,
    Elkan, 2003); the form for policy gradients is derived here.
    """

    def __init__(self, advice: Advice, *, scale: float = 1.0) -> None:
        """Take the advice.

        Args:
            advice: Tells what each action is worth: B observations -> (B, A), finite, for Discrete
                actions. It must not change.
            scale: Units of logit per unit of advice, >= 0: the policy starts as the softmax of
                ``scale * Phi``. With ``ent_coef > 0``, ``1 / ent_coef`` corresponds to acting on
                ``Q + Phi`` softly. 0 leaves the logits alone.

        Raises:
            ValueError: If ``scale`` is out of range.
        """
        check_range("scale", scale, 0.0, 1e6)
        self._advice, self._scale = advice, scale

    def action_bias(self, obs: Tensors) -> Tensor | None:
        """Return the advice as logits; see :meth:`Hooks.action_bias`."""
        return self._scale * self._said(obs)

    @torch.no_grad()
    def on_rollout_end(self, agent: PPOAgent) -> None:
        """Shape rewards, values' targets and advantages; see :meth:`Hooks.on_rollout_end`.

        Raises:
            ValueError: If the agent is recurrent, its actions are not Discrete, or the stream of
                the reward runs on beyond the end of episodes or is missing.
        """
        _check(agent)
        rollout, stream = agent.rollout, agent.config.streams()[REWARD]
        column = rollout.streams.index(REWARD)
        phi, mean = self._rollout(agent)
        shaping = _shaping(rollout, phi, mean, self._final_means(agent), gamma=stream.gamma)
        rollout.rewards[:, :, column] += shaping
        nothing = torch.zeros_like(shaping).unsqueeze(-1)
        change = advantages(
            shaping.unsqueeze(-1),
            nothing,
            nothing[0],
            nothing,
            rollout.terminated | rollout.truncated,
            rollout.valid,
            gamma=shaping.new_tensor([stream.gamma]),
            episodic=torch.ones(1, dtype=torch.bool, device=shaping.device),
            gae_lambda=agent.config.gae_lambda,
        ).squeeze(-1)
        rollout.returns[:, :, column] += change
        rollout.advantages[:, :, column] += change + (phi - mean[:-1]) * rollout.valid

    def _rollout(self, agent: PPOAgent) -> tuple[Tensor, Tensor]:
        """Return the advice about the actions taken, (T, N), and its means, (T + 1, N)."""
        rollout = agent.rollout
        obs = {key: rollout.near(part.flatten(0, 1)) for key, part in rollout.obs.items()}
        mask = None if rollout.masks is None else rollout.near(rollout.masks.flatten(0, 1))
        shape = rollout.steps + 1, rollout.num_envs
        said = self._said(obs).view(*shape, -1)
        mean = (_probabilities(agent, obs, mask).view_as(said) * said).sum(-1)
        actions = rollout.near(rollout.actions).unsqueeze(-1)
        phi = said[:-1].gather(-1, actions).squeeze(-1)
        return phi.to(rollout.rewards.device), mean.to(rollout.rewards.device)

    def _final_means(self, agent: PPOAgent) -> Tensor | None:
        """Return the means, (K,), at the true last observations that are kept apart, if any."""
        if not agent.rollout.finals:
            return None
        obs = agent.rollout.final_obs()
        return (_probabilities(agent, obs, None) * self._said(obs)).sum(-1)

    def _said(self, obs: Tensors) -> Tensor:
        said = self._advice(obs).detach().float()
        if not bool(said.isfinite().all()):
            raise ValueError("advice must be finite, got NaN or infinity")
        return said


def _check(agent: PPOAgent) -> None:
    """Refuse an agent whose next actions cannot be averaged over."""
    if agent.config.recurrent is not None:
        raise ValueError(f"recurrent must be None with LookAheadAdvice, got {agent.config!r}")
    if agent.policy.head.gaussian or agent.policy.head.shape:
        raise ValueError(
            f"actions must be Discrete with LookAheadAdvice, got {agent.env.single_action_space}"
        )
    stream = agent.config.streams().get(REWARD)
    if stream is None or not stream.episodic:
        raise ValueError(
            f"reward_streams must have an episodic {REWARD!r} with LookAheadAdvice, got {stream}"
        )


def _probabilities(agent: PPOAgent, obs: Tensors, mask: Tensor | None) -> Tensor:
    """Return the policy's probabilities now, (B, A), with the biases of all hooks."""
    params, _ = agent.policy.model(obs)
    for hook in agent.hooks:
        bias = hook.action_bias(obs)
        params = params if bias is None else params + bias
    return torch.softmax(conditioned(params, None, mask), -1)


def _shaping(
    rollout: RolloutBuffer, phi: Tensor, mean: Tensor, finals: Tensor | None, *, gamma: float
) -> Tensor:
    """Return what is added to the rewards, (T, N).

    Args:
        rollout: What was done.
        phi: (T, N) advice about the actions taken.
        mean: (T + 1, N) means of the advice over the policy's actions.
        finals: (K,) the same at the true last observations that are kept apart.
        gamma: Discount, in [0, 1].
    """
    cut = rollout.truncated & ~rollout.terminated
    ahead = torch.cat([phi[1:], mean[-1:]])
    # In NEXT_STEP mode the true last observation follows; the other modes keep it apart.
    ahead = torch.where(cut, mean[1:], ahead)
    if finals is not None:
        steps = torch.cat([torch.full_like(final.rows, final.step) for final in rollout.finals])
        rows = torch.cat([final.rows for final in rollout.finals])
        ahead[steps.to(ahead.device), rows.to(ahead.device)] = finals.to(ahead)
    shaping: Tensor = gamma * ahead.masked_fill(rollout.terminated, 0.0) - phi
    return shaping.masked_fill(~rollout.valid, 0.0)
