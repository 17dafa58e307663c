"""How arrays, tables and JSON objects are spelled in files; reading checks, and never unpickles."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors
import safetensors.numpy

from operant.benchmarks.files import canonical_json
from operant.benchmarks.records import EvalTable
from operant.errors import CorruptRunError

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
_EVAL_TYPES = {"step": np.int64, "episode": np.int64, "length": np.int64, "success": np.bool_}
_DIGEST_LENGTH = 64


def pack_arrays(arrays: Arrays, meta: Mapping[str, Any]) -> bytes:
    """Return arrays and JSON data as a safetensors file that :func:`read_arrays` can verify."""
    text = canonical_json(meta)
    # Not ascontiguousarray: that turns shape () into (1,).
    whole = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    # One entry only: safetensors writes several in random order.
    data: bytes = safetensors.numpy.save(whole, metadata={"meta": _digest(whole, text) + text})
    return data


def read_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Read a safetensors file of ours: arrays, and the JSON in its header.

    Raises:
        CorruptRunError: If it is damaged.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = file.metadata()["meta"]
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = header[_DIGEST_LENGTH:]
        if header[:_DIGEST_LENGTH] != _digest(arrays, text):
            raise CorruptRunError("the content does not match its checksum")
        meta: dict[str, Any] = json.loads(text)
    except (CorruptRunError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CorruptRunError(f"{path.name} of {path.parent.name} is damaged: {error}") from error
    return arrays, meta


def _digest(arrays: Arrays, meta: str) -> str:
    # safetensors itself has no checksum: a flipped bit would be trained on.
    digest = hashlib.sha256(meta.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.name} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def pack_evals(evals: EvalTable) -> bytes:
    """Return an evaluation table as Parquet; equal tables give equal bytes."""
    return _parquet(dataclasses.asdict(evals))


def read_evals(data: bytes) -> EvalTable:
    """Undo :func:`pack_evals`.

    Raises:
        CorruptRunError: If it is not such a table.
    """
    try:
        columns = pq.read_table(pa.BufferReader(data)).to_pydict()
        return EvalTable(
            **{
                name: np.asarray(values, _EVAL_TYPES.get(name, np.float64))
                for name, values in columns.items()
            }
        )
    except (OSError, TypeError, ValueError, pa.ArrowException) as error:
        raise CorruptRunError(f"eval.parquet is no evaluation table: {error}") from error


def pack_scalars(rows: list[dict[str, Any]]) -> bytes:
    """Return training scalars, one dict per rollout, as Parquet: columns step, metric, value."""
    cells = [
        (int(row["step"]), metric, float(value))
        for row in rows
        for metric, value in sorted(row.items())
        if metric != "step"
    ]
    return _parquet(
        {
            "step": np.array([step for step, _, _ in cells], np.int64),
            "metric": pa.array([metric for _, metric, _ in cells], pa.string()),
            "value": np.array([value for _, _, value in cells], np.float64),
        }
    )


def read_object(name: str, data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        name: Name of the file, for the message.
        data: Its content.

    Raises:
        CorruptRunError: If it is anything else.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptRunError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CorruptRunError(f"{name} is not a JSON object")
    return value


def _parquet(columns: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
