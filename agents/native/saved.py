"""What of a model goes into its file, and comes back."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.agents.base import AnyVectorEnv, Array, Arrays, Json
from operant.agents.native.model_file import ModelFileError, Target, read_model, write_model
from operant.agents.native.ppo import PPOAgent
from operant.agents.native.space_specs import space_from, space_spec
from operant.arrays import section
from operant.wrapping import layers

SPACES = ("observation_space", "action_space")
KIND = "ppo"


class NoEnv(VectorEnv[Any, Any, Any]):
    """Stands for the env of a model that was loaded without one, and keeps its state."""

    def __init__(self, spaces: Mapping[str, gym.Space[Any]], num_envs: int) -> None:
        """Note what the env was like."""
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = num_envs
        self.single_observation_space = spaces["observation_space"]
        self.single_action_space = spaces["action_space"]
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._state: dict[str, Array] = {}

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:  # noqa: ARG002
        """Refuse.

        Raises:
            ValueError: With the remedy.
        """
        raise ValueError("the model has no env to learn on: call set_env(env), or load(path, env)")

    def get_state(self) -> dict[str, Array]:
        """Return what :meth:`set_state` was given."""
        return self._state

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Keep a state, to be saved again."""
        self._state = dict(state)


def save_model(
    target: Target,
    agent: PPOAgent,
    arguments: Json,
    normalisers: tuple[Arrays, Json],
) -> None:
    """Write a model.

    Args:
        target: Where to; see :func:`write_model`.
        agent: What was trained.
        arguments: JSON arguments of the model that are no hyper-parameters.
        normalisers: Statistics and settings; see ``normalisers.normaliser_state``.
    """
    arrays, training = agent.training_state()
    training["counters"]["num_steps"] += agent.collector.running  # a callback may save
    standing: Arrays = {}
    if agent.collector.stands and not training["exact_resume"]:
        standing = agent.collector.standing(agent.rollout)
    meta = {
        "kind": KIND,
        "operant": version("operant"),
        "arguments": arguments,
        "config": agent.config.to_json(),
        "seed": agent.seed,
        "num_envs": agent.env.num_envs,
        "observation_space": space_spec(agent.env.single_observation_space),
        "action_space": space_spec(agent.env.single_action_space),
        "normalisers": normalisers[1],
        "training": training,
    }
    groups = {"training": arrays, "normalisers": normalisers[0], "standing": standing}
    write_model(target, meta, groups)


class SavedModel:
    """A model as read from a file.

    Attributes:
        arguments: Arguments of the model, hyper-parameters included.
        spaces: Its spaces by name.
        num_envs: Rows of its env.
        normalisers: Statistics and settings of its normalisers.
    """

    def __init__(self, target: Target) -> None:
        """Read a file.

        Raises:
            ModelFileError: If it is no model, is damaged or tampered with; it names what is wrong.
        """
        self._meta, self._groups = read_model(target)
        if self.field("kind", str) != KIND:
            raise ModelFileError(f"kind of a model must be {KIND!r}, got {self._meta['kind']!r}")
        self.arguments = {
            **self.field("config", dict),
            **self.field("arguments", dict),
            "seed": self.field("seed", int),
        }
        self.num_envs: int = self.field("num_envs", int)
        self.spaces = {name: space_from(self.field(name, dict)) for name in SPACES}
        self.normalisers: tuple[Arrays, Json] = (
            self._group("normalisers"),
            self.field("normalisers", dict),
        )

    def field(self, name: str, kind: type) -> Any:
        """Return one field of the JSON data.

        Raises:
            ModelFileError: If it is missing or of another type.
        """
        value = self._meta.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ModelFileError(
                f"field {name!r} of a model must be a {kind.__name__}, got {value!r}"
            )
        return value

    def _group(self, name: str) -> Arrays:
        if name not in self._groups:
            raise ModelFileError(f"the model lacks {name}.safetensors")
        return self._groups[name]

    def no_env(self) -> NoEnv:
        """Return a placeholder for its env."""
        return NoEnv(self.spaces, self.num_envs)

    def restore(self, agent: PPOAgent, *, force_reset: bool | None) -> None:
        """Continue where the model stood.

        Args:
            agent: An agent of the same network.
            force_reset: True to start new episodes; False if the env stands where the model left
                it; None to restore the env too where it can be, and start new episodes elsewhere.

        Raises:
            ValueError: If something does not fit the agent; it names it.
        """
        arrays, training = self._group("training"), dict(self.field("training", dict))
        for name, count in training.get("counters", {}).items():
            if not isinstance(count, int) or count < 0:
                raise ModelFileError(f"counter {name!r} must be an integer >= 0, got {count!r}")
        # Hyper-parameters may be changed on loading; whether the weights fit is checked by shape.
        training |= {"config": agent.config.to_json(), "seed": agent.seed}
        same_rows = self.num_envs == agent.env.num_envs
        episodes = section(arrays, "episodes")
        can = all(hasattr(layer, "set_state") for layer in layers(agent.env)) or not episodes
        if not (same_rows and can and force_reset is None):
            arrays, training = _without_episodes(arrays, training, agent)
        try:
            agent.load_training_state(arrays, training)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ModelFileError(f"the training state lacks something: {error!r}") from error
        standing = episodes or self._group("standing")
        if force_reset is False and standing and same_rows:
            agent.collector.stand(agent.rollout, standing)


def check_env(
    env: AnyVectorEnv, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> None:
    """Check that an env has the spaces of a model.

    Raises:
        ValueError: If one of them is another; it names it.
    """
    pairs = {
        "observation_space": (env.single_observation_space, observation_space),
        "action_space": (env.single_action_space, action_space),
    }
    for name, (found, wanted) in pairs.items():
        if found != wanted:
            raise ValueError(f"{name} of the env must be {wanted} as the model's, got {found}")


def _without_episodes(arrays: Arrays, training: Json, agent: PPOAgent) -> tuple[Arrays, Json]:
    """Return a training state whose episodes are over, for as many rows as an agent has."""
    kept = {name: array for name, array in arrays.items() if not name.startswith("episodes/")}
    fresh = agent.training_state()[0]
    kept |= {name: array for name, array in fresh.items() if name.startswith("memory/")}
    begun = bool(training.get("counters", {}).get("num_steps"))
    exact = bool(training.get("exact_resume")) and not begun
    return kept, {**training, "exact_resume": exact, "num_envs": agent.env.num_envs}
