"""Objectives beyond the expected discounted return, as hooks of PPO.

J_i is the mean return of reward stream i, discounted by the stream's own gamma, over episodes as
they end: by themselves or by a time limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from operant.agents.base import Array, Arrays, Json, check_range
from operant.agents.native.config import REWARD
from operant.agents.native.episode_returns import EpisodeReturns
from operant.agents.native.heads import conditioned
from operant.agents.native.hooks import Hooks

if TYPE_CHECKING:
    from operant.agents.native.encoder import Tensors
    from operant.agents.native.ppo import PPOAgent
    from operant.agents.native.rollout import RolloutBuffer

Returns: TypeAlias = Mapping[str, float]
"""A number per reward stream, by name."""


class ConstrainedObjective(Hooks):
    """Maximises the reward subject to a cost: max J_reward such that J_cost <= limit.

    The cost is a reward stream of the config (a term of the env, or of a hook), with a critic of
    its own. The policy follows the advantages of ``reward - price * cost``. After each rollout in
    which episodes ended, with ``excess = J_cost - limit`` in them, the multiplier rises by ``rate *
    excess`` and the price is ``multiplier + damping * excess``, both at least 0.

    Where the best policy has to mix actions, plain dual ascent has policy and multiplier circle
    around the solution, out to policies that no longer explore; damping lets them spiral into it.

    Source: Constrained Markov Decision Processes (Altman, 1999); Responsive Safety in
    Reinforcement Learning by PID Lagrangian Methods (Stooke, Achiam, Abbeel, 2020), without the
    derivative term.

    Attributes:
        multiplier: Lagrange's, in units of reward per unit of cost, >= 0.
        price: What a unit of cost is charged now, in the same units, >= 0.
    """

    def __init__(
        self,
        *,
        limit: float,
        cost: str = "cost",
        rate: float = 0.05,
        damping: float = 1.0,
        multiplier: float = 0.0,
    ) -> None:
        """State the constraint.

        Args:
            limit: Largest mean cost of an episode, finite.
            cost: Name of the stream.
            rate: Step size of the multiplier, > 0.
            damping: Units of price per unit of excess, >= 0; 0 for plain dual ascent.
            multiplier: At the start, >= 0.

        Raises:
            ValueError: If an argument is out of range.
        """
        check_range("limit", limit, -1e30, 1e30)
        check_range("rate", rate, 1e-12, 1e30)
        check_range("damping", damping, 0.0, 1e30)
        check_range("multiplier", multiplier, 0.0, 1e30)
        if cost == REWARD:
            raise ValueError(f"cost must be another stream than the reward, got {cost!r}")
        self.multiplier = self.price = multiplier
        self._limit, self._cost, self._rate, self._damping = limit, cost, rate, damping
        self._episodes = EpisodeReturns()

    def on_rollout_end(self, agent: PPOAgent) -> None:
        """Settle the price, then the advantages; see :meth:`Hooks.on_rollout_end`.

        Raises:
            ValueError: If the config lacks one of the two streams.
        """
        streams = agent.rollout.streams
        if not {REWARD, self._cost} <= set(streams):
            raise ValueError(
                f"reward_streams must have {REWARD!r} and the cost {self._cost!r}, got {streams}"
            )
        means = self._episodes.means(agent)
        if means is not None:
            excess = means[self._cost] - self._limit
            self.multiplier = max(0.0, self.multiplier + self._rate * excess)
            self.price = max(0.0, self.multiplier + self._damping * excess)
            agent.log.add("train", {f"episode_{self._cost}": means[self._cost]})
        agent.log.add("train", {f"price_of_{self._cost}": self.price})
        gained, paid = (
            agent.rollout.advantages[:, :, streams.index(name)] for name in (REWARD, self._cost)
        )
        # All in one column: if the reward's advantages are normalised, it is their difference's.
        gained -= self.price * paid
        paid.zero_()

    def state(self) -> tuple[Arrays, Json]:
        """Return multiplier, price and running episodes; see :meth:`Hooks.state`."""
        return self._episodes.state(), {"multiplier": self.multiplier, "price": self.price}

    def load_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Restore what :meth:`state` returned; see :meth:`Hooks.load_state`."""
        self._episodes.load_state(arrays)
        self.multiplier, self.price = meta["multiplier"], meta["price"]


