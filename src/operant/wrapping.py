"""Looking through Gymnasium's wrappers, scalar and vector alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from operant.types import Bool, Float


def layers(env: Any) -> Iterator[Any]:
    """Iterate over a scalar or vector env and all it wraps, outermost first."""
    while isinstance(env, (gym.Wrapper, VectorWrapper)):
        yield env
        env = env.env
    yield env


def has_state(env: Any) -> bool:
    """Return whether an env and all it wraps can save and restore their state.

    The env's own ``get_state`` is not enough: it would miss the state of a wrapper without one.
    """
    return all(hasattr(layer, "get_state") for layer in layers(env))


def autoreset_mode(env: VectorEnv[Any, Any, Any]) -> AutoresetMode | None:
    """Return how a vector env starts the next episode, or None if it does not say.

    Gymnasium's Sync and Async envs write their mode into a metadata dict that all envs of one class
    share, so a later env overwrites it; their attribute is theirs alone and is asked first.
    """
    mode = getattr(env.unwrapped, "autoreset_mode", None) or env.metadata.get("autoreset_mode")
    return None if mode is None else AutoresetMode(mode)


def final_success(infos: Mapping[str, Any]) -> Any:
    """Return the success flags of the episodes that a SAME_STEP step ended, (N,), or None."""
    return final_info(infos, "success")


def final_info(infos: Mapping[str, Any], key: str) -> Any:
    """Return an info of the episodes that a SAME_STEP step ended, (N, ...), or None.

    The info of an ended episode is in ``final_info``; what lies beside it may belong to the next.
    """
    return infos.get("final_info", infos).get(key)


def true_rewards(rewards: Float, dones: Bool, infos: Mapping[str, Any]) -> Float:
    """Return the env's own rewards of a SAME_STEP step, (N,).

    Envs that loop over sub-envs report the info of an ended row only in ``final_info``, because
    the info beside it is the one of the reset. Without ``true_reward`` the reward itself is true.
    """
    running = infos.get("true_reward")
    final = infos.get("final_info", {}).get("true_reward")
    if running is None and final is None:
        return rewards
    true = np.zeros(len(rewards)) if running is None else np.array(running, np.float64)
    if final is not None:
        true[dones] = final[dones]
    return true
