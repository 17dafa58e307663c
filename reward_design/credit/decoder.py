"""The decoder of return decomposition: a small network from factors of a step to its reward."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from operant.arrays import section
from operant.reward_design.credit.losses import (
    decomposition_loss,
    draw_steps,
    sampling_variance,
    uniform_loss,
)
from operant.reward_design.credit.memory import EpisodeBank, PaidEpisode, Rows
from operant.types import Float

Loss = Literal["rd", "rrd", "rrd_unbiased", "uniform"]
LOSSES = ("rd", "rrd", "rrd_unbiased", "uniform")
FARTHEST = 10.0
"""Normalised inputs are cut off there, in standard deviations: rare events must not explode."""


class Decoder:
    """Predicts rewards of steps; learns them from the returns of whole episodes alone.

    Inputs are normalised by the mean and standard deviation of all steps it was shown, and
    predictions are in units of the root mean square of the return per step, so neither scale
    reaches the network. Until an episode has paid something, it predicts 0.

    Deviations: the released code of LaRe feeds factors and returns in as they are.

    Source: Latent Reward: LLM-Empowered Credit Assignment in Episodic Reinforcement Learning (Qu et
    al., 2025), section 4.3.
    """

    def __init__(
        self,
        size: int,
        *,
        hidden: Sequence[int],
        learning_rate: float,
        loss: Loss,
        draws: int,
        seed: int,
    ) -> None:
        """Build the network.

        Args:
            size: Number of inputs, >= 1.
            hidden: Units of each hidden layer, >= 1 each; empty for a linear decoder.
            learning_rate: Of Adam, > 0.
            loss: One of ``LOSSES``.
            draws: Steps drawn per episode and gradient step, unless the loss is ``"rd"``.
            seed: Of weights and draws.
        """
        self._loss, self._draws, self._seed = loss, draws, seed
        self._network = _network(size, hidden, torch.Generator().manual_seed(seed))
        self._adam = torch.optim.Adam(self._network.parameters(), lr=learning_rate)
        self._count, self._mean, self._squares = 0, np.zeros(size), np.zeros(size)
        self._scale, self._fits = 0.0, 0

    def predict(self, inputs: Rows | Float) -> Float:
        """Return the rewards of B steps, (B,), given their inputs, (B, size)."""
        with torch.inference_mode():
            predicted: Tensor = self._network(self._normalised(inputs)).squeeze(-1)
        rewards: Float = self._scale * predicted.numpy().astype(np.float64)
        return rewards

    def observe(self, episodes: Sequence[PaidEpisode]) -> None:
        """Take the inputs of new episodes into the statistics by which inputs are normalised."""
        for episode in episodes:
            rows = episode.inputs.astype(np.float64)
            total, mean = self._count + len(rows), rows.mean(axis=0)
            away = mean - self._mean
            self._squares += ((rows - mean) ** 2).sum(axis=0)
            self._squares += away**2 * (self._count * len(rows) / total)
            self._mean += away * (len(rows) / total)
            self._count = total

    def fit(self, memory: EpisodeBank, *, gradient_steps: int, batch: int) -> float:
        """Take gradient steps on the loss over remembered episodes.

        Args:
            memory: At least one whole episode.
            gradient_steps: >= 1.
            batch: Episodes per gradient step, >= 1.

        Returns:
            Mean loss, in units of the squared return per step.
        """
        shares = memory.paid / memory.lengths
        self._scale = float(np.sqrt(np.mean(shares**2)))
        # A stream of its own for each call: the count is all there is to save.
        rng = np.random.default_rng([self._seed, self._fits])
        self._fits += 1
        if self._scale == 0.0:  # nobody was ever paid: it predicts 0 anyway
            return 0.0
        lengths = memory.lengths
        starts, longest = np.cumsum(lengths) - lengths, int(lengths.max())
        losses = []
        # An agent may step its envs in a mode without gradients, and this is called from there.
        with torch.inference_mode(False), torch.enable_grad():
            inputs = self._normalised(np.concatenate([episode.inputs for episode in memory]))
            for _ in range(gradient_steps):
                chosen = rng.choice(len(memory), min(batch, len(memory)), replace=False)
                draws = longest if self._loss == "rd" else self._draws
                rows, episode = draw_steps(rng, starts[chosen], lengths[chosen], draws)
                loss = self._loss_of(
                    self._network(inputs[torch.from_numpy(rows)]).squeeze(-1),
                    torch.from_numpy(episode),
                    torch.from_numpy((shares[chosen] / self._scale).astype(np.float32)),
                    torch.from_numpy(lengths[chosen]),
                )
                self._adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch's own is untyped
                self._adam.step()
                losses.append(loss.item())
        return float(np.mean(losses)) * self._scale**2

    def _loss_of(
        self, predicted: Tensor, episode: Tensor, share: Tensor, lengths: Tensor
    ) -> Tensor:
        if self._loss == "uniform":
            return uniform_loss(predicted, episode, share)
        loss = decomposition_loss(predicted, episode, share)
        if self._loss == "rrd_unbiased":
            return loss - sampling_variance(predicted, episode, lengths)
        return loss

    def _normalised(self, inputs: Rows | Float) -> Tensor:
        deviation = np.sqrt(self._squares / max(self._count, 1))
        deviation[deviation < 1e-8] = 1.0  # a constant tells nothing
        away = np.clip((inputs - self._mean) / deviation, -FARTHEST, FARTHEST)
        return torch.from_numpy(away.astype(np.float32))

    # ---- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return weights, optimiser, statistics and how often it was fitted."""
        return {
            "mean": self._mean.copy(),
            "squares": self._squares.copy(),
            "numbers": np.array([self._count, self._fits], np.int64),
            "scale": np.array(self._scale),
            **{f"weight/{name}": _array(part) for name, part in self._parameters()},
            **{
                f"adam/{name}/{key}": _array(value)
                for name, part in self._parameters()
                for key, value in self._adam.state[part].items()
            },
        }

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._mean, self._squares = state["mean"].copy(), state["squares"].copy()
        self._count, self._fits = state["numbers"].tolist()
        self._scale = float(state["scale"])
        self._adam.state.clear()
        with torch.no_grad():
            for name, part in self._parameters():
                part.copy_(torch.from_numpy(state[f"weight/{name}"]))
                for key, value in section(state, f"adam/{name}").items():
                    self._adam.state[part][key] = torch.from_numpy(value.copy())

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        return self._network.named_parameters()


def _network(size: int, hidden: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Return an MLP with ReLU units and torch's usual weights, drawn from its own generator."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise([size, *hidden, 1]):
        layer = nn.Linear(before, after, device="meta").to_empty(device="cpu")  # draws no numbers
        bound = before**-0.5
        for part in (layer.weight, layer.bias):
            nn.init.uniform_(part, -bound, bound, generator=generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _array(part: Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = part.detach().numpy().copy()
    return array
