"""Normalisers around an env: their statistics belong to the model that was trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from operant.agents.base import Array, Arrays, Json
from operant.arrays import section

KINDS = ("VecNormalize", "NormalizeObservation", "NormalizeReward")
"""Classes that keep running statistics: of SB3, and of Gymnasium (scalar and vector)."""
_STATISTICS = ("obs_rms", "ret_rms", "return_rms")
_SETTINGS = ("norm_obs", "clip_obs", "epsilon")
_MOMENTS = ("mean", "var", "count")


def find_normalisers(env: Any) -> dict[str, Any]:
    """Return the normalisers in and around an env by name, outermost first.

    Wrappers of the envs inside a loop over envs are found too (``envs[0].NormalizeReward``), those
    in other processes are not.
    """
    found: dict[str, Any] = {}
    for place, layer in walk(env):
        for kind in KINDS:
            if any(base.__name__ == kind for base in type(layer).__mro__):
                name, number = f"{place}{kind}", 2
                while name in found:
                    name, number = f"{place}{kind}#{number}", number + 1
                found[name] = layer
    return found


def normaliser_state(env: Any) -> tuple[Arrays, Json]:
    """Return the statistics of all normalisers, and by name the settings they must agree in."""
    arrays: Arrays = {}
    settings: Json = {}
    for name, layer in find_normalisers(env).items():
        settings[name] = {key: vars(layer)[key] for key in _SETTINGS if key in vars(layer)}
        for path, moments in running_moments(layer):
            arrays |= {
                f"{name}/{path}/{moment}": np.asarray(getattr(moments, moment), np.float64)
                for moment in _MOMENTS
            }
    return arrays, settings


def check_normalisers(env: Any, settings: Json) -> None:
    """Check that an env has the normalisers that a model was trained with, and no others.

    Raises:
        ValueError: If one is missing, is there in addition, or has other settings; it names it.
    """
    found = find_normalisers(env)
    missing, added = settings.keys() - found.keys(), found.keys() - settings.keys()
    if missing:
        raise ValueError(
            f"the model was trained with the normaliser {min(missing)!r}, which the env lacks: "
            "wrap the env as for training; its statistics come with the model"
        )
    if added:
        raise ValueError(
            f"the env has the normaliser {min(added)!r}, which the model was trained without: the "
            "policy would see other numbers than it knows; take it away"
        )
    for name, fields in settings.items():
        for key, value in fields.items():
            here = vars(found[name]).get(key)
            if here != value:
                raise ValueError(
                    f"{key} of the normaliser {name!r} must be {value!r} as in training, got "
                    f"{here!r}"
                )


def load_normalisers(env: Any, arrays: Mapping[str, Array]) -> None:
    """Give the normalisers of an env the statistics of :func:`normaliser_state`.

    Raises:
        ValueError: If statistics are missing, or are of another shape; it names them.
    """
    for name, layer in find_normalisers(env).items():
        saved = section(arrays, name)
        for path, moments in running_moments(layer):
            for moment in _MOMENTS:
                value = saved.get(f"{path}/{moment}")
                shape = np.shape(getattr(moments, moment))
                if value is None or value.shape != shape:
                    found = "none" if value is None else f"{value.shape}"
                    raise ValueError(
                        f"{moment} of {path} of the normaliser {name!r} must have the shape "
                        f"{shape}, the model has {found}"
                    )
                setattr(moments, moment, value.copy() if shape else float(value))


def walk(layer: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over an env and all it wraps, whatever library the wrappers are of.

    Yields:
        Where it is (``"envs[0]."`` within the first of a loop over envs), and the env or wrapper.
    """
    while layer is not None:
        yield place, layer
        inside = vars(layer)
        for row, env in enumerate(inside.get("envs", ())):
            yield from walk(env, f"{place}envs[{row}].")
        layer = next((inside[name] for name in ("vec", "venv", "env") if name in inside), None)


def running_moments(layer: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over the running means and variances of a normaliser, by path."""
    for name in _STATISTICS:
        statistics = vars(layer).get(name)
        if isinstance(statistics, Mapping):
            yield from ((f"{name}/{key}", part) for key, part in statistics.items())
        elif statistics is not None:
            yield name, statistics
