"""Self-imitation: doing again what once turned out better than expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from operant.agents.base import Array, Arrays, Json, check_range
from operant.agents.native.config import REWARD
from operant.agents.native.heads import conditioned
from operant.agents.native.hooks import Hooks
from operant.arrays import section

if TYPE_CHECKING:
    from operant.agents.native.encoder import Tensors
    from operant.agents.native.ppo import PPOAgent
    from operant.agents.native.rollout import Minibatch, RolloutBuffer


class SelfImitation(Hooks):
    """Adds to each minibatch's loss one over remembered steps that earned more than was expected.

    With R the discounted return that followed a step, and V its value now, the loss is the mean of
    ``-log pi(a|s) * max(R - V, 0) + value_coef * max(R - V, 0) ** 2 / 2``. Steps are drawn with
    probabilities proportional to ``max(R - V, 0) ** alpha`` as last seen, and weighted by how
    unlikely that was to the power of ``beta``.

    Only what followed until a terminal state is known: steps of episodes that a time limit cut are
    not remembered, nor are those that earned no more than expected, which would never be drawn.
    Probabilities are the network's under the masks of the time; biases of other hooks are not
    counted.

    Source: Self-Imitation Learning (Oh et al., 2018), eqs. 1-3 and alg. 1.
    """

    def __init__(
        self,
        *,
        coef: float = 1.0,
        value_coef: float = 0.01,
        batch_size: int = 512,
        capacity: int = 100_000,
        alpha: float = 0.6,
        beta: float = 0.1,
        seed: int = 0,
    ) -> None:
        """Start with an empty memory.

        Args:
            coef: Weight of this loss beside PPO's, >= 0.
            value_coef: Weight of its part for the values, >= 0.
            batch_size: Remembered steps per minibatch, >= 1.
            capacity: Steps remembered, >= 1; the oldest go first.
            alpha: How much likelier better steps are drawn, in [0, 1]; 0 for all alike.
            beta: How far that is made up for, in [0, 1].
            seed: Of the draws, a non-negative integer.

        Raises:
            ValueError: If an argument is out of range.
        """
        check_range("coef", coef, 0.0)
        check_range("value_coef", value_coef, 0.0)
        check_range("batch_size", batch_size, 1)
        check_range("capacity", capacity, 1)
        check_range("alpha", alpha, 0.0, 1.0)
        check_range("beta", beta, 0.0, 1.0)
        self._coef, self._value_coef, self._batch_size = coef, value_coef, batch_size
        self._capacity, self._alpha, self._beta = capacity, alpha, beta
        self._generator = torch.Generator().manual_seed(seed)
        self._agent: PPOAgent | None = None
        self._memory: Tensors = {}  # columns of M steps
        self._running: Tensors = {}  # columns of (L, N) steps of episodes that go on

    def __len__(self) -> int:
        """Return the number M of steps remembered."""
        return len(self._memory["returns"]) if self._memory else 0

    # ---- remembering ------------------------------------------------------------------------

    def on_rollout_end(self, agent: PPOAgent) -> None:
        """Remember what the rollout brought to an end; see :meth:`Hooks.on_rollout_end`.

        Raises:
            ValueError: If the agent is recurrent: a remembered step says nothing of its past.
        """
        if agent.config.recurrent is not None:
            raise ValueError(f"recurrent must be None with SelfImitation, got {agent.config!r}")
        self._agent = agent
        steps = _columns(agent.rollout)
        if self._running:
            steps = {
                name: torch.cat([self._running[name].to(x.device), x]) for name, x in steps.items()
            }
        gamma = agent.config.streams()[REWARD].gamma
        steps["returns"], known, goes_on = _returns(steps, gamma)
        steps["priorities"] = (steps["returns"] - steps["values"]).clamp(min=0)
        worth = known & steps["valid"] & (steps["priorities"] > 0)
        for name, column in steps.items():
            if name.startswith("obs/") or name in _REMEMBERED:
                new = column[worth]
                old = self._memory.get(name, new[:0])
                self._memory[name] = torch.cat([old.to(new.device), new])[-self._capacity :]
        length = int(goes_on.any(1).sum())  # of the longest episode that goes on
        steps["valid"] = steps["valid"] & goes_on
        del steps["returns"], steps["priorities"]
        self._running = {name: column[len(goes_on) - length :] for name, column in steps.items()}

    # ---- learning ---------------------------------------------------------------------------

    def extra_loss(self, batch: Minibatch, params: Tensor, values: Tensor) -> Tensor | None:  # noqa: ARG002
        """Return the loss of a draw from the memory; see :meth:`Hooks.extra_loss`."""
        if self._agent is None or len(self) == 0:
            return None
        rows, weights = self._draw()
        policy, steps = self._agent.policy, {name: x[rows] for name, x in self._memory.items()}
        its_params, its_values = policy.model(_observations(steps))
        its_params = conditioned(its_params, None, steps.get("masks"))
        log_probs, _ = policy.head.evaluate(its_params, steps["actions"])
        column = self._agent.rollout.streams.index(REWARD)
        gain = (steps["returns"] - its_values[:, column]).clamp(min=0)
        self._memory["priorities"][rows] = gain.detach()
        imitation = -(weights * log_probs * gain.detach()).mean()
        upward = 0.5 * (weights * gain.square()).mean()
        loss: Tensor = self._coef * (imitation + self._value_coef * upward)
        return loss

    def _draw(self) -> tuple[Tensor, Tensor]:
        """Return the rows of a draw, and their weights, at most 1."""
        chances = self._memory["priorities"].cpu().double().clamp(min=1e-6) ** self._alpha
        chances = chances / chances.sum()
        rows = torch.multinomial(
            chances, self._batch_size, replacement=True, generator=self._generator
        )
        weights = (len(chances) * chances) ** -self._beta
        device = self._memory["returns"].device
        drawn = (weights[rows] / weights.max()).float()
        return rows.to(device), drawn.to(device)

    # ---- state ------------------------------------------------------------------------------

    def state(self) -> tuple[Arrays, Json]:
        """Return memory, running episodes and generator; see :meth:`Hooks.state`."""
        parts = {"memory": self._memory, "running": self._running}
        arrays = {
            f"{part}/{name}": column.cpu().numpy().copy()
            for part, columns in parts.items()
            for name, column in columns.items()
        }
        return {**arrays, "generator": self._generator.get_state().numpy().copy()}, {}

    def load_state(self, arrays: Mapping[str, Array], meta: Json) -> None:  # noqa: ARG002
        """Restore what :meth:`state` returned; see :meth:`Hooks.load_state`."""
        self._generator.set_state(torch.from_numpy(arrays["generator"].copy()))
        self._memory, self._running = (
            {name: torch.from_numpy(x.copy()) for name, x in section(arrays, part).items()}
            for part in ("memory", "running")
        )


_REMEMBERED = {"actions", "returns", "priorities", "masks"}


def _observations(steps: Tensors) -> Tensors:
    """Return the observations among the columns of steps, by key."""
    return {name[4:]: column for name, column in steps.items() if name.startswith("obs/")}


def _columns(rollout: RolloutBuffer) -> Tensors:
    """Return copies of what is needed of each step, (T, N, ...)."""
    column = rollout.streams.index(REWARD)
    steps = {f"obs/{key}": part[:-1] for key, part in rollout.obs.items()}
    steps |= {
        "actions": rollout.actions,
        "rewards": rollout.rewards[:, :, column],
        "values": rollout.values[:, :, column],
        "valid": rollout.valid,
        "terminated": rollout.terminated,
        "ended": rollout.terminated | rollout.truncated,
    }
    if rollout.masks is not None:
        steps["masks"] = rollout.masks[:-1]
    return {name: rollout.near(part).clone() for name, part in steps.items()}


def _returns(steps: Tensors, gamma: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return discounted returns, where they are known, and which steps' episodes go on, (L, N)."""
    rewards, ended, terminated = steps["rewards"], steps["ended"], steps["terminated"]
    returns = torch.zeros_like(rewards)
    known, goes_on = torch.zeros_like(ended), torch.zeros_like(ended)
    ahead = torch.zeros_like(rewards[0])
    is_known, is_on = torch.zeros_like(ended[0]), torch.ones_like(ended[0])
    for t in range(len(rewards) - 1, -1, -1):
        ahead = rewards[t] + gamma * ahead * ~ended[t]
        is_known = torch.where(ended[t], terminated[t], is_known)
        is_on = is_on & ~ended[t]
        returns[t], known[t], goes_on[t] = ahead, is_known, is_on
    return returns, known, goes_on
