"""A network that acts: what an agent uses, and what is left of it after export."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from operant.agents.base import Array
from operant.agents.native.answers import DistinctPolicy
from operant.agents.native.config import PPOConfig
from operant.agents.native.encoder import Encoder, Tensors
from operant.agents.native.heads import Categorical, Head, conditioned
from operant.agents.native.networks import ActorCritic
from operant.seeding import SeedTree
from operant.types import Obs

Bias = Callable[[Tensors], Tensor | None]
MEMO = 1 << 15
"""Different observations whose answers are kept at most."""


class NativePolicy:
    """Acts with a network, and draws from a generator of its own.

    Attributes:
        model: The network.
        head: Its family of policies.
        generator: What stochastic actions are drawn from.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        config: PPOConfig,
        *,
        seed: int,
        bias: Bias = lambda _: None,
    ) -> None:
        """Build the network; its weights, then the actions, are drawn from ``seed``.

        Args:
            encoder: Turns observations into rows.
            head: Family of policies.
            config: Architecture.
            seed: Non-negative integer.
            bias: What is added to the logits.
        """
        self.head, self._config, self._bias = head, config, bias
        tree = SeedTree(seed)
        self.model = ActorCritic(
            encoder,
            outputs=head.outputs,
            gaussian=head.gaussian,
            streams=len(config.streams()),
            config=config,
            generator=torch.Generator().manual_seed(tree.seed("weights")),
        )
        if config.compile:  # in place: names of parameters stay as they are
            self.model.compile(mode="default" if config.device == "cpu" else "reduce-overhead")
        self.generator = torch.Generator(config.device).manual_seed(tree.seed("actions"))
        self._known: DistinctPolicy | None = None

    def act(self, obs: Obs, *, deterministic: bool, action_mask: Array | None = None) -> Array:
        """Choose one action per row.

        Args:
            obs: Batch of observations, leading axis (B,).
            deterministic: True for the mode of the policy, False to sample from it.
            action_mask: (B, P) True where an action is allowed, or None if all are.

        Raises:
            ValueError: If the observations or the mask do not fit, or the policy has a memory.
        """
        if self.memory_shape is not None:
            raise ValueError(
                "a recurrent policy needs what it remembers: call act_from(obs, memory, ...), or "
                "let an operant.agents.base.Player keep it"
            )
        device = self._config.device
        with computing(self._config.threads), torch.inference_mode():
            arrays = self.model.encoder.parts(obs)
            parts = {key: torch.from_numpy(part).to(device) for key, part in arrays.items()}
            if self._known is not None:
                params = self._known.logits(self._known.ids(arrays))
                if len(self._known.table) > MEMO:  # they hardly repeat, and memory is finite
                    self._known = None
            else:
                params = self._params(parts)
            return self._chosen(parts, params, deterministic, action_mask)

    def act_from(
        self,
        obs: Obs,
        memory: Array,
        *,
        deterministic: bool,
        action_mask: Array | None = None,
    ) -> tuple[Array, Array]:
        """Choose one action per row from what is remembered and seen.

        Args:
            obs: Batch of observations, leading axis (B,).
            memory: (B, ...) before this observation, zeros where an episode starts.
            deterministic: True for the mode of the policy, False to sample from it.
            action_mask: (B, P) True where an action is allowed, or None if all are.

        Returns:
            (B, ...) actions, and the memory after this observation.

        Raises:
            ValueError: If observations, memory or mask do not fit, or the policy has no memory.
        """
        with computing(self._config.threads), torch.inference_mode():
            parts = self.model.encoder.tensors(obs, self._config.device)
            wanted = (len(next(iter(parts.values()))), *(self.memory_shape or ()))
            if self.memory_shape is not None and memory.shape != wanted:
                raise ValueError(f"memory must have the shape {wanted}, got {memory.shape}")
            before = torch.as_tensor(memory).to(self._config.device, torch.float32)
            params, _, after = self.model.step(parts, before.transpose(0, 1))
            actions = self._chosen(parts, params, deterministic, action_mask)
            return actions, np.ascontiguousarray(after.transpose(0, 1).cpu().numpy())

    @property
    def memory_shape(self) -> tuple[int, int] | None:
        """Shape of what is remembered of one row, (M, H); None without ``config.recurrent``."""
        return None if self.model.core is None else self.model.core.shape

    def _chosen(
        self, parts: Tensors, params: Tensor, deterministic: bool, action_mask: Array | None
    ) -> Array:
        mask = None if action_mask is None else self._mask(action_mask)
        params = conditioned(params, self._bias(parts), mask)
        if deterministic:
            return self.head.to_env(self.head.mode(params))
        return self.head.to_env(self.head.sample(params, self.generator)[0])

    def _params(self, parts: Tensors) -> Tensor:
        # What was compiled is the whole network; else its values need not be known here.
        return self.model(parts)[0] if self._config.compile else self.model.params(parts)

    @contextlib.contextmanager
    def sampling(self, seed: int) -> Iterator[None]:
        """Draw from a stream of this seed; see :meth:`operant.agents.base.Agent.sampling`.

        The network must not change meanwhile: what it answers to an observation is kept, where
        equal ones are to be expected.
        """
        kept, known = self.generator, self._known
        self.generator = torch.Generator(self._config.device).manual_seed(seed)
        self._known = self._memo()
        try:
            yield
        finally:
            self.generator, self._known = kept, known

    def _memo(self) -> DistinctPolicy | None:
        config = self._config
        fits = config.device == "cpu" and config.deduplicate and not config.compile
        if not (fits and isinstance(self.head, Categorical)):
            return None
        # No values: nobody asks for them here.
        return DistinctPolicy(
            lambda parts: (self._params(parts), torch.zeros(len(next(iter(parts.values()))), 0)),
            self.head.sizes,
            0,
        )

    def _mask(self, action_mask: Array) -> Tensor:
        mask = torch.as_tensor(action_mask).to(self._config.device, torch.bool)
        self.head.check_mask(mask)
        return mask


@contextlib.contextmanager
def computing(threads: int) -> Iterator[None]:
    """Let torch compute with so many threads, and give the caller's number back."""
    outside = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(outside)
