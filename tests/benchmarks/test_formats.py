from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy

from operant.benchmarks.formats import (
    pack_arrays,
    pack_evals,
    pack_scalars,
    read_arrays,
    read_evals,
    read_object,
)
from operant.benchmarks.records import EvalTable
from operant.errors import CorruptRunError

ARRAYS: dict[str, Any] = {
    "scalar": np.array(3.5),
    "empty": np.zeros((0, 4)),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10)[::3],
    "flags": np.array([True, False]),
    "bytes": np.arange(4, dtype=np.uint8),
    "keys": np.array([2**63 + 1], np.uint64),
    "single": np.array([0.1], np.float32),
}
META = {"count": 3, "state": 2**127 + 1, "text": "näme", "list": [0.1, None, {"a": True}]}


def test_arrays_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack_arrays(ARRAYS, META))
    arrays, meta = read_arrays(path)
    assert meta == META
    assert arrays.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        assert arrays[name].dtype == value.dtype
        assert arrays[name].shape == value.shape
        np.testing.assert_array_equal(arrays[name], value)


def test_others_can_read_our_arrays() -> None:
    loaded = safetensors.numpy.load(pack_arrays(ARRAYS, META))
    np.testing.assert_array_equal(loaded["fortran"], [[0, 1, 2], [3, 4, 5]])


def test_not_a_number_in_the_data_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        pack_arrays({}, {"loss": float("nan")})


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    whole, unnoticed = pack_arrays({"w": np.arange(3.0)}, {"step": 1}), []
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with contextlib.suppress(CorruptRunError):
            arrays, meta = read_arrays(path)
            assert meta == {"step": 1}  # white space of the header, say: nothing that counts
            np.testing.assert_array_equal(arrays["w"], np.arange(3.0))
            unnoticed.append(position)
    assert len(unnoticed) < 0.1 * len(whole)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x10" + b"\0" * 7 + b"{", b"PK\x03\x04"])
def test_other_files_are_no_arrays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptRunError):
        read_arrays(path)


def test_safetensors_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.numpy.save({"w": np.zeros(1)}))
    with pytest.raises(CorruptRunError):
        read_arrays(path)


def test_evals_round_trip_bit_for_bit(table: Callable[..., EvalTable]) -> None:
    data = pack_evals(table())
    again = read_evals(data)
    for field in dataclasses.fields(EvalTable):
        one, other = getattr(table(), field.name), getattr(again, field.name)
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
    assert pack_evals(again) == data


@pytest.mark.parametrize(
    "change",
    [
        {"success": None},
        {"surprise": [1, 2, 3, 4]},
        {"true_return": [0.0, None, 1.0, 2.0]},
        {"true_return": [0.0, float("nan"), 1.0, 2.0]},
        {"length": ["a", "b", "c", "d"]},
    ],
)
def test_other_tables_are_no_evals(
    table: Callable[..., EvalTable], change: dict[str, list[Any] | None]
) -> None:
    columns = {**dataclasses.asdict(table()), **change}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({k: v for k, v in columns.items() if v is not None}), sink)
    with pytest.raises(CorruptRunError, match=r"eval\.parquet"):
        read_evals(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 10])
def test_garbage_is_no_evals(data: bytes) -> None:
    with pytest.raises(CorruptRunError, match=r"eval\.parquet"):
        read_evals(data)


@pytest.mark.parametrize("rows", [[], [{"step": 8, "b": 1, "a": 0.5}, {"step": 16, "a": 2.0}]])
def test_scalars_are_long_and_typed(rows: list[dict[str, float]]) -> None:
    read = pq.read_table(pa.BufferReader(pack_scalars(rows)))
    assert read.schema.types == [pa.int64(), pa.string(), pa.float64()]
    expected = [(8, "a", 0.5), (8, "b", 1.0), (16, "a", 2.0)] if rows else []
    assert [tuple(row.values()) for row in read.to_pylist()] == expected


@pytest.mark.parametrize("data", [b"", b"[1]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_read_object_takes_nothing_else(data: bytes) -> None:
    with pytest.raises(CorruptRunError, match=r"a\.json is not"):
        read_object("a.json", data)
