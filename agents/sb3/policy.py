"""Networks of the Stable-Baselines3 agents, and a policy that only acts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space

from operant.agents.base import Array
from operant.agents.sb3.config import SB3Config
from operant.agents.sb3.encoder import Flat, FlatDict, OneHotGrid, has_categorical, subspaces
from operant.agents.sb3.streams import Streams
from operant.types import Obs

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


class SB3Policy:
    """Acts with a network; stochastic draws come from its own streams."""

    def __init__(self, network: BasePolicy, streams: Streams, config: SB3Config) -> None:
        """Combine a network with the streams that stochastic actions draw from."""
        self.network, self._streams, self._config = network, streams, config

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row; see :meth:`operant.agents.base.Agent.act`."""
        return self._predict(obs, deterministic=deterministic)

    def _predict(self, obs: Obs, **kwargs: Any) -> Array:
        with self._streams.swapped():
            actions, _ = self.network.predict(obs, **kwargs)
        return actions

    @contextlib.contextmanager
    def sampling(self, seed: int) -> Iterator[None]:
        """Draw from a stream of this seed; see :meth:`operant.agents.base.Agent.sampling`."""
        kept = self._streams
        self._streams = Streams(seed, threads=self._config.threads, device=self._config.device)
        try:
            yield
        finally:
            self._streams = kept


def policy_name(algorithm: type[BaseAlgorithm], observation_space: gym.Space[Any]) -> str:
    """Return SB3's name of an algorithm's policy class for a space.

    Raises:
        ValueError: If the space holds pixel images, for which these agents have no network.
    """
    parts = subspaces(observation_space).values()
    if any(is_image_space(part) for part in parts):
        raise ValueError(
            "the observation space must not hold pixel images (uint8, 0 to 255), "
            f"got {observation_space}; use stable_baselines3's CnnPolicy directly, on "
            "operant.agents.sb3.vec_env.SB3VecEnv"
        )
    kind = "MultiInput" if isinstance(observation_space, spaces.Dict) else "Mlp"
    # "MlpPolicy", or "MlpLstmPolicy" where the algorithm is recurrent.
    return next(name for name in algorithm.policy_aliases if name.startswith(kind))


def policy_kwargs(config: SB3Config, observation_space: gym.Space[Any]) -> dict[str, Any]:
    """Return the keyword arguments of SB3's policy class."""
    kwargs: dict[str, Any] = {
        "net_arch": list(config.net_arch),
        "activation_fn": ACTIVATIONS[config.activation],
        **{name: getattr(config, name) for name in config.network_fields},
    }
    if config.encoder == "onehot" and has_categorical(observation_space):
        kwargs["features_extractor_class"] = OneHotGrid
    else:
        is_dict = isinstance(observation_space, spaces.Dict)
        kwargs["features_extractor_class"] = FlatDict if is_dict else Flat
    return kwargs


def rebuild_network(
    algorithm: type[BaseAlgorithm],
    config: SB3Config,
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
) -> BasePolicy:
    """Build the network that an algorithm would."""
    network_class = algorithm.policy_aliases[policy_name(algorithm, observation_space)]
    return network_class(
        observation_space,
        action_space,
        lambda _: config.learning_rate,
        **policy_kwargs(config, observation_space),
    ).to(config.device)
