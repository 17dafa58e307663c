"""Agents: what learns or plans. Importing this loads no learning library.

A learner is made by id and trains on a vector env, and so is an online algorithm, which has nothing
to train; a planner is a function of an explicit MDP; what plays all seats of a game is made of that
game by :func:`make_game_agent`.
``PPO`` is the native PPO with the interface of Stable-Baselines3's.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from operant.errors import OperantError
from operant.registry import AgentRow, Registry, collect_rows

if TYPE_CHECKING:
    import gymnasium as gym

    from operant.agents.base import Agent, AgentConfig, AnyVectorEnv, Array, Json, Policy, Trainee
    from operant.agents.ppo import PPO
    from operant.games import GameForms

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError(
        "import operant.agents, not agents: the folder is part of the operant package"
    )

__all__ = [
    "PPO",
    "agent_row",
    "list_agents",
    "load_policy",
    "make_agent",
    "make_config",
    "make_game_agent",
    "registry",
]


def __getattr__(name: str) -> Any:  # PEP 562: torch and SB3 are loaded by who asks for PPO
    if name == "PPO":
        from operant.agents.ppo import PPO

        return PPO
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def registry() -> Registry[Agent]:
    """Return the registry of agents."""
    return Registry("agent", collect_rows("operant.agents"))


def agent_row(name: str) -> AgentRow:
    """Return what is known of an agent without importing it.

    Raises:
        UnknownIdError: If there is no such agent.
    """
    return cast(AgentRow, registry()[name])


def list_agents(kind: Literal["learner", "planner", "online", "game"] | None = None) -> list[str]:
    """Return the ids of all agents, or of those of one kind.

    >>> "ppo" in list_agents("learner"), "ppo" in list_agents("planner")
    (True, False)
    """
    return [name for name in registry().ids() if kind is None or agent_row(name).kind == kind]


def make_config(name: str, **hyper: Any) -> AgentConfig:
    """Build the config of a learner; needs no env, so it tells bad values before a run starts.

    Args:
        name: Registry id, e.g. ``"sb3-ppo"``.
        **hyper: Fields of the agent's config; the others keep their defaults.

    Raises:
        UnknownIdError: If there is no such agent.
        OperantError: If it is a planner, which has no config.
        ValueError: If a hyper-parameter is unknown or out of range.
    """
    config: AgentConfig = _loaded(name).config_class.from_json({**agent_row(name).kwargs, **hyper})
    return config


def make_agent(name: str, env: AnyVectorEnv, *, seed: int = 0, **hyper: Any) -> Agent:
    """Build a learner.

    Args:
        name: Registry id, e.g. ``"sb3-ppo"``.
        env: Vector env in ``SAME_STEP`` autoreset mode.
        seed: Root of everything random in the agent.
        **hyper: Fields of the agent's config; the others keep their defaults.

    Raises:
        UnknownIdError: If there is no such agent.
        OperantError: If it is a planner, which needs an MDP instead of an env, or plays games.
        ValueError: If a hyper-parameter is unknown or out of range, or the env is unsuitable.
        GammaMismatchError: If the env carries a reward design with another discount.
    """
    made: Agent = _learner(name)(env, config=make_config(name, **hyper), seed=seed)
    return made


def make_game_agent(
    name: str, game: GameForms, *, num_envs: int = 256, seed: int = 0, **hyper: Any
) -> Trainee:
    """Build what sits on all seats of a game.

    Args:
        name: Registry id, e.g. ``"self-play"``.
        game: The game.
        num_envs: Games at a time, for those that learn by playing; >= 1.
        seed: Root of everything random in it.
        **hyper: Fields of its config; the others keep their defaults.

    Raises:
        UnknownIdError: If there is no such agent.
        OperantError: If it plays no games.
        ValueError: If a hyper-parameter is unknown or out of range, or the game is unsuitable.
    """
    if agent_row(name).kind != "game":
        raise OperantError(
            f"agent {name!r} acts in an env and sits on no seats of a game; those that do are "
            f"{', '.join(list_agents('game'))}"
        )
    made: Trainee = _loaded(name).for_game(
        game, num_envs=num_envs, config=make_config(name, **hyper), seed=seed
    )
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
        OperantError: If it is a table for a game, which nothing but that game can read.
        ValueError: If names or shapes do not fit the network of this config and these spaces.
    """
    cls = _learner(meta["agent"])
    config = cls.config_class.from_json(meta["config"])
    policy: Policy = cls.load_policy(arrays, config, observation_space, action_space)
    return policy


def _learner(name: str) -> Any:
    if agent_row(name).kind == "game":
        raise OperantError(
            f"agent {name!r} sits on all seats of a game and does not act in an env; make it with "
            "operant.agents.make_game_agent"
        )
    return _loaded(name)


def _loaded(name: str) -> Any:
    row = agent_row(name)
    if row.kind == "planner":
        function = row.entry_point.replace(":", ".")
        raise OperantError(
            f"agent {name!r} plans on an explicit MDP and does not learn from an env; "
            f"call {function}(mdp, gamma=...) with an operant.tabular.TabularMDP"
        )
    return registry().load(name)
