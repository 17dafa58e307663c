"""A model as one file: a zip of JSON and safetensors, read without ever unpickling."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import safetensors
import safetensors.numpy

from operant.agents.base import Array, Arrays, Json

FORMAT, VERSION = "operant-model", 1
"""What a file says it is; the version changes whenever older code could not read a file."""
META, TENSORS = "model.json", "{}.safetensors"
_STAMP = (1980, 1, 1, 0, 0, 0)  # equal models give equal files

Target: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A path, which gets ``.zip`` if it has no suffix, or an open binary file, read as a whole."""


class ModelFileError(ValueError):
    """A file is no model, or not one that can be used; the message names what is wrong."""


def write_model(target: Target, meta: Json, groups: Mapping[str, Mapping[str, Array]]) -> None:
    """Write a model.

    Args:
        target: Where to.
        meta: JSON data.
        groups: Name -> arrays.
    """
    files = {
        TENSORS.format(name): safetensors.numpy.save(
            # Not ascontiguousarray: that turns shape () into (1,).
            {key: np.asarray(value, order="C") for key, value in arrays.items()}
        )
        for name, arrays in groups.items()
    }
    head = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        **meta,
    }
    text = json.dumps(head, indent=1, sort_keys=True, allow_nan=False)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in {META: text.encode(), **files}.items():
            archive.writestr(zipfile.ZipInfo(name, _STAMP), data)
    if isinstance(target, str | os.PathLike):
        path = _path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(content.getvalue())
        partial.replace(path)  # a file is whole, or is not there
    else:
        target.write(content.getvalue())


def read_model(target: Target) -> tuple[Json, dict[str, Arrays]]:
    """Read a model.

    Raises:
        FileNotFoundError: If there is no such file.
        ModelFileError: If it is no model, is damaged, or is of another version.
    """
    if isinstance(target, str | os.PathLike):
        path = _path(target)
        path = path if path.exists() else Path(target)
        name, data = str(path), path.read_bytes()
    else:
        target.seek(0)
        name, data = str(getattr(target, "name", "the file")), target.read()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {entry: archive.read(entry) for entry in archive.namelist()}
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise ModelFileError(f"{name} is no zip, or a damaged one: {error}") from error
    meta = _head(name, files)
    for entry, digest in meta["sha256"].items():
        if hashlib.sha256(files.get(entry, b"")).hexdigest() != digest:
            raise ModelFileError(f"{entry} in {name} does not match its checksum in {META}")
    return meta, {
        entry.removesuffix(TENSORS.format("")): _arrays(name, entry, files.get(entry, b""))
        for entry in meta["sha256"]
    }


def _head(name: str, files: Mapping[str, bytes]) -> Json:
    if META not in files:
        if "policy.pth" in files:
            raise ModelFileError(
                f"{name} was saved by stable_baselines3; read it with "
                "operant.agents.PPO.from_sb3(path, env)"
            )
        raise ModelFileError(f"{name} is no model: it has no {META}")
    try:
        meta: Any = json.loads(files[META])
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{META} in {name} is not JSON: {error}") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ModelFileError(f"format in {META} of {name} must be {FORMAT!r}")
    if meta.get("version") != VERSION:
        raise ModelFileError(
            f"version in {META} of {name} must be {VERSION}, got {meta.get('version')!r}: it was "
            f"saved by operant {meta.get('operant')!r}; load it with that version"
        )
    if not isinstance(meta.get("sha256"), dict):
        raise ModelFileError(f"sha256 in {META} of {name} must hold the checksums of all files")
    return meta


def _arrays(name: str, entry: str, data: bytes) -> Arrays:
    try:
        return dict(safetensors.numpy.load(data))
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"{entry} in {name} is damaged: {error}") from error


def _path(target: str | os.PathLike[str]) -> Path:
    path = Path(target)
    return path if path.suffix else path.with_name(path.name + ".zip")