class ReturnUtility(Hooks):
    """Maximises a function f of the mean returns: f(J_1, ..., J_C), by its gradient's weights.

    Since ``d f(J) = sum_i f_i(J) dJ_i``, the advantages of stream i are multiplied by the partial
    derivative f_i at the returns of the last rollouts. With one stream that is f(E[G]), as in
    "come close to a mean return of c"; with several, fairness (``f_i = 1 / J_i``) and the like. The
    best policy may be a mixture that no reward has. It is a function of expectations: for the
    expectation of a function, E[f(G)], pay f(G) at the end of the episode instead.

    The streams must have ``normalize=False``: normalised advantages would lose the weights.
    Nothing is learned before the first episode has ended.

    Source: On the Expressivity of Objective-Specification Formalisms in Reinforcement Learning
    (Subramani et al., 2024), objectives ONMR and OMORL.
    """

    def __init__(self, gradient: Callable[[Returns], Returns], *, rate: float = 0.5) -> None:
        """Take the derivative of f.

        Args:
            gradient: Partial derivatives of f, finite, of mean returns, both by stream.
            rate: Share of the last rollout's episodes in the running mean returns, in (0, 1].

        Raises:
            ValueError: If ``rate`` is out of range.
        """
        check_range("rate", rate, 1e-9, 1.0)
        self._gradient, self._rate = gradient, rate
        self._returns: dict[str, float] = {}
        self._episodes = EpisodeReturns()

    def on_rollout_end(self, agent: PPOAgent) -> None:
        """Weight the advantages; see :meth:`Hooks.on_rollout_end`.

        Raises:
            ValueError: If a stream normalises its advantages, or its weight is missing or not
                finite.
        """
        streams = agent.config.streams()
        normalized = [name for name, stream in streams.items() if stream.normalize]
        if normalized:
            raise ValueError(f"normalize must be False for the streams, not so for {normalized}")
        for name, mean in (self._episodes.means(agent) or {}).items():
            old = self._returns.get(name, mean)
            self._returns[name] = old + self._rate * (mean - old)
        weights = (
            self._gradient(dict(self._returns)) if self._returns else dict.fromkeys(streams, 0)
        )
        if set(weights) != set(streams) or not all(map(math.isfinite, weights.values())):
            raise ValueError(
                f"gradient must return a finite number for each of {list(streams)}, got {weights}"
            )
        agent.rollout.advantages *= agent.rollout.advantages.new_tensor(
            [weights[name] for name in streams]
        )
        agent.log.add("train", {f"utility_weight/{name}": x for name, x in weights.items()})

    def state(self) -> tuple[Arrays, Json]:
        """Return mean returns and running episodes; see :meth:`Hooks.state`."""
        return self._episodes.state(), {"returns": dict(self._returns)}

    def load_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Restore what :meth:`state` returned; see :meth:`Hooks.load_state`."""
        self._episodes.load_state(arrays)
        self._returns = dict(meta["returns"])


class AverageReward(Hooks):
    """Maximises the reward per step in the long run, instead of a discounted sum.

    The running average reward is subtracted from every reward; values then say how much more than
    average is to come. They are determined up to a constant, which is held where their targets
    have mean 0.

    Needs ``gamma=1`` for the stream of the reward, because with less the subtraction changes no
    preference and the objective stays the discounted one, and ``episodic=False``, because the long
    run has no end: where an episode ends, the next one begins, by a time limit as well.
    ``gae_lambda`` below 1 is all that bounds the horizon of advantages.

    Source: Average-Reward Reinforcement Learning with Trust Region Methods (Ma, Tang, Xia, Yang,
    Zhao, 2021), which holds the constant by a term in the loss.

    Attributes:
        average: Reward per step, as known from past rollouts.
    """

    def __init__(self, *, rate: float = 0.1) -> None:
        """Know nothing.

        Args:
            rate: Share of the last rollout in the running average, in (0, 1]; the first one counts
                alone.

        Raises:
            ValueError: If ``rate`` is out of range.
        """
        check_range("rate", rate, 1e-9, 1.0)
        self.average, self._rate, self._known = 0.0, rate, False

    def process_rollout(self, rollout: RolloutBuffer) -> None:
        """Subtract the average; see :meth:`Hooks.process_rollout`."""
        rollout.stream(REWARD).sub_(self.average)

    def on_rollout_end(self, agent: PPOAgent) -> None:
        """Update the average, and centre the targets; see :meth:`Hooks.on_rollout_end`.

        Raises:
            ValueError: If the reward is discounted, or its returns end with the episodes.
        """
        stream = agent.config.streams()[REWARD]
        if stream.gamma != 1 or stream.episodic:
            raise ValueError(
                f"reward_streams[{REWARD!r}] must have gamma=1 and episodic=False with "
                f"AverageReward, got {stream}"
            )
        rollout = agent.rollout
        returns = rollout.returns[:, :, rollout.streams.index(REWARD)]
        sums = [part[rollout.valid].double().sum() for part in (rollout.stream(REWARD), returns)]
        total = agent.ranks.total(rollout.near(torch.stack([*sums, rollout.valid.sum()])))
        above, offset = (total[:2] / total[2]).tolist()
        self.average += (self._rate if self._known else 1.0) * above
        self._known = True
        returns -= offset
        agent.log.add("train", {"average_reward": self.average})

    def state(self) -> tuple[Arrays, Json]:
        """Return the average; see :meth:`Hooks.state`."""
        return {}, {"average": self.average, "known": self._known}

    def load_state(self, arrays: Mapping[str, Array], meta: Json) -> None:  # noqa: ARG002
        """Restore what :meth:`state` returned; see :meth:`Hooks.load_state`."""
        self.average, self._known = meta["average"], meta["known"]


class RegularisedObjective(Hooks):
    """Charges for what the policy is: maximises E sum gamma^t (R - alpha Omega(pi(.|s))).

    Omega is the policy's negative entropy, or its divergence KL(pi || reference). A step is charged
    the sample ``alpha * (log pi(a|s) - log reference(a|s))`` with its reward, whose mean is alpha
    Omega and whose gradient, as that of any reward, is exact; so what the policy will be later
    counts as well. ``ent_coef`` and :meth:`Hooks.reference_policy` weigh it at the present state
    alone: leave them out. The optimum is ``pi ~ reference * exp(Q / alpha)``: a mixture, which no
    reward has.

    Source: Reinforcement Learning with Deep Energy-Based Policies (Haarnoja, Tang, Abbeel, Levine,
    2017), theorem 1.
    """

    def __init__(
        self, *, alpha: float, reference: Callable[[Tensors], Tensor] | None = None
    ) -> None:
        """Choose what is charged.

        Args:
            alpha: Units of reward per nat, >= 0.
            reference: Logits, (B, A), of a policy to stay near to, for Discrete actions; None to
                charge for lack of entropy.

        Raises:
            ValueError: If ``alpha`` is out of range.
        """
        check_range("alpha", alpha, 0.0, 1e30)
        self._alpha, self._reference = alpha, reference

    def process_rollout(self, rollout: RolloutBuffer) -> None:
        """Charge each step; see :meth:`Hooks.process_rollout`.

        Raises:
            ValueError: If there is a reference, and actions are not Discrete or it is not (B, A).
        """
        excess = rollout.log_probs.clone()
        if self._reference is not None:
            excess -= self._reference_log_probs(rollout, self._reference(rollout.all_obs()))
        rollout.stream(REWARD).sub_(self._alpha * excess)

    def _reference_log_probs(self, rollout: RolloutBuffer, logits: Tensor) -> Tensor:
        """Return what the reference thinks of the actions taken, (T, N)."""
        actions, mask = rollout.actions, rollout.masks
        if actions.shape != rollout.log_probs.shape or actions.is_floating_point():
            raise ValueError("a reference policy is for Discrete actions, and these are others")
        wanted = actions.numel(), logits.shape[-1]
        if logits.shape != wanted or int(actions.max()) >= logits.shape[-1]:
            raise ValueError(f"reference must have the shape (B, A), got {tuple(logits.shape)}")
        logits = logits.to(actions.device)
        logits = conditioned(logits, None, None if mask is None else mask[:-1].flatten(0, 1))
        picked = torch.log_softmax(logits, -1).gather(-1, actions.view(-1, 1))
        return picked.view_as(actions)
