"""Reward designs: rules that turn transitions into the reward an agent is trained on.

A design is one file and one row of a family's ``table.py``. Importing this package loads neither
numba nor torch; a design's own module is imported when the design is made.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any, overload

import gymnasium as gym
from gymnasium.vector import VectorEnv

if not __name__.startswith("operant."):  # the repository root is on sys.path when it is the cwd
    raise ImportError(
        "import operant.reward_design, not reward_design: the folder is part of the operant package"
    )

from operant.registry import Registry, collect_rows
from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign

if TYPE_CHECKING:
    from operant.reward_design.adapters.scalar import DesignWrapper
    from operant.reward_design.adapters.vector import DesignVectorWrapper

LEARN_EVERY = 128
"""Steps of the env in a rollout that a design learns from, unless told otherwise."""

__all__ = [
    "DesignContext",
    "DesignSpec",
    "RewardDesign",
    "as_design",
    "list_designs",
    "make_design",
    "registry",
    "shape",
]


@cache
def registry() -> Registry[RewardDesign]:
    """Return the registry of reward designs, filled from every family's table."""
    return Registry("reward design", collect_rows("operant.reward_design"))


def list_designs() -> list[str]:
    """Return the ids of all reward designs, sorted.

    >>> "potential" in list_designs()
    True
    """
    return registry().ids()


def make_design(design_id: str, **kwargs: Any) -> RewardDesign:
    """Build a reward design.

    Args:
        design_id: Registry id, see :func:`list_designs`; ``outer(inner)`` for a design around
            another one, such as ``invariant(count)``; ``module:Class`` for a class of yours.
        **kwargs: Arguments of the (outer) design; they override the row's defaults.

    Raises:
        TypeError: If the class of yours is no :class:`RewardDesign`.
        UnknownIdError: If there is no such id; names the nearest ones.
        ValueError: If an argument is outside its range, or the class cannot be imported.

    >>> make_design("potential", scale=2.0).id
    'potential'
    """
    name, nested, rest = design_id.partition("(")
    if nested:
        if not rest.endswith(")"):
            raise ValueError(f"design {design_id!r} must end with ')', like 'invariant(count)'")
        if ":" not in name and "wrapper" not in registry()[name].tags:
            raise ValueError(f"design {name!r} wraps no other design, got {design_id!r}")
        if "design" in kwargs:
            raise ValueError(
                f"design {design_id!r} names the design inside, so 'design' must not be given too, "
                f"got {kwargs['design']!r}"
            )
        kwargs["design"] = rest[:-1]
    design = _imported(name)(**kwargs) if ":" in name else registry().make(name, **kwargs)
    design.id = design_id
    return design


def _imported(path: str) -> type[RewardDesign]:
    """Return the class behind ``module:Class``."""
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # the module is the user's and may raise anything
        raise ValueError(
            f"design {path!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, RewardDesign)):
        raise TypeError(f"design {path!r} must be a class derived from RewardDesign, got {found!r}")
    return found


def as_design(design: str | RewardDesign) -> RewardDesign:
    """Return a design as it is, or build it from its id with default arguments.

    Raises:
        TypeError: If it is neither.
        UnknownIdError: If there is no such id.
    """
    if isinstance(design, RewardDesign):
        return design
    if isinstance(design, str):
        return make_design(design)
    raise TypeError(
        f"design must be an id ({', '.join(list_designs())}) or a RewardDesign object, got "
        f"{type(design).__name__}: {design!r}"
    )


@overload
def shape(
    env: gym.Env[Any, Any],
    design: str | RewardDesign,
    *,
    gamma: float,
    seed: int = 0,
    learn_every: int = LEARN_EVERY,
) -> DesignWrapper: ...


@overload
def shape(
    env: VectorEnv[Any, Any, Any],
    design: str | RewardDesign,
    *,
    gamma: float,
    seed: int = 0,
    learn_every: int = LEARN_EVERY,
) -> DesignVectorWrapper: ...


def shape(
    env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any],
    design: str | RewardDesign,
    *,
    gamma: float,
    seed: int = 0,
    learn_every: int = LEARN_EVERY,
) -> DesignWrapper | DesignVectorWrapper:
    """Train on a designed reward: wrap a scalar or vector env.

    Args:
        env: A Gymnasium env or vector env (any autoreset mode).
        design: A design, or the id of one with default arguments.
        gamma: The *agent's* discount, in [0, 1].
        seed: Seed of everything random inside the design.
        learn_every: Steps after which a design that learns (ExploRS, ExpAdaRD) is given a rollout
            of them; 0 for never.

    Raises:
        GammaMismatchError: If the design was built for another discount.
        OperantError: If the design cannot be used on this env.
        TypeError: If ``env`` or ``design`` is of another type.
        ValueError: If ``learn_every`` is negative.

    >>> import gymnasium
    >>> env = shape(gymnasium.make("CartPole-v1"), "none", gamma=0.99)
    >>> _ = env.reset(seed=0)
    >>> env.step(0)[4]["true_reward"]
    1.0
    """
    if isinstance(env, VectorEnv):
        from operant.reward_design.adapters.vector import DesignVectorWrapper

        return DesignVectorWrapper(env, design, gamma=gamma, seed=seed, learn_every=learn_every)
    if isinstance(env, gym.Env):
        from operant.reward_design.adapters.scalar import DesignWrapper

        return DesignWrapper(env, design, gamma=gamma, seed=seed, learn_every=learn_every)
    raise TypeError(
        f"env must be a gymnasium.Env or gymnasium.vector.VectorEnv, got {type(env).__name__}; for "
        "a stable-baselines3 VecEnv use operant.reward_design.adapters.sb3.DesignCallback"
    )
