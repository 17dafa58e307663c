"""Networks of the native agents: a policy and values above one row of floats per observation.

Between them there may be a memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from operant.agents.native.config import PPOConfig
from operant.agents.native.encoder import Encoder, Tensors
from operant.agents.native.linear import Linear
from operant.agents.native.recurrence import Recurrence
from operant.agents.native.sequences import Packed


class ActorCritic(nn.Module):
    """A policy and one value per reward stream, with SB3's names of layers.

    Attributes:
        encoder: Turns observations into rows.
        core: Memory above the rows, or None.
        log_std: Log deviations of a Gaussian policy, else None.
    """

    log_std: nn.Parameter | None

    def __init__(
        self,
        encoder: Encoder,
        *,
        outputs: int,
        gaussian: bool,
        streams: int,
        config: PPOConfig,
        generator: torch.Generator,
    ) -> None:
        """Build the layers and draw their weights.

        Args:
            encoder: Turns observations into rows.
            outputs: Columns of the policy.
            gaussian: True to add a log deviation per column.
            streams: Number of values C.
            config: Architecture and device.
            generator: What the weights are drawn from, on the CPU.
        """
        super().__init__()
        self.encoder = encoder
        self.core = _core(encoder.width, config)
        inputs = encoder.width if self.core is None else config.recurrent_units
        pi, vf = config.units("pi"), config.units("vf")
        trunks = (
            {"shared_net": pi} if config.share_features else {"policy_net": pi, "value_net": vf}
        )
        self.mlp_extractor = nn.ModuleDict(
            {name: _mlp((inputs, *units), config) for name, units in trunks.items()}
        )
        self.action_net = Linear((pi or (inputs,))[-1], outputs)
        self.value_net = Linear((vf or (inputs,))[-1], streams)
        wide = torch.full((outputs,), config.log_std_init)
        self.log_std = nn.Parameter(wide) if gaussian else None
        for trunk in self.mlp_extractor.values():
            _draw(trunk, math.sqrt(2), config, generator)
        _draw(self.action_net, 0.01, config, generator)
        _draw(self.value_net, 1.0, config, generator)
        if self.core is not None:
            self.core.draw(orthogonal=config.ortho_init, generator=generator)
        self.to(config.device)

    def forward(self, obs: Tensors, packed: Packed | None = None) -> tuple[Tensor, Tensor]:
        """Return the policy's params, (B, P), and the values, (B, C), of a batch.

        Args:
            obs: Observations by key, (B, ...).
            packed: How they follow each other; needed with a memory, and not read without.

        Raises:
            ValueError: If there is a memory, and nothing says how observations follow each other.
        """
        rows = self.encoder(obs)
        if self.core is not None:
            if packed is None:
                raise ValueError(
                    "this network has a memory: what it answers depends on earlier observations "
                    "too; call step(obs, memory), or give packed sequences"
                )
            rows = self.core(rows, packed)
        return self._answers(rows)

    def params(self, obs: Tensors) -> Tensor:
        """Return the policy's params alone, (B, P): all that acting needs, without a memory."""
        trunk = next(iter(self.mlp_extractor.values()))
        return self._params(trunk(self.encoder(obs)))

    def step(self, obs: Tensors, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Take one step with a memory.

        Args:
            obs: Observations by key, (B, ...).
            memory: (M, B, H) before them; see :class:`Recurrence`.

        Returns:
            Params (B, P), values (B, C), and the memory after them.

        Raises:
            ValueError: If there is none.
        """
        if self.core is None:
            raise ValueError("this network has no memory; build it with recurrent='lstm' or 'gru'")
        rows, memory = self.core.step(self.encoder(obs), memory)
        return *self._answers(rows), memory

    def _answers(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        latent = [trunk(rows) for trunk in self.mlp_extractor.values()]
        return self._params(latent[0]), self.value_net(latent[-1])

    def _params(self, latent: Tensor) -> Tensor:
        params: Tensor = self.action_net(latent)
        if self.log_std is None:
            return params
        return torch.cat([params, self.log_std.expand_as(params)], 1)


def _core(inputs: int, config: PPOConfig) -> Recurrence | None:
    if config.recurrent is None:
        return None
    return Recurrence(
        config.recurrent,
        inputs=inputs,
        units=config.recurrent_units,
        layers=config.recurrent_layers,
    )


def _mlp(units: Sequence[int], config: PPOConfig) -> nn.Sequential:
    # On a CPU the layers bring their tanh along; a compiler does better with what it knows.
    ours = config.activation == "tanh" and config.device == "cpu" and not config.compile
    activation = nn.Tanh if config.activation == "tanh" else partial(nn.ReLU, inplace=True)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(units):
        layers += [Linear(inputs, outputs, tanh=ours), nn.Identity() if ours else activation()]
    return nn.Sequential(*layers)


def _draw(module: nn.Module, gain: float, config: PPOConfig, generator: torch.Generator) -> None:
    for layer in module.modules():
        if not isinstance(layer, nn.Linear):
            continue
        if config.ortho_init:
            nn.init.orthogonal_(layer.weight, gain, generator=generator)
            nn.init.zeros_(layer.bias)
        else:
            bound = 1 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
