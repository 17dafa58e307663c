"""check_env: does a scalar env keep the rules that training and measuring rely on?

Gymnasium's and Stable-Baselines3's checkers look at one or a few steps; an env that draws from a
global generator after step 3 and pays NaN at step 12 passes both. This one plays thousands.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym

from operant.testing._env_life import LIFE_RULES
from operant.testing._env_seeding import SEEDING_RULES
from operant.testing._env_values import VALUE_RULES, rule_gymnasium, rule_gymnasium_warnings
from operant.testing._play import Subject
from operant.testing._report import run_rules

ENV_RULES = (rule_gymnasium, *VALUE_RULES, *SEEDING_RULES, *LIFE_RULES, rule_gymnasium_warnings)


def check_env(
    env: str | gym.Env[Any, Any] | Callable[..., gym.Env[Any, Any]],
    *,
    steps: int = 2000,
    seed: int = 0,
    deterministic: bool = False,
    subprocess: bool = True,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check a scalar env deeply; the rules are ``operant.testing.ENV_RULES``.

    Args:
        env: A Gymnasium id, an env made by ``gymnasium.make``, or a factory such as the class.
            Factories are called without arguments, or with ``render_mode=``.
        steps: Length of the traces, in env steps; at least 100.
        seed: Seed of the first episode.
        deterministic: Declares that seeds make no difference.
        subprocess: Also compare with the trace in a fresh interpreter, which must be able to
            import the env.
        skip: Rule name -> reason why that rule does not apply.

    Raises:
        ContractError: Naming the first broken rule, what was seen, and how to fix it.
        ValueError: If ``steps`` is too small, ``skip`` names no rule, or ``subprocess`` is asked of
            a factory that no other process can import.
        TypeError: If ``env`` is an instance that cannot be made again.

    Example:
        ``check_env("SparseKey-5x5-v0")``, or ``check_env(MyEnv, subprocess=False)``.
    """
    if steps < 100:
        raise ValueError(f"steps must be >= 100, got {steps}")
    name, make, recipe = _describe(env, subprocess)
    subject = Subject(
        name=name,
        make=make,
        recipe=recipe,
        steps=steps,
        seed=seed,
        deterministic=deterministic,
    )
    run_rules(name, subject, ENV_RULES, skip)


def _describe(
    env: str | gym.Env[Any, Any] | Callable[..., gym.Env[Any, Any]], subprocess: bool
) -> tuple[str, Callable[..., gym.Env[Any, Any]], dict[str, str] | None]:
    """Return a name, a maker, and what another process needs to build the env."""
    if isinstance(env, str):
        probe = gym.make(env, disable_env_checker=True)  # also imports the module of "module:Id"
        spec = probe.spec
        probe.close()
    elif isinstance(env, gym.Env):
        spec = env.spec
    else:
        name = getattr(env, "__qualname__", repr(env))
        return name, env, {"factory": _import_path(env)} if subprocess else None
    if spec is None:
        raise TypeError(f"{env} cannot be made again; pass an id or a factory such as its class")
    return (
        spec.id,
        lambda **kwargs: gym.make(spec, disable_env_checker=True, **kwargs),
        {"spec": spec.to_json()} if subprocess else None,
    )


def _import_path(factory: Callable[..., Any]) -> str:
    module, name = getattr(factory, "__module__", ""), getattr(factory, "__qualname__", "")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        found = None
    if found is not factory:
        raise ValueError(
            f"another process cannot import {factory!r}; define it at the top of a module, "
            "or pass subprocess=False"
        )
    return f"{module}:{name}"
