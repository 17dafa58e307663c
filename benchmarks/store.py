"""The results folder: one directory per run, whole or not counted.

``<root>/<run folder>/`` holds ``spec.json`` from the start, ``checkpoint.safetensors`` while the run
is under way, and when it is done ``eval.parquet``, ``train.parquet``, ``policy.safetensors``,
``rollout.gif``, ``manifest.json`` and, written last, ``DONE.json`` with the checksum of each. A run
counts only if every checksum holds. What is damaged moves to ``<root>/quarantine/`` with a reason.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors
import safetensors.numpy

from operant.benchmarks.files import canonical_json, sha256, write_atomic
from operant.benchmarks.records import EvalTable, References, RunRecord
from operant.benchmarks.specs import RunSpec
from operant.errors import CorruptRunError

QUARANTINE = "quarantine"
_EVAL_TYPES = {"step": np.int64, "episode": np.int64, "length": np.int64, "success": np.bool_}


class RunDirectory:
    """The files of one run."""

    def __init__(self, root: Path, spec: RunSpec) -> None:
        """Name the directory; nothing is written yet.

        Args:
            root: Results folder.
            spec: The run.
        """
        self.spec, self.path = spec, root / spec.folder

    def open(self) -> None:
        """Create the directory and write ``spec.json``."""
        self.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.spec.to_json(), indent=1, sort_keys=True)
        write_atomic(self.path / "spec.json", text)
        (self.path / "FAILED.json").unlink(missing_ok=True)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Hold the run for this process; yields False if another process works on it."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def save_checkpoint(
        self, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Any]
    ) -> None:
        """Replace the checkpoint; a crash leaves the old one."""
        whole = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
        data = safetensors.numpy.save(whole, metadata={"meta": canonical_json(meta)})
        write_atomic(self.path / "checkpoint.safetensors", data)

    def load_checkpoint(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
        """Return the checkpoint, or None if there is none.

        Raises:
            CorruptRunError: If it cannot be read.
        """
        path = self.path / "checkpoint.safetensors"
        if not path.exists():
            return None
        return read_arrays(path)

    def finish(
        self,
        *,
        evals: EvalTable,
        train: list[dict[str, Any]],
        references: References,
        policy: tuple[Mapping[str, npt.NDArray[Any]], Mapping[str, Any]],
        gif: bytes | None,
        manifest: Mapping[str, Any],
    ) -> None:
        """Write the results, then ``DONE.json``; the checkpoint is dropped last."""
        write_atomic(self.path / "eval.parquet", _parquet(dataclasses.asdict(evals)))
        write_atomic(self.path / "train.parquet", _parquet(_long(train)))
        arrays = {key: np.ascontiguousarray(value) for key, value in policy[0].items()}
        data = safetensors.numpy.save(arrays, metadata={"meta": canonical_json(policy[1])})
        write_atomic(self.path / "policy.safetensors", data)
        if gif is not None:
            write_atomic(self.path / "rollout.gif", gif)
        whole = {**manifest, "references": dataclasses.asdict(references)}
        write_atomic(self.path / "manifest.json", json.dumps(whole, indent=1, sort_keys=True))
        names = [
            "spec.json",
            "eval.parquet",
            "train.parquet",
            "policy.safetensors",
            "manifest.json",
        ]
        names += ["rollout.gif"] if gif is not None else []
        sums = {name: sha256(self.path / name) for name in names}
        write_atomic(self.path / "DONE.json", json.dumps(sums, indent=1, sort_keys=True))
        (self.path / "checkpoint.safetensors").unlink(missing_ok=True)

    def fail(self, reason: str) -> None:
        """Leave a note why the run stopped; running it again tries again."""
        write_atomic(self.path / "FAILED.json", json.dumps({"error": reason}, indent=1))

    @property
    def done(self) -> bool:
        """Whether the run claims to be finished."""
        return (self.path / "DONE.json").exists()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What a results folder holds.

    Attributes:
        records: Finished runs whose checksums hold.
        unfinished: Folder -> why it does not count yet (under way, interrupted, failed).
        quarantined: Folder -> what is wrong with it.
    """

    records: list[RunRecord]
    unfinished: dict[str, str]
    quarantined: dict[str, str]

    @property
    def problems(self) -> list[str]:
        """One line for everything that does not count."""
        lost = {**self.unfinished, **self.quarantined}
        return [f"{folder}: {reason}" for folder, reason in sorted(lost.items())]


