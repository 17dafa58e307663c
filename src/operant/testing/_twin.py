"""Run as ``python -m operant.testing._twin``: the other process of rule other_process_same_trace.

Reads ``{"spec" | "factory": ..., "steps": int, "seed": int}`` as JSON from standard input and
writes one digest per call to standard output.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec

from operant.testing._play import running_digests


def build(recipe: dict[str, Any]) -> gym.Env[Any, Any]:
    """Build an env from a spec's JSON, or from a ``"module:name"`` of a factory."""
    if "spec" in recipe:
        return gym.make(EnvSpec.from_json(recipe["spec"]), disable_env_checker=True)
    module, _, name = recipe["factory"].partition(":")
    env: gym.Env[Any, Any] = getattr(importlib.import_module(module), name)()
    return env


def main() -> None:
    """Play the ordered trace."""
    order = json.load(sys.stdin)
    digests = running_digests(build(order), steps=order["steps"], seed=order["seed"])
    sys.stdout.write("\n".join(digests))


if __name__ == "__main__":
    main()
