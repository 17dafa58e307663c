"""A small softmax policy in float64, and the critic beside it."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym
import torch
from gymnasium import spaces
from torch import Tensor, nn

from operant.agents.base import Array
from operant.agents.native.encoder import Encoder
from operant.agents.native.heads import Categorical
from operant.agents.native.linear import Linear
from operant.agents.native.policy import computing
from operant.types import Obs


class SoftmaxPolicy:
    """Acts by a network of logits, and draws from a generator of its own.

    Attributes:
        encoder: Turns observations into rows of D numbers.
        network: From rows, (..., D), to logits, (..., A).
        head: Draws from logits.
        generator: What weights and stochastic actions are drawn from.
    """

    def __init__(
        self,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
        units: Sequence[int],
        *,
        seed: int,
    ) -> None:
        """Build a policy that starts uniform.

        Args:
            observation_space: Box, Discrete, MultiDiscrete, MultiBinary, or a Dict of such spaces.
            action_space: Discrete.
            units: Of the hidden layers.
            seed: Non-negative integer.

        Raises:
            ValueError: If a space is another.
        """
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"the action space must be Discrete, got {action_space}")
        self.encoder = Encoder(observation_space, encoder="onehot")
        self.head = Categorical(action_space)
        self.generator = torch.Generator().manual_seed(seed)
        sizes = (self.encoder.width, *units, self.head.outputs)
        self.network = network(sizes, self.generator)

    def rows(self, obs: Obs) -> Tensor:
        """Encode a batch of observations, (B, D) float64.

        Raises:
            ValueError: If they do not fit the observation space.
        """
        encoded: Tensor = self.encoder(self.encoder.tensors(obs, "cpu"))
        return encoded.double()

    def sample(self, rows: Tensor) -> Tensor:
        """Draw one action per encoded row, (B,) int64 from 0 on."""
        return self.head.sample(self.network(rows), self.generator)[0]

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row; see :meth:`operant.agents.base.Agent.act`."""
        with computing(1), torch.no_grad():
            rows = self.rows(obs)
            chosen = self.head.mode(self.network(rows)) if deterministic else self.sample(rows)
            return self.head.to_env(chosen)

    @contextlib.contextmanager
    def sampling(self, seed: int) -> Iterator[None]:
        """Draw from a stream of this seed; see :meth:`operant.agents.base.Agent.sampling`."""
        kept, self.generator = self.generator, torch.Generator().manual_seed(seed)
        try:
            yield
        finally:
            self.generator = kept


def network(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Return linear layers with a tanh between each two, in float64; all answers start at 0.

    Args:
        sizes: Columns of the input, of the hidden layers and of the output.
        generator: What the weights are drawn from.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layer = Linear(inputs, outputs).double()
        nn.init.orthogonal_(layer.weight, math.sqrt(2), generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.Tanh()]
    last = layers[-2]
    nn.init.zeros_(last.weight)  # type: ignore[arg-type]
    return nn.Sequential(*layers[:-1])
