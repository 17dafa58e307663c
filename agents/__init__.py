"""Agents: what learns or plans. Importing this loads no learning library.

A learner is made by id and trains on a vector env; a planner is a function of an explicit MDP.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from operant.errors import OperantError
from operant.registry import Registry, collect_rows

if TYPE_CHECKING:
    import gymnasium as gym

    from operant.agents.base import Agent, AnyVectorEnv, Array, Json, Policy

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError(
        "import operant.agents, not agents: the folder is part of the operant package"
    )

__all__ = ["list_agents", "load_policy", "make_agent", "registry"]


@functools.cache
def registry() -> Registry[Agent]:
    """Return the registry of agents."""
    return Registry("agent", collect_rows("operant.agents"))


def list_agents(tag: str | None = None) -> list[str]:
    """Return the ids of all agents, or of those with a tag (``"learner"``, ``"planner"``).

    >>> list_agents("learner")
    ['sb3-dqn', 'sb3-ppo']
    """
    return [row.id for row in registry() if tag is None or tag in row.tags]


def make_agent(name: str, env: AnyVectorEnv, *, seed: int = 0, **hyper: Any) -> Agent:
    """Build a learner.

    Args:
        name: Registry id, e.g. ``"sb3-ppo"``.
        env: Vector env in ``SAME_STEP`` autoreset mode.
        seed: Root of everything random in the agent.
        **hyper: Fields of the agent's config; the others keep their defaults.

    Raises:
        UnknownIdError: If there is no such agent.
        OperantError: If it is a planner, which needs an MDP instead of an env.
        ValueError: If a hyper-parameter is unknown or out of range, or the env is unsuitable.
        GammaMismatchError: If the env carries a reward design with another discount.
    """
    cls = _learner(name)
    config = cls.config_class.from_json({**registry()[name].kwargs, **hyper})
    made: Agent = cls(env, config=config, seed=seed)
    return made


def load_policy(
    arrays: Mapping[str, Array],
    meta: Json,
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
) -> Policy:
    """Rebuild the policy that :meth:`Agent.policy_state` exported.

    Args:
        arrays: Its arrays. They carry numbers only; the network is built from the config.
        meta: Its JSON data: the agent's id and config.
        observation_space: Space of one observation.
        action_space: Space of one action.

    Raises:
        UnknownIdError: If there is no such agent.
        ValueError: If names or shapes do not fit the network of this config and these spaces.
    """
    cls = _learner(meta["agent"])
    config = cls.config_class.from_json(meta["config"])
    policy: Policy = cls.load_policy(arrays, config, observation_space, action_space)
    return policy


def _learner(name: str) -> Any:
    row = registry()[name]
    if "learner" not in row.tags:
        function = row.entry_point.replace(":", ".")
        raise OperantError(
            f"agent {name!r} plans on an explicit MDP and does not learn from an env; "
            f"call {function}(mdp, gamma=...) with an operant.tabular.TabularMDP"
        )
    return registry().load(name)
