"""What N envs did in T steps, as preallocated tensors, and the advantages of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from operant.agents.base import Arrays
from operant.agents.native.config import Stream
from operant.agents.native.encoder import Encoder, Tensors
from operant.agents.native.gae import advantages
from operant.agents.native.heads import Head, conditioned
from operant.agents.native.sequences import Packed


@dataclasses.dataclass(frozen=True, slots=True)
class Finals:
    """True last observations of episodes that a time limit cut at one step.

    Attributes:
        step: Index of the step, in [0, T).
        rows: (K,) the rows.
        obs: The K observations by key.
    """

    step: int
    rows: Tensor
    obs: Tensors


@dataclasses.dataclass(frozen=True, slots=True)
class Minibatch:
    """B transitions of a rollout, flat.

    Attributes:
        obs: Observations by key, (B, ...).
        actions: (B, ...).
        log_probs: (B,) of the actions when they were drawn.
        values: (B, C) when the actions were drawn.
        advantages: (B, C), neither normalised nor weighted.
        returns: (B, C) targets of the values.
        masks: (B, P) bool, True where an action was allowed, or None.
        biases: (B, P) what hooks added to the logits, or None.
        references: Per reference policy its weight and its params, (B, P).
        rows: (B,) positions in the rollout: step * N + row.
        packed: How they follow each other, for a network with a memory, else None.
    """

    obs: Tensors
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    masks: Tensor | None
    biases: Tensor | None
    references: list[tuple[float, Tensor]]
    rows: Tensor
    packed: Packed | None = None


class RolloutBuffer:
    """T steps of N envs with C reward streams; the names of the axes are used throughout.

    Attributes:
        obs: Key -> (T + 1, N, ...), in the types of the spaces (64-bit floats as 32); the last
            entry follows the last step.
        masks: (T + 1, N, P) bool, True where an action is allowed, or None without masks.
        actions: (T, N, ...).
        log_probs: (T, N).
        values: (T, N, C).
        rewards: (T, N, C).
        terminated: (T, N) bool.
        truncated: (T, N) bool.
        valid: (T, N) bool; False marks the pseudo-steps of NEXT_STEP autoreset.
        finals: True last observations of truncated episodes that ``obs`` does not hold.
        biases: (T, N, P) what hooks added to the logits, or None.
        references: Per reference policy its weight and its params, (T, N, P).
        advantages: (T, N, C), set by :meth:`finish`.
        returns: (T, N, C), set by :meth:`finish`.
        streams: Names of the C streams.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        *,
        steps: int,
        num_envs: int,
        streams: tuple[str, ...],
        device: str,
        storage: str | None = None,
    ) -> None:
        """Allocate the tensors.

        Args:
            encoder: Knows the parts of an observation.
            head: Knows the stored actions.
            steps: T >= 1.
            num_envs: N >= 1.
            streams: Names of the C reward streams.
            device: Where the network is.
            storage: Where the tensors lie; None for ``device``. What methods return for the network
                is with the network.
        """
        self.steps, self.num_envs, self.streams = steps, num_envs, streams
        self._network, device = device, device if storage is None else storage
        self._device = device
        self._outputs, shape = head.outputs, (steps, num_envs)
        self.obs: Tensors = {}
        for key, space in encoder.spaces.items():
            one = np.zeros((1, *(space.shape or ())), space.dtype)
            dtype = torch.from_numpy(encoder.array(key, one)).dtype
            self.obs[key] = torch.zeros(steps + 1, num_envs, *one.shape[1:], dtype=dtype)
            self.obs[key] = self.obs[key].to(device)
        self.actions = torch.zeros(*shape, *head.shape, dtype=head.dtype, device=device)
        self.log_probs = torch.zeros(shape, device=device)
        self.values = torch.zeros(*shape, len(streams), device=device)
        self.rewards = torch.zeros_like(self.values)
        self.advantages = torch.zeros_like(self.values)
        self.returns = torch.zeros_like(self.values)
        self.terminated = torch.zeros(shape, dtype=torch.bool, device=device)
        self.truncated = torch.zeros_like(self.terminated)
        self.valid = torch.ones_like(self.terminated)
        self.masks: Tensor | None = None
        self.biases: Tensor | None = None
        self.references: list[tuple[float, Tensor]] = []
        self.finals: list[Finals] = []

    def begin(self) -> None:
        """Continue where the last rollout ended: its last observation is the first one now."""
        for part in (*self.obs.values(), *(() if self.masks is None else (self.masks,))):
            part[0] = part[-1]
        self.rewards.fill_(torch.nan)  # what nobody provides is found
        self.biases, self.references, self.finals = None, [], []

    def near(self, part: Tensor) -> Tensor:
        """Return a part of the rollout where the network is."""
        return part.to(self._network, non_blocking=True)

    def _stored(self, part: Tensor) -> Tensor:
        """Return a tensor where the rollout is."""
        return part.to(self._device)

    def set_obs(self, step: int, parts: Arrays) -> None:
        """Store the observations before a step; step T is what follows the last one."""
        for key, part in parts.items():
            self.obs[key][step] = torch.from_numpy(part)

    def obs_at(self, step: int) -> Tensors:
        """Return the observations before a step by key, (N, ...)."""
        return {key: self.near(part[step]) for key, part in self.obs.items()}

    def mask_at(self, step: int) -> Tensor | None:
        """Return the allowed actions before a step, (N, P) bool, or None without masks."""
        return None if self.masks is None else self.near(self.masks[step])

    def actions_at(self, step: int) -> Tensor:
        """Return the actions of a step, (N, ...)."""
        return self.near(self.actions[step])

    def has_masks(self, masked: bool) -> None:
        """Say whether actions are masked; all are allowed until :attr:`masks` is written to."""
        size = (self.steps + 1, self.num_envs, self._outputs)
        ones = torch.ones(size, dtype=torch.bool, device=self._device)
        self.masks = ones if masked else None

    def set_bias(self, step: int, bias: Tensor) -> None:
        """Store what was added to the logits at a step, (N, P)."""
        if self.biases is None:
            self.biases = torch.zeros(self.steps, *bias.shape, device=self._device)
        self.biases[step] = bias

    def all_obs(self) -> Tensors:
        """Return the observations before all T steps, flat: (T * N, ...) by key."""
        return {key: self.near(part[:-1].flatten(0, 1)) for key, part in self.obs.items()}

    def stream(self, name: str) -> Tensor:
        """Return the rewards of a stream, (T, N); writing to it changes the rollout."""
        return self.rewards[:, :, self.streams.index(name)]

    def set_stream(self, name: str, rewards: Tensor) -> None:
        """Replace the rewards of a stream.

        Raises:
            ValueError: If there is no such stream, or the rewards are not (T, N).
        """
        if name not in self.streams:
            raise ValueError(f"reward stream {name!r} must be one of the config's, {self.streams}")
        if rewards.shape != (self.steps, self.num_envs):
            raise ValueError(
                f"rewards of the stream {name!r} must have the shape "
                f"{(self.steps, self.num_envs)}, got {tuple(rewards.shape)}"
            )
        self.stream(name).copy_(rewards)

    def check_rewards(self) -> None:
        """Check that every stream has a finite reward at every step.

        Raises:
            ValueError: If one has not; it names stream, step and row.
        """
        finite = self.rewards.isfinite() | ~self.valid.unsqueeze(-1)
        if not bool(finite.all()):
            step, row, stream = (~finite).nonzero()[0].tolist()
            raise ValueError(
                f"rewards of the stream {self.streams[stream]!r} must be finite, got "
                f"{float(self.rewards[step, row, stream])} at step {step} of row {row}; a stream "
                f"is given by infos['reward_terms'] at every step, or by a hook"
            )

    def final_obs(self) -> Tensors:
        """Return the true last observations of :attr:`finals`, in their order: (K, ...) by key."""
        last = {key: torch.cat([final.obs[key] for final in self.finals]) for key in self.obs}
        return {key: self.near(part) for key, part in last.items()}

    def finish(
        self,
        last_values: Tensor,
        final_values: Tensor | None,
        *,
        pseudo_steps: bool,
        streams: Sequence[Stream],
        gae_lambda: float,
    ) -> None:
        """Compute advantages and returns.

        Args:
            last_values: (N, C) of the observations after the last step.
            final_values: (K, C) of :meth:`final_obs`, or None if there are none.
            pseudo_steps: True in NEXT_STEP mode, where true last observations are in ``obs``.
            streams: Discounts of the C streams.
            gae_lambda: Trace decay, in [0, 1].
        """
        last_values = self._stored(last_values)
        bootstrap = torch.zeros_like(self.values)
        if pseudo_steps:
            cut = (self.truncated & ~self.terminated).unsqueeze(-1)
            after = torch.cat([self.values[1:], last_values.unsqueeze(0)])
            bootstrap = torch.where(cut, after, bootstrap)
        elif final_values is not None:
            steps = torch.cat([torch.full_like(final.rows, final.step) for final in self.finals])
            rows = torch.cat([final.rows for final in self.finals])
            bootstrap[self._stored(steps), self._stored(rows)] = final_values
        self.advantages = advantages(
            self.rewards,
            self.values,
            last_values,
            bootstrap,
            self.terminated | self.truncated,
            self.valid,
            gamma=self._stored(torch.tensor([stream.gamma for stream in streams])),
            episodic=self._stored(torch.tensor([stream.episodic for stream in streams])),
            gae_lambda=gae_lambda,
        )
        self.returns = self.advantages + self.values

    def add_reference(self, coef: float, params: Tensor) -> None:
        """Store a reference policy, (T * N, P) for :meth:`all_obs`, and its weight."""
        mask = None if self.masks is None else self.masks[:-1].flatten(0, 1)
        params = conditioned(self._stored(params.detach()), None, mask)
        self.references.append((coef, params.view(self.steps, self.num_envs, -1)))

    def explained_variance(self) -> dict[str, float]:
        """Return the share of the returns' variance that the values explain, in (-inf, 1].

        Nothing where the returns do not vary; per stream where there are several.
        """
        shares = {}
        for column, name in enumerate(self.streams):
            returns = self.returns[:, :, column][self.valid]
            spread = float(returns.var()) if len(returns) > 1 else 0.0
            if spread > 0:
                error = returns - self.values[:, :, column][self.valid]
                label = f"/{name}" if len(self.streams) > 1 else ""
                shares[f"explained_variance{label}"] = 1 - float(error.var()) / spread
        return shares

    def positions(self) -> Tensor:
        """Return the positions of all valid transitions, step * N + row, ascending."""
        return self.valid.flatten().nonzero().squeeze(1)

    def minibatch(self, rows: Tensor, packed: Packed | None = None) -> Minibatch:
        """Return the transitions at some positions, which may be packed sequences."""
        places = self._stored(rows)

        def take(part: Tensor) -> Tensor:
            return self.near(part.flatten(0, 1).index_select(0, places))

        return Minibatch(
            obs={key: take(part[:-1]) for key, part in self.obs.items()},
            actions=take(self.actions),
            log_probs=take(self.log_probs),
            values=take(self.values),
            advantages=take(self.advantages),
            returns=take(self.returns),
            masks=None if self.masks is None else take(self.masks[:-1]),
            biases=None if self.biases is None else take(self.biases),
            references=[(coef, take(part)) for coef, part in self.references],
            rows=rows,
            packed=packed,
        )
