"""Everything mutable in a native agent, as arrays and JSON and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from operant.agents.base import Array, Arrays, Json
from operant.agents.native.networks import fill_module, module_arrays
from operant.arrays import section

if TYPE_CHECKING:
    from operant.agents.native.ppo import PPO


def training_state(agent: PPO) -> tuple[Arrays, Json]:
    """Return networks, optimiser, generator, counters, episodes and hooks."""
    episodes, episode_meta = agent.collector.state(agent.rollout)
    parts = {
        "policy": module_arrays(agent.policy.model),
        "optimizer": _optimizer_arrays(agent.optimizer),
        "generator": {"state": agent.policy.generator.get_state().numpy().copy()},
        "episodes": episodes,
    }
    hooks = [hook.state() for hook in agent.hooks]
    parts |= {f"hooks/{i}": arrays for i, (arrays, _) in enumerate(hooks)}
    return {f"{part}/{name}": x for part in parts for name, x in parts[part].items()}, {
        **_identity(agent),
        "exact_resume": episode_meta.pop("exact"),
        "counters": {
            "num_steps": agent.num_steps,
            "num_updates": agent.num_updates,
            "iterations": agent.log.iterations,
        },
        "deduplication": agent.deduplication.state(),
        "episodes": episode_meta,
        "hooks": [meta for _, meta in hooks],
        "metrics": {name: x for name, x in agent.log.scalars.items() if math.isfinite(x)},
    }


def load_training_state(agent: PPO, arrays: Mapping[str, Array], meta: Json) -> None:
    """Restore what :func:`training_state` returned; the agent's own counters are its business.

    Raises:
        ValueError: If the state belongs to another agent, config, seed or set of hooks.
    """
    for name, value in _identity(agent).items():
        if meta.get(name) != value:
            raise ValueError(
                f"the training state has {name} {meta.get(name)!r}, this agent has {value!r}; "
                "load it into an agent built alike"
            )
    fill_module(agent.policy.model, section(arrays, "policy"))
    _load_optimizer(agent.optimizer, section(arrays, "optimizer"))
    agent.policy.generator.set_state(torch.from_numpy(arrays["generator/state"].copy()))
    agent.collector.load_state(agent.rollout, section(arrays, "episodes"), meta["episodes"])
    for i, hook in enumerate(agent.hooks):
        hook.load_state(section(arrays, f"hooks/{i}"), meta["hooks"][i])
    agent.deduplication.load_state(meta["deduplication"])
    agent.num_updates = meta["counters"]["num_updates"]
    agent.log.iterations = meta["counters"]["iterations"]
    agent.log.scalars = dict(meta["metrics"])


def _identity(agent: PPO) -> Json:
    return {
        "agent": agent.id,
        "config": agent.config.to_json(),
        "seed": agent.seed,
        "num_envs": agent.env.num_envs,
        "hook_types": [type(hook).__name__ for hook in agent.hooks],
    }


def _optimizer_arrays(optimizer: torch.optim.Optimizer) -> Arrays:
    # The groups' settings come from the config; the learning rate is set before each update.
    return {
        f"{index}/{name}": value.detach().cpu().numpy().copy()
        for index, slots in optimizer.state_dict()["state"].items()
        for name, value in slots.items()
    }


def _load_optimizer(optimizer: torch.optim.Optimizer, arrays: Mapping[str, Array]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    parameters = optimizer.param_groups[0]["params"]
    for path, value in arrays.items():
        index, _, name = path.partition("/")
        wanted = () if name == "step" else tuple(parameters[int(index)].shape)
        if value.shape != wanted:
            raise ValueError(
                f"saved optimizer state {path!r} should have the shape {wanted}, got {value.shape}"
            )
        state.setdefault(int(index), {})[name] = torch.from_numpy(np.array(value))
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
