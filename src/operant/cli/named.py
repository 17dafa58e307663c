"""What a user has named on the command line, made; or a message that says what is wrong with it."""

from __future__ import annotations

import difflib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gymnasium as gym

    from operant.reward_design import RewardDesign


def make_env(env_id: str, kwargs: dict[str, Any]) -> gym.Env[Any, Any]:
    """Make an env that a user has named.

    Raises:
        UnknownIdError: If there is no such id; names the nearest ones.
        ValueError: If it cannot be made with these arguments.
    """
    import gymnasium as gym

    import operant
    from operant.errors import UnknownIdError

    _look_here(env_id)
    try:
        return gym.make(env_id, **kwargs)
    except gym.error.UnregisteredEnv:
        # Near ids may be anybody's; without one, our own are shown instead of all of Gymnasium's.
        near = difflib.get_close_matches(env_id, gym.registry, cutoff=0.5)
        raise UnknownIdError("environment", env_id, near or operant.list_envs()) from None
    except ModuleNotFoundError as error:  # of "module:Id"
        raise ValueError(f"{env_id} cannot be made: {error}") from error
    except (AssertionError, LookupError, TypeError, ValueError) as error:
        told = f" with {kwargs}" if kwargs else ""
        raise ValueError(f"{env_id} cannot be made{told}: {error}") from error


def make_design(name: str, kwargs: dict[str, Any]) -> RewardDesign:
    """Build a design that a user has named: an id, ``outer(inner)`` or ``module:Class``.

    Raises:
        UnknownIdError: If there is no such id.
        ValueError: If it cannot be built with these arguments.
    """
    from operant import reward_design

    _look_here(name)
    try:
        return reward_design.make_design(name, **kwargs)
    except (TypeError, ValueError) as error:
        if not kwargs and isinstance(error, ValueError):
            raise
        told = f" with {kwargs}" if kwargs else ""
        raise ValueError(
            f"design {name} cannot be made{told}: {error}{_arguments(name)}"
        ) from error


def _arguments(name: str) -> str:
    """Return what may be given to a design of the registry, as the end of a message."""
    from operant import reward_design

    registry, known = reward_design.registry(), name.partition("(")[0]
    if known not in registry:
        return ""
    return f" (its arguments: {', '.join(inspect.signature(registry.load(known)).parameters)})"


def _look_here(name: str) -> None:
    """Let ``module:...`` name a module beside the user, whom a console script does not look for."""
    if ":" in name:
        sys.path.insert(0, str(Path.cwd()))
