"""A PPO that SB3 trained, taken over: hyper-parameters, weights and Adam's moments."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import PPO as SB3PPO  # a constant it is not
from torch import nn

from operant.agents.base import Json

_PLAIN = (
    "learning_rate",
    "n_steps",
    "batch_size",
    "n_epochs",
    "gamma",
    "gae_lambda",
    "ent_coef",
    "vf_coef",
    "max_grad_norm",
    "target_kl",
    "normalize_advantage",
    "seed",
)
_TRUNKS = {"pi": "mlp_extractor.policy_net", "vf": "mlp_extractor.value_net"}
Weights = dict[str, torch.Tensor]


def read_sb3(source: str | os.PathLike[str] | SB3PPO) -> tuple[Json, Weights, dict[str, Any]]:
    """Return what an SB3 model consists of.

    A file's ``policy.pth`` is read with ``weights_only=True``; what SB3 pickled in it (schedules
    and the activation function) is not read: pass it as keywords.

    Args:
        source: A file that SB3 saved, or a model of SB3.

    Returns:
        Arguments of our PPO, the policy's weights, and the optimizer's state by parameter.

    Raises:
        ValueError: If it is no such file, or has no MLP policy.
    """
    if isinstance(source, SB3PPO):
        arguments = _plain(vars(source))
        arguments["policy_kwargs"] = {"activation_fn": source.policy.activation_fn}
        weights = dict(source.policy.state_dict())
        optimizer = source.policy.optimizer.state_dict()
    else:
        arguments, weights, optimizer = _from_file(Path(source))
        arguments["policy_kwargs"] = {"activation_fn": nn.Tanh}
    arguments["policy_kwargs"]["net_arch"] = {
        part: _units(weights, trunk) for part, trunk in _TRUNKS.items()
    }
    return arguments, _own(weights), optimizer["state"]


def _from_file(path: Path) -> tuple[Json, Weights, dict[str, Any]]:
    path = path if path.exists() or path.suffix else path.with_name(path.name + ".zip")
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read("data"))
            weights, optimizer = (
                torch.load(io.BytesIO(archive.read(name)), map_location="cpu", weights_only=True)
                for name in ("policy.pth", "policy.optimizer.pth")
            )
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{path} is no model that stable_baselines3 saved: {error}") from error
    return _plain(data), weights, optimizer


def _plain(values: Any) -> Json:
    """Return the hyper-parameters that are numbers; others keep our defaults, which are SB3's."""
    found = {name: values[name] for name in _PLAIN if name in values}
    return {name: x for name, x in found.items() if x is None or isinstance(x, int | float)}


def _units(weights: Weights, trunk: str) -> list[int]:
    names = [name for name in weights if name.startswith(trunk) and name.endswith(".weight")]
    return [len(weights[name]) for name in names]


def _own(weights: Weights) -> Weights:
    """Leave out SB3's aliases of the features extractor; other layers of it are refused later."""
    return {name: value for name, value in weights.items() if "features_extractor." not in name}
