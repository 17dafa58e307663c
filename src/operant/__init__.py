"""Operant, the reward-design laboratory for reinforcement learning.

>>> import gymnasium as gym, operant
>>> env = operant.shape(gym.make("SparseKey-v0"), "potential", gamma=0.99)

Importing this package registers the environment ids and loads NumPy and Gymnasium only; everything
else is imported when it is used.
"""

from __future__ import annotations

from dataclasses import replace as _replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import gymnasium as _gym

from operant import envs as _envs
from operant.errors import UnknownIdError
from operant.types import Card

if TYPE_CHECKING:
    from operant.reward_design.base import RewardDesign

__version__ = version("operant")
__all__ = [
    "__version__",
    "card",
    "list_agents",
    "list_designs",
    "list_envs",
    "list_games",
    "list_suites",
    "make_design",
    "shape",
]

_envs.register_all()


def list_envs() -> list[str]:
    """Return the Gymnasium ids this package registers, sorted."""
    return _envs.registry().ids()


def list_games() -> list[str]:
    """Return the ids of the worlds of several agents, sorted; see ``operant.envs.multiagent``."""
    from operant.envs import multiagent

    return multiagent.games().ids()


def list_designs() -> list[str]:
    """Return the ids of the reward designs, sorted."""
    from operant import reward_design

    return reward_design.registry().ids()


def list_agents() -> list[str]:
    """Return the ids of the agents, sorted."""
    from operant import agents

    return agents.registry().ids()


def list_suites() -> list[str]:
    """Return the ids of the benchmark suites, sorted."""
    from operant import benchmarks

    return benchmarks.registry().ids()


def card(env_id: str, *, levels: int = 0) -> Card:
    """Return the card of a registered env: what it is, what it pays, which features it publishes.

    Args:
        env_id: One of :func:`list_envs`.
        levels: In how many levels to ask the oracle for the card's ``optimum``; 0 leaves it out.

    Raises:
        UnknownIdError: If the id is not one of :func:`list_envs`.
        MissingExtraError: If the env needs an extra that is not installed.
        ValueError: If ``levels`` is negative.
    """
    from operant.optima import measure_optima

    if levels < 0:
        raise ValueError(f"levels must be >= 0, got {levels}")
    if env_id not in _envs.registry():
        raise UnknownIdError("environment", env_id, list_envs())
    env = _gym.make(env_id)
    try:
        found: Card = env.unwrapped.card  # type: ignore[attr-defined]
        if levels and found.oracle != "none":
            found = _replace(found, optimum=measure_optima(env, levels))
    finally:
        env.close()
    return found


def make_design(design_id: str, **kwargs: Any) -> RewardDesign:
    """Build a reward design by id.

    >>> make_design("potential", scale=2.0).id
    'potential'

    Raises:
        UnknownIdError: If the id is unknown; names the nearest ids.
        ValueError: If an argument is outside its range.
    """
    from operant import reward_design

    return reward_design.make_design(design_id, **kwargs)


def shape(
    env: Any, design: RewardDesign | str, *, gamma: float, seed: int = 0, learn_every: int = 128
) -> Any:
    """Wrap an env so that it pays a designed reward; the true one stays in ``info["true_reward"]``.

    Args:
        env: A ``gymnasium.Env`` or ``gymnasium.vector.VectorEnv`` in any autoreset mode.
        design: A design or its id.
        gamma: The discount of the agent that will be trained, in [0, 1].
        seed: Seed of everything random inside the design.
        learn_every: Steps after which a design that learns (ExploRS, ExpAdaRD) is given a rollout
            of them; 0 for never.

    Returns:
        The wrapped env, scalar or vector like the input.

    Raises:
        GammaMismatchError: If the design was built for another discount.
        TypeError: If ``env`` or ``design`` is something else.
        ValueError: If ``learn_every`` is negative.
    """
    from operant import reward_design

    return reward_design.shape(env, design, gamma=gamma, seed=seed, learn_every=learn_every)