def scan(root: Path, suite: str = "") -> Scan:
    """Read every run of a results folder; damaged ones are moved to quarantine.

    Args:
        root: Results folder.
        suite: Name of the suite, written into the records; the folder's name if empty.
    """
    records: list[RunRecord] = []
    unfinished: dict[str, str] = {}
    damaged = dict(_reasons(root / QUARANTINE))
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    for path in folders:
        if path.name == QUARANTINE or path.name.startswith("."):
            continue
        if not (path / "DONE.json").exists():
            unfinished[path.name] = _why_unfinished(path)
            continue
        try:
            records.append(_read(path, suite or root.name))
        except (
            CorruptRunError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
            pa.ArrowException,
        ) as error:
            reason = f"{type(error).__name__}: {error}"
            damaged[quarantine(path, reason)] = reason
    return Scan(records=records, unfinished=unfinished, quarantined=damaged)


def quarantine(path: Path, reason: str) -> str:
    """Move a run out of the way with a note; returns its new folder name."""
    target = path.parent / QUARANTINE
    target.mkdir(exist_ok=True)
    name, number = path.name, 1
    while (target / name).exists():
        number += 1
        name = f"{path.name}.{number}"
    shutil.move(path, target / name)
    write_atomic(target / name / "REASON.txt", reason + "\n")
    return name


def read_arrays(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Read a safetensors file of ours: arrays, and the JSON in its header.

    Raises:
        CorruptRunError: If it cannot be read.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            meta: dict[str, Any] = json.loads(file.metadata()["meta"])
            return {key: file.get_tensor(key) for key in file.keys()}, meta  # noqa: SIM118
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CorruptRunError(f"{path.name} of {path.parent.name} is damaged: {error}") from error


def _read(path: Path, suite: str) -> RunRecord:
    """Read a finished run after checking every checksum."""
    sums = json.loads((path / "DONE.json").read_text())
    for name, expected in sums.items():
        if not (path / name).exists() or sha256(path / name) != expected:
            raise CorruptRunError(f"{name} is missing or does not match its checksum")
    spec = RunSpec.from_json(json.loads((path / "spec.json").read_text()))
    if spec.folder != path.name:
        raise CorruptRunError(f"spec.json describes {spec.folder}, not {path.name}")
    manifest = json.loads((path / "manifest.json").read_text())
    columns = pq.read_table(path / "eval.parquet").to_pydict()
    evals = {
        key: np.asarray(value, _EVAL_TYPES.get(key, np.float64)) for key, value in columns.items()
    }
    gif = path / "rollout.gif"
    return RunRecord(
        run_id=spec.run_id,
        suite=suite,
        env_id=spec.env_id,
        design=spec.name,
        agent=spec.agent,
        seed=spec.seed,
        total_steps=spec.total_steps,
        evals=EvalTable(**evals),
        references=References(**manifest.pop("references")),
        manifest=manifest,
        gif=gif.read_bytes() if gif.name in sums else None,
    )


def _reasons(folder: Path) -> Iterator[tuple[str, str]]:
    if folder.is_dir():
        for path in folder.iterdir():
            note = path / "REASON.txt"
            yield path.name, note.read_text().strip() if note.exists() else "no reason recorded"


def _why_unfinished(path: Path) -> str:
    failed = path / "FAILED.json"
    if failed.exists():
        try:
            return f"failed: {json.loads(failed.read_text())['error']}"
        except (ValueError, KeyError):
            return "failed (its note is unreadable)"
    saved = (path / "checkpoint.safetensors").exists()
    return "not finished; run the suite again to continue it" if saved else "not started properly"


def _parquet(columns: Mapping[str, Any]) -> bytes:
    """Return a table as Parquet bytes; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _long(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn one dict per rollout into (step, metric, value) columns."""
    columns: dict[str, list[Any]] = {"step": [], "metric": [], "value": []}
    for row in rows:
        for metric, value in sorted(row.items()):
            if metric != "step":
                columns["step"].append(int(row["step"]))
                columns["metric"].append(metric)
                columns["value"].append(float(value))
    return columns
