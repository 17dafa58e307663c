"""Everything mutable in a native agent, as arrays and JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from operant.agents.base import Array, Arrays, Json, check_identity
from operant.agents.weights import (
    fill_module,
    finite,
    load_optimizer,
    module_arrays,
    optimizer_arrays,
)
from operant.arrays import section

if TYPE_CHECKING:
    from operant.agents.native.ppo import PPOAgent


def training_state(agent: PPOAgent) -> tuple[Arrays, Json]:
    """Return networks, optimiser, generator, counters, episodes and hooks."""
    episodes, episode_meta = agent.collector.state(agent.rollout)
    parts = {
        "policy": module_arrays(agent.policy.model),
        "optimizer": optimizer_arrays(agent.optimizer),
        "generator": {"state": agent.policy.generator.get_state().numpy().copy()},
        "episodes": episodes,
    }
    if agent.memory is not None:
        parts["memory"] = {"state": agent.memory.state()}
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
        "progress": agent.progress,
        "deduplication": agent.deduplication.state(),
        "episodes": episode_meta,
        "hooks": [meta for _, meta in hooks],
        "metrics": finite(agent.log.scalars),
    }


def load_training_state(agent: PPOAgent, arrays: Mapping[str, Array], meta: Json) -> None:
    """Restore what :func:`training_state` returned; the agent's own counters are its business.

    Raises:
        ValueError: If the state belongs to another agent, config, seed or set of hooks.
    """
    check_identity(meta, _identity(agent))
    fill_module(agent.policy.model, section(arrays, "policy"))
    load_optimizer(agent.optimizer, section(arrays, "optimizer"))
    agent.policy.generator.set_state(torch.from_numpy(arrays["generator/state"].copy()))
    agent.collector.load_state(agent.rollout, section(arrays, "episodes"), meta["episodes"])
    if agent.memory is not None and agent.collector.stands:  # new episodes remember nothing
        agent.memory.load_state(arrays["memory/state"])
    for i, hook in enumerate(agent.hooks):
        hook.load_state(section(arrays, f"hooks/{i}"), meta["hooks"][i])
    agent.deduplication.load_state(meta["deduplication"])
    agent.num_updates = meta["counters"]["num_updates"]
    agent.log.iterations = meta["counters"]["iterations"]
    agent.log.scalars = dict(meta["metrics"])


def _identity(agent: PPOAgent) -> Json:
    return {
        **agent.identity(),
        "rank": agent.ranks.rank,
        "world": agent.ranks.world,
        "hook_types": [type(hook).__name__ for hook in agent.hooks],
    }
