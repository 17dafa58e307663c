"""A native policy with the methods of SB3's: one or many observations, tensors in and out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from operant.agents.base import Array
from operant.agents.native.config import PPOConfig
from operant.agents.native.encoder import Encoder, Tensors
from operant.agents.native.heads import Head, conditioned, make_head
from operant.agents.native.model_file import ModelFileError, Target, read_model, write_model
from operant.agents.native.policy import NativePolicy
from operant.agents.native.space_specs import space_from, space_spec
from operant.agents.weights import fill_module, module_arrays
from operant.types import Bool, Obs


class Distribution:
    """The policy's distribution over the actions of B observations.

    Attributes:
        params: (B, P) logits, or means and log deviations.
    """

    def __init__(self, head: Head, params: Tensor, generator: torch.Generator) -> None:
        """Bind a family and its parameters."""
        self._head, self.params, self._generator = head, params, generator

    def log_prob(self, actions: Tensor) -> Tensor:
        """Return the log-probabilities of actions, (B,)."""
        return self._head.evaluate(self.params, actions)[0]

    def entropy(self) -> Tensor:
        """Return the entropies, (B,)."""
        return self._head.evaluate(self.params, self._head.mode(self.params))[1]

    def mode(self) -> Tensor:
        """Return the most likely actions, (B, ...)."""
        return self._head.mode(self.params)

    def sample(self) -> Tensor:
        """Draw actions, (B, ...)."""
        return self._head.sample(self.params, self._generator)[0]

    def get_actions(self, deterministic: bool = False) -> Tensor:
        """Return the mode or a draw, (B, ...)."""
        return self.mode() if deterministic else self.sample()


class PolicyView(nn.Module):
    """Shares its layers with a native policy, under SB3's names.

    Attributes:
        observation_space: Space of one observation.
        action_space: Space of one action.
        optimizer: What trains it, or None.
        net_arch: Units per hidden layer.
    """

    squash_output = False

    def __init__(
        self,
        policy: NativePolicy,
        config: PPOConfig,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
        optimizer: torch.optim.Optimizer | None = None,
    ) -> None:
        """Look at a policy.

        Args:
            policy: The policy.
            config: Its config.
            observation_space: Space of one observation.
            action_space: Space of one action.
            optimizer: What trains it.
        """
        super().__init__()
        for name, part in policy.model.named_parameters(recurse=False):
            self.register_parameter(name, part)
        for name, layer in policy.model.named_children():
            self.add_module(name, layer)
        self._native = policy
        self._config, self.optimizer, self.net_arch = config, optimizer, config.net_arch
        self.observation_space, self.action_space = observation_space, action_space

    @property
    def device(self) -> torch.device:
        """Where the layers are."""
        return torch.device(self._config.device)

    # ---- acting -----------------------------------------------------------------------------

    def predict(
        self,
        observation: Any,
        state: Array | None = None,
        episode_start: Bool | None = None,
        deterministic: bool = False,
        action_masks: Array | None = None,
    ) -> tuple[Array, Array | None]:
        """Choose an action for one observation, or one for each of B.

        Args:
            observation: One observation, or a batch of them.
            state: What a recurrent policy remembers, as the last call returned it; None at first.
            episode_start: (B,) bool, rows whose episode starts with this observation.
            deterministic: True for the mode of the policy, False to sample from it.
            action_masks: (P,) or (B, P), True where an action is allowed; None if all are.

        Returns:
            The action, or (B, ...) actions; and the state for the next call, None without memory.

        Raises:
            ValueError: If the observation, the state or the mask does not fit.
        """
        obs, single, rows = self._batch(observation)
        mask = None if action_masks is None else np.atleast_2d(np.asarray(action_masks))
        policy = self._native
        shape = getattr(policy, "memory_shape", None)
        if shape is None:
            actions = policy.act(obs, deterministic=deterministic, action_mask=mask)
            memory = None
        else:
            before = self._memory(state, episode_start, (rows, *shape))
            actions, memory = policy.act_from(
                obs, before, deterministic=deterministic, action_mask=mask
            )
        return (np.asarray(actions[0]) if single else actions), memory

    def _memory(
        self, state: Array | None, episode_start: Bool | None, shape: tuple[int, ...]
    ) -> Array:
        if state is None:
            return np.zeros(shape, np.float32)
        if np.shape(state) != shape:
            raise ValueError(f"state must have the shape {shape}, got {np.shape(state)}")
        if episode_start is None:
            return state
        starts = np.broadcast_to(np.asarray(episode_start, np.bool_), shape[:1])
        kept: Array = np.where(starts.reshape(-1, *[1] * (len(shape) - 1)), np.float32(0), state)
        return kept

    def _batch(self, observation: Any) -> tuple[Obs, bool, int]:
        """Return observations with a leading axis, whether there was none, and B."""
        if isinstance(observation, tuple):
            raise ValueError(
                "observation must be an array or a dict of arrays, got a tuple: are you mixing Gym "
                "API with SB3's? env.reset() of Gymnasium returns (observation, info)"
            )
        space = self.observation_space
        if not isinstance(space, gym.spaces.Dict):
            array, single = _one(observation, space, "observation")
            return array, single, len(array)
        if not isinstance(observation, Mapping) or observation.keys() != space.spaces.keys():
            raise ValueError(f"observation must be a dict with the keys {sorted(space.spaces)}")
        parts = {
            key: _one(observation[key], part, f"observation[{key!r}]")
            for key, part in space.spaces.items()
        }
        singles = {single for _, single in parts.values()}
        if len(singles) > 1:
            raise ValueError("all parts of an observation must be batched, or none")
        arrays = {key: array for key, (array, _) in parts.items()}
        return arrays, singles.pop(), len(next(iter(arrays.values())))

    # ---- on tensors -------------------------------------------------------------------------

    def obs_to_tensor(self, observation: Any) -> tuple[Tensor | Tensors, bool]:
        """Return observations as tensors with a leading axis, and whether they had one."""
        obs, single, _ = self._batch(observation)
        tensors = self._native.model.encoder.tensors(obs, self._config.device)
        return (tensors if isinstance(obs, dict) else tensors[""]), not single

    def forward(
        self, obs: Tensor | Tensors, deterministic: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions (B, ...), values (B, C) and log-probabilities (B,)."""
        params, values = self._outputs(obs)
        distribution = self._distribution(params)
        actions = distribution.get_actions(deterministic)
        return actions, values, distribution.log_prob(actions)

    def get_distribution(
        self, obs: Tensor | Tensors, action_masks: Tensor | None = None
    ) -> Distribution:
        """Return the distribution over the actions of B observations."""
        return self._distribution(conditioned(self._outputs(obs)[0], None, action_masks))

    def predict_values(self, obs: Tensor | Tensors) -> Tensor:
        """Return the values of B observations, (B, C): one column per reward stream."""
        return self._outputs(obs)[1]

    def evaluate_actions(
        self, obs: Tensor | Tensors, actions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return values (B, C), log-probabilities (B,) and entropies (B,)."""
        params, values = self._outputs(obs)
        return values, *self._native.head.evaluate(params, actions)

    def set_training_mode(self, mode: bool) -> None:
        """Set the mode of layers that behave otherwise in training."""
        self.train(mode)

    def _outputs(self, obs: Tensor | Tensors) -> tuple[Tensor, Tensor]:
        tensors = obs if isinstance(obs, Mapping) else {"": obs}
        params, values = self._native.model(tensors)
        return params, values

    def _distribution(self, params: Tensor) -> Distribution:
        policy = self._native
        return Distribution(policy.head, params, policy.generator)

    # ---- files ------------------------------------------------------------------------------

    def save(self, path: Target) -> None:
        """Write the policy alone: a zip of JSON and safetensors."""
        meta = {
            "kind": "policy",
            "config": self._config.to_json(),
            "observation_space": space_spec(self.observation_space),
            "action_space": space_spec(self.action_space),
        }
        write_model(path, meta, {"policy": module_arrays(self._native.model)})

    @classmethod
    def load(cls, path: Target, device: str = "cpu") -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            ModelFileError: If it is no such file; it names what is wrong.
            ValueError: If the weights do not fit the config.
        """
        meta, groups = read_model(path)
        if meta.get("kind") != "policy":
            raise ModelFileError(f"kind of {path} must be 'policy', got {meta.get('kind')!r}")
        config = PPOConfig.from_json({**meta["config"], "device": device})
        seen, done = space_from(meta["observation_space"]), space_from(meta["action_space"])
        encoder = Encoder(seen, encoder=config.encoder, normalize=config.normalize_obs)
        policy = NativePolicy(encoder, make_head(done), config, seed=0)
        fill_module(policy.model, groups["policy"])
        return cls(policy, config, seen, done)


def _one(value: Any, space: gym.Space[Any], name: str) -> tuple[Array, bool]:
    """Return a part of an observation with a leading axis, and whether it had none."""
    array, shape = np.asarray(value), space.shape or ()
    if array.shape == shape:
        return array[None], True
    if array.shape[1:] == shape and array.ndim == len(shape) + 1:
        return array, False
    raise ValueError(f"{name} must have the shape {shape} or (B, *{shape}), got {array.shape}")
