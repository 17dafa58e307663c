"""Networks and optimisers of torch agents as arrays and back, and metrics as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from operant.agents.base import Array, Arrays


def module_arrays(module: nn.Module) -> Arrays:
    """Return copies of a module's parameters."""
    return {name: value.cpu().numpy().copy() for name, value in module.state_dict().items()}


def fill_module(module: nn.Module, arrays: Mapping[str, Array]) -> None:
    """Load what :func:`module_arrays` returned.

    Raises:
        ValueError: If names, shapes or types differ.
    """
    wanted = {
        name: (tuple(value.shape), str(value.dtype).removeprefix("torch."))
        for name, value in module.state_dict().items()
    }
    found = {name: (tuple(value.shape), str(value.dtype)) for name, value in arrays.items()}
    if wanted != found:
        name = min(dict(wanted.items() ^ found.items()))
        raise ValueError(
            f"saved weights do not fit the network: {name!r} should be {wanted.get(name)}, got "
            f"{found.get(name)}; load them with the config and env they were saved with"
        )
    module.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in arrays.items()})


def optimizer_arrays(optimizer: torch.optim.Optimizer) -> Arrays:
    """Return copies of what an optimiser remembers of each parameter."""
    # The groups' settings come from the config; the learning rate is set before each update.
    return {
        f"{index}/{name}": value.detach().cpu().numpy().copy()
        for index, slots in optimizer.state_dict()["state"].items()
        for name, value in slots.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, arrays: Mapping[str, Array]) -> None:
    """Load what :func:`optimizer_arrays` returned.

    Raises:
        ValueError: If a shape is not its parameter's.
    """
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


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Leave out what strict JSON cannot say."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
