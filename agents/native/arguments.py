"""From the arguments of SB3's ``PPO`` to a config of ours; what we lack is refused by name."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from operant.agents.native.config import PPOConfig
from operant.agents.sb3.schedules import to_spec

FIELDS = tuple(field.name for field in dataclasses.fields(PPOConfig))
"""Names of hyper-parameters."""
POLICIES = ("MlpPolicy", "MultiInputPolicy")
"""Names of policies; both build the network that the config describes."""
_ACTIVATIONS: dict[Any, str] = {nn.Tanh: "tanh", nn.ReLU: "relu"}
_NETWORK = (
    "net_arch",
    "activation_fn",
    "log_std_init",
    "ortho_init",
    "share_features_extractor",
)


def config_from(arguments: Mapping[str, Any], ours: Mapping[str, Any]) -> PPOConfig:
    """Return the config that a constructor's arguments describe.

    Args:
        arguments: SB3's arguments by name.
        ours: Further fields of :class:`PPOConfig`; they win over ``policy_kwargs``.

    Raises:
        ValueError: If an argument is unknown, not supported or out of range.
    """
    _refuse(arguments)
    values = {name: value for name, value in arguments.items() if name in FIELDS}
    values |= {**network_fields(arguments["policy_kwargs"] or {}), **ours}
    values["device"] = resolved_device(values["device"])
    for name in ("learning_rate", "clip_range", "clip_range_vf"):
        values[name] = to_spec(name, values[name])
    if isinstance(values["clip_range_vf"], Mapping):
        raise ValueError("clip_range_vf must be a number or None, it cannot follow a schedule")
    return PPOConfig.from_json({name: _plain(value) for name, value in values.items()})


def network_fields(policy_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return SB3's ``policy_kwargs`` as fields of :class:`PPOConfig`.

    Raises:
        ValueError: If one of them is not supported.
    """
    for name in policy_kwargs:
        if name not in _NETWORK:
            raise ValueError(
                f"policy_kwargs[{name!r}] is not supported, only {_NETWORK} are; observations are "
                "encoded by encoder='flat' or 'onehot', and the optimizer is Adam"
            )
    fields: dict[str, Any] = {}
    net_arch = policy_kwargs.get("net_arch")
    if isinstance(net_arch, Mapping):
        fields["net_arch"] = {"pi": [], "vf": [], **net_arch}
    elif net_arch is not None:
        fields["net_arch"] = tuple(net_arch)
    if "activation_fn" in policy_kwargs:
        function = policy_kwargs["activation_fn"]
        if function not in _ACTIVATIONS:
            raise ValueError(
                "policy_kwargs['activation_fn'] must be torch.nn.Tanh or torch.nn.ReLU, got "
                f"{getattr(function, '__name__', function)!r}"
            )
        fields["activation"] = _ACTIVATIONS[function]
    if "log_std_init" in policy_kwargs:
        fields["log_std_init"] = float(policy_kwargs["log_std_init"])
    if "ortho_init" in policy_kwargs:
        fields["ortho_init"] = bool(policy_kwargs["ortho_init"])
    return fields  # share_features_extractor: the encoder has no parameters that could be shared


def resolved_device(device: str | torch.device) -> str:
    """Return the device to compute on: a GPU for ``"auto"`` where there is one, else the CPU."""
    name, there = str(device), torch.cuda.is_available()
    if name == "auto":
        return "cuda" if there else "cpu"
    if name.startswith("cuda") and not there:
        warnings.warn(f"device {name!r} is not there: computing on the CPU", stacklevel=4)
        return "cpu"
    return name


def _refuse(arguments: Mapping[str, Any]) -> None:
    policy = arguments["policy"]
    if policy not in POLICIES:
        name = policy if isinstance(policy, str) else getattr(policy, "__name__", repr(policy))
        raise ValueError(
            f"policy must be one of {POLICIES}, got {name!r}; the network is described by "
            "policy_kwargs, encoder=... and recurrent=..., and a class of one's own cannot be "
            "saved without pickle"
        )
    remedies = {
        "use_sde": "state-dependent exploration is not supported; leave use_sde=False",
        "rollout_buffer_class": "rewrite rollouts with a hook: hooks=[...].process_rollout",
        "rollout_buffer_kwargs": "rewrite rollouts with a hook: hooks=[...].process_rollout",
    }
    for name, remedy in remedies.items():
        if arguments[name]:
            raise ValueError(f"{name} is not supported: {remedy}")
    if arguments["sde_sample_freq"] != -1:
        raise ValueError(f"sde_sample_freq is not supported: {remedies['use_sde']}")
    if not arguments["_init_setup_model"]:
        raise ValueError("_init_setup_model=False is not supported: build the model when needed")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
