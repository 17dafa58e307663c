"""From a network's outputs to actions: categorical and Gaussian policies as functions on tensors.

``params`` are the policy's rows of numbers, (B, P): logits, or means followed by log deviations.
"""

from __future__ import annotations

import abc
import math
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from operant.agents.base import Array

FORBIDDEN = -1e8
"""Logit of an action that a mask forbids; finite, so that 0 * log(0) stays 0 in the entropy."""


class Head(abc.ABC):
    """A family of distributions over one action space.

    Attributes:
        outputs: Columns that the policy's last layer has.
        shape: Shape of one action as the agent stores it.
        dtype: Torch type of stored actions.
        gaussian: True if the network adds a log deviation per column.
    """

    outputs: int
    shape: tuple[int, ...]
    dtype: torch.dtype
    gaussian: bool

    @abc.abstractmethod
    def sample(self, params: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw actions, (B, ...), and return them with their log-probabilities, (B,)."""

    @abc.abstractmethod
    def mode(self, params: Tensor) -> Tensor:
        """Return the most likely actions, (B, ...)."""

    @abc.abstractmethod
    def evaluate(self, params: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities of actions and the entropies, both (B,)."""

    @abc.abstractmethod
    def kl(self, params: Tensor, other: Tensor) -> Tensor:
        """Return KL(policy of ``params`` || policy of ``other``), (B,)."""

    @abc.abstractmethod
    def to_env(self, actions: Tensor) -> Array:
        """Return stored actions as the action space has them."""

    @abc.abstractmethod
    def on_device(self, actions: Tensor) -> Tensor:
        """Return stored actions as :meth:`to_env` does, but where they are."""

    def check_bias(self, bias: Tensor) -> None:
        """Check what is to be added to logits, (B, outputs).

        Raises:
            ValueError: If it does not fit, or the actions are not discrete.
        """
        if self.gaussian:
            raise ValueError("action_bias is for discrete actions, and these are a Box")
        if bias.ndim != 2 or bias.shape[1] != self.outputs:
            raise ValueError(
                f"action_bias must have the shape (B, {self.outputs}), got {tuple(bias.shape)}"
            )

    @abc.abstractmethod
    def check_mask(self, mask: Tensor) -> None:
        """Check a mask, (B, outputs) bool, True where an action is allowed.

        Raises:
            ValueError: If it does not fit, or leaves a row without an action.
        """


class Categorical(Head):
    """Independent choices, one per group of logits: Discrete is one group, MultiDiscrete several.

    A bit of MultiBinary is a choice between 0 and 1, with two logits: a mask can forbid either.

    Attributes:
        sizes: Choices per group; the logits of the groups are concatenated.
    """

    gaussian = False
    dtype = torch.int64

    def __init__(self, space: spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary) -> None:
        """Read the sizes of a space."""
        if isinstance(space, spaces.Discrete):
            self.sizes, self.shape = [int(space.n)], ()
        elif isinstance(space, spaces.MultiDiscrete):
            self.sizes, self.shape = [int(n) for n in space.nvec.ravel()], (space.nvec.size,)
        else:
            bits = int(np.prod(space.shape))
            self.sizes, self.shape = [2] * bits, (bits,)
        self._start, self._dtype = np.asarray(getattr(space, "start", 0)), space.dtype
        self._env_shape: tuple[int, ...] = space.shape or ()
        self.outputs = sum(self.sizes)

    def sample(self, params: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw by the Gumbel-max rule; see :meth:`Head.sample`."""
        logs = self._logs(params)
        # argmax of log p + Gumbel noise is a draw from p; -log of an exponential is Gumbel noise.
        noise = torch.empty_like(params).exponential_(generator=generator).log_()
        actions = self._argmax([part - n for part, n in zip(logs, self._split(noise), strict=True)])
        return actions, self._pick(logs, actions)

    def mode(self, params: Tensor) -> Tensor:
        """Return the most likely actions; see :meth:`Head.mode`."""
        return self._argmax(self._split(params))

    def evaluate(self, params: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probabilities and entropies; see :meth:`Head.evaluate`."""
        logs = self._logs(params)
        entropy = torch.stack([-(part.exp() * part).sum(1) for part in logs]).sum(0)
        return self._pick(logs, actions), entropy

    def kl(self, params: Tensor, other: Tensor) -> Tensor:
        """Return the divergence; see :meth:`Head.kl`."""
        pairs = zip(self._logs(params), self._logs(other), strict=True)
        return torch.stack([(mine.exp() * (mine - its)).sum(1) for mine, its in pairs]).sum(0)

    def to_env(self, actions: Tensor) -> Array:
        """Return integers from the space's start on; see :meth:`Head.to_env`."""
        numbers = actions.cpu().numpy().reshape(-1, *self._env_shape) + self._start
        return np.asarray(numbers, self._dtype)

    def on_device(self, actions: Tensor) -> Tensor:
        """Return integers from the space's start on; see :meth:`Head.on_device`."""
        start = torch.as_tensor(self._start, device=actions.device)
        return actions.reshape(-1, *self._env_shape) + start

    def check_mask(self, mask: Tensor) -> None:
        """Check that a mask leaves an action in every group of every row; see :class:`Head`."""
        if mask.ndim != 2 or mask.shape[1] != self.outputs:
            raise ValueError(
                f"action_mask must have the shape (B, {self.outputs}), got {tuple(mask.shape)}"
            )
        for part in self._split(mask):
            free = part.any(1)
            if not bool(free.all()):
                row = int((~free).nonzero()[0])
                raise ValueError(
                    f"action_mask must allow an action in every row, row {row} has none"
                )

    def _split(self, params: Tensor) -> list[Tensor]:
        return [params] if len(self.sizes) == 1 else list(torch.split(params, self.sizes, 1))

    def _logs(self, params: Tensor) -> list[Tensor]:
        return [torch.log_softmax(part, 1) for part in self._split(params)]

    def _argmax(self, parts: list[Tensor]) -> Tensor:
        best = [part.argmax(1) for part in parts]
        return torch.stack(best, 1) if self.shape else best[0]

    def _pick(self, logs: list[Tensor], actions: Tensor) -> Tensor:
        if not self.shape:
            return logs[0].gather(1, actions[:, None]).squeeze(1)
        columns = actions.unsqueeze(-1).unbind(1)
        picked = [part.gather(1, column) for part, column in zip(logs, columns, strict=True)]
        return torch.cat(picked, 1).sum(1)


class Gaussian(Head):
    """Independent normal variables, whose deviation does not depend on the state.

    Actions are stored as drawn, and clipped to the space on their way to the env.
    """

    gaussian = True
    dtype = torch.float32

    def __init__(self, space: spaces.Box) -> None:
        """Read the bounds of a space."""
        self._space = space
        self.outputs = int(np.prod(space.shape))
        self.shape = (self.outputs,)

    def sample(self, params: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw actions; see :meth:`Head.sample`."""
        mean, log_std = params.chunk(2, 1)
        noise = torch.empty_like(mean).normal_(generator=generator)
        actions = mean + log_std.exp() * noise
        return actions, _normal_log_prob(noise, log_std)

    def mode(self, params: Tensor) -> Tensor:
        """Return the means; see :meth:`Head.mode`."""
        return params.chunk(2, 1)[0]

    def evaluate(self, params: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-densities and differential entropies; see :meth:`Head.evaluate`."""
        mean, log_std = params.chunk(2, 1)
        entropy = (log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(1)
        return _normal_log_prob((actions - mean) / log_std.exp(), log_std), entropy

    def kl(self, params: Tensor, other: Tensor) -> Tensor:
        """Return the divergence; see :meth:`Head.kl`."""
        (mean, log_std), (its_mean, its_log_std) = params.chunk(2, 1), other.chunk(2, 1)
        spread = (2 * (log_std - its_log_std)).exp()
        shift = ((mean - its_mean) / its_log_std.exp()).square()
        return (its_log_std - log_std + 0.5 * (spread + shift - 1)).sum(1)

    def to_env(self, actions: Tensor) -> Array:
        """Return actions clipped to the bounds; see :meth:`Head.to_env`."""
        space = self._space
        numbers = actions.cpu().numpy().reshape(len(actions), *space.shape)
        return np.asarray(np.clip(numbers, space.low, space.high), space.dtype)

    def on_device(self, actions: Tensor) -> Tensor:
        """Return actions clipped to the bounds; see :meth:`Head.on_device`."""
        low, high = (
            torch.from_numpy(bound).to(actions) for bound in (self._space.low, self._space.high)
        )
        return actions.reshape(-1, *self._space.shape).clamp(low, high)

    def check_mask(self, mask: Tensor) -> None:  # noqa: ARG002
        """Refuse any mask; see :class:`Head`."""
        raise ValueError("action_mask is for discrete actions, and these are a Box")


def make_head(space: gym.Space[Any]) -> Categorical | Gaussian:
    """Return the head of an action space.

    Raises:
        ValueError: If it is neither Discrete nor MultiDiscrete nor MultiBinary nor a Box of floats.
    """
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        return Categorical(space)
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return Gaussian(space)
    raise ValueError(
        "the action space must be Discrete, MultiDiscrete, MultiBinary or a Box of floats, got "
        f"{space}"
    )


def conditioned(params: Tensor, bias: Tensor | None, mask: Tensor | None) -> Tensor:
    """Return logits with an additive bias, and without the actions that a mask forbids.

    Args:
        params: (B, P) logits.
        bias: (B, P) or None.
        mask: (B, P) bool, True where allowed, or None.
    """
    if bias is not None:
        params = params + bias
    return params if mask is None else params.masked_fill(~mask, FORBIDDEN)


def _normal_log_prob(z: Tensor, log_std: Tensor) -> Tensor:
    return -(0.5 * z.square() + log_std + 0.5 * math.log(2 * math.pi)).sum(1)
