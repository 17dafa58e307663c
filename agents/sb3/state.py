"""Everything mutable in a Stable-Baselines3 algorithm, as arrays and JSON and back.

SB3's own zip holds neither generators nor the env, and pickles; this holds all and does not.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from operant.agents.base import Array, Arrays, Json
from operant.agents.sb3.config import EPISODES_LOGGED
from operant.agents.sb3.vec_env import SB3VecEnv
from operant.agents.weights import (
    fill_module,
    load_optimizer,
    module_arrays,
    optimizer_arrays,
)
from operant.arrays import section

Modules: TypeAlias = dict[str, torch.nn.Module]
Optimizers: TypeAlias = dict[str, torch.optim.Optimizer]

COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")
BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
EPISODES = ("ep_start", "ep_length")
"""What a buffer knows beyond that if it replaces goals in hindsight."""


def prefixed(prefix: str, arrays: Mapping[str, Array]) -> Arrays:
    """Put arrays under a prefix."""
    return {f"{prefix}/{name}": value for name, value in arrays.items()}


def algorithm_state(model: BaseAlgorithm, counters: tuple[str, ...]) -> tuple[Arrays, Json]:
    """Return networks, optimisers, counters and statistics; ``counters`` name SB3's attributes."""
    modules, optimizers, tensors = _learned(model)
    arrays: Arrays = {}
    for name, module in modules.items():
        arrays |= prefixed(name, module_arrays(module))
    for name, optimizer in optimizers.items():
        arrays |= prefixed(name, optimizer_arrays(optimizer))
    arrays |= {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
    meta = {
        "counters": {name: getattr(model, name) for name in counters},
        "action_space": model.action_space.np_random.bit_generator.state,
        "episodes": list(model.ep_info_buffer or ()),
        "successes": [bool(success) for success in model.ep_success_buffer or ()],
    }
    return arrays, meta


def load_algorithm_state(model: BaseAlgorithm, arrays: Mapping[str, Array], meta: Json) -> None:
    """Restore what :func:`algorithm_state` returned."""
    modules, optimizers, tensors = _learned(model)
    for name, module in modules.items():
        fill_module(module, section(arrays, name))
    for name, optimizer in optimizers.items():
        load_optimizer(optimizer, section(arrays, name))
    for name, tensor in tensors.items():
        tensor.data.copy_(torch.from_numpy(arrays[name].reshape(tuple(tensor.shape))))
    for name, value in meta["counters"].items():
        setattr(model, name, value)
    model.action_space.np_random.bit_generator.state = meta["action_space"]
    model.ep_info_buffer = deque(meta["episodes"], maxlen=EPISODES_LOGGED)
    model.ep_success_buffer = deque(meta["successes"], maxlen=EPISODES_LOGGED)


def _learned(model: BaseAlgorithm) -> tuple[Modules, Optimizers, dict[str, torch.Tensor]]:
    """Return what the algorithm learns, by the names under which SB3 itself would save it."""
    with_state, plain = model._get_torch_save_params()
    parts = {name: operator.attrgetter(name)(model) for name in with_state}
    modules = {name: part for name, part in parts.items() if isinstance(part, torch.nn.Module)}
    optimizers = {name: part for name, part in parts.items() if name not in modules}
    return modules, optimizers, {name: getattr(model, name) for name in plain}


def env_state(model: BaseAlgorithm, venv: SB3VecEnv) -> tuple[Arrays, bool]:
    """Return where the episodes stand, and whether that is exact.

    The arrays are empty before the first reset, which is exact, and for envs that cannot save
    their state, which is not.
    """
    if model._last_obs is None:
        return {}, True
    if not venv.has_state:
        return {}, False
    starts = model._last_episode_starts
    return {
        **prefixed("env", venv.get_state()),
        **prefixed("last_obs", _tree_arrays(model._last_obs)),
        "episode_starts": np.array(starts),
    }, True


def load_env_state(model: BaseAlgorithm, venv: SB3VecEnv, arrays: Mapping[str, Array]) -> None:
    """Restore what :func:`env_state` returned; without it SB3 resets the env in ``learn``."""
    if "episode_starts" not in arrays:
        model._last_obs = model._last_episode_starts = None
        return
    venv.set_state(section(arrays, "env"))
    model._last_obs = _tree(section(arrays, "last_obs"))
    model._last_episode_starts = arrays["episode_starts"].copy()


def replay_state(buffer: ReplayBuffer) -> tuple[Arrays, Json]:
    """Return the filled part of a replay buffer."""
    size = buffer.size()
    arrays: Arrays = {}
    for name in _columns(buffer):
        parts = _tree_arrays(getattr(buffer, name))
        arrays |= prefixed(name, {key: value[:size] for key, value in parts.items()})
    if isinstance(buffer, HerReplayBuffer):
        arrays["current_ep_start"] = buffer._current_ep_start.copy()
    return arrays, {"pos": buffer.pos, "full": buffer.full}


def load_replay_state(buffer: ReplayBuffer, arrays: Mapping[str, Array], meta: Json) -> None:
    """Restore what :func:`replay_state` returned, into a new buffer of the same capacity."""
    buffer.pos, buffer.full = meta["pos"], meta["full"]
    size = buffer.size()
    for name in _columns(buffer):
        value = getattr(buffer, name)
        for key, saved in section(arrays, name).items():
            (value[key] if isinstance(value, dict) else value)[:size] = saved
    if isinstance(buffer, HerReplayBuffer):
        buffer._current_ep_start[:] = arrays["current_ep_start"]


def _columns(buffer: ReplayBuffer) -> tuple[str, ...]:
    return (*BUFFER, *EPISODES) if isinstance(buffer, HerReplayBuffer) else BUFFER


def _tree_arrays(value: Any) -> Arrays:
    parts = value if isinstance(value, dict) else {"": value}
    return {key: np.array(part) for key, part in parts.items()}


def _tree(parts: Arrays) -> Any:
    return (
        parts[""].copy()
        if set(parts) == {""}
        else {key: part.copy() for key, part in parts.items()}
    )
