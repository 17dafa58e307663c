"""The results folder: one directory per run, whole or not counted.

``<root>/<run folder>/`` holds ``spec.json`` from the start, ``checkpoint.safetensors`` while the
run is under way, and when it is done ``eval.parquet``, ``train.parquet``, ``policy.safetensors``,
``rollout.gif``, ``manifest.json``, ``episodes.json`` where the spec asks for it and, written last,
``DONE.json`` with the checksum of each. A run counts only if every checksum holds. What is damaged
moves to ``<root>/quarantine/<run folder>/``, beside a ``REASON.txt``. Links are never followed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from operant.benchmarks.files import canonical_json, remove_leftovers, sha256, write_atomic
from operant.benchmarks.formats import (
    Arrays,
    pack_arrays,
    pack_evals,
    pack_scalars,
    read_arrays,
    read_evals,
    read_object,
)
from operant.benchmarks.records import EvalTable, References, RunRecord
from operant.benchmarks.specs import RunSpec
from operant.errors import CorruptRunError

QUARANTINE = "quarantine"
CHECKPOINT, LOCK = "checkpoint.safetensors", ".lock"
GIF, EPISODES = "rollout.gif", "episodes.json"
RESULTS = {"spec.json", "eval.parquet", "train.parquet", "policy.safetensors", "manifest.json"}
"""What every finished run has; most have a GIF too, and some a record of episodes."""


class RunDirectory:
    """The files of one run."""

    def __init__(self, root: Path, spec: RunSpec) -> None:
        """Name the directory; nothing is written yet.

        Args:
            root: Results folder.
            spec: The run.
        """
        self.root, self.spec, self.path = root, spec, root / spec.folder

    @contextlib.contextmanager
    def claimed(self) -> Iterator[bool]:
        """Hold the run for this process; yields False if another process works on it.

        Raises:
            CorruptRunError: If the directory is a link.
        """
        if self.path.is_symlink():
            raise CorruptRunError(f"{self.path} is a symbolic link; delete it and run again")
        self.path.mkdir(parents=True, exist_ok=True)
        with _held(self.path) as mine:
            yield mine

    def open(self) -> None:
        """Write ``spec.json`` and clear what a dead process left; call while :meth:`claimed`."""
        remove_leftovers(self.path)
        write_atomic(self.path / "spec.json", self._spec_text())
        (self.path / "FAILED.json").unlink(missing_ok=True)

    def save_checkpoint(self, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Replace the checkpoint; a crash leaves the old one."""
        write_atomic(self.path / CHECKPOINT, pack_arrays(arrays, meta))

    def load_checkpoint(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]] | None:
        """Return the checkpoint, or None if there is none.

        Raises:
            CorruptRunError: If it is damaged.
        """
        path = self.path / CHECKPOINT
        return read_arrays(path) if path.exists() else None

    def discard_checkpoint(self, reason: str) -> None:
        """Move a checkpoint that cannot be used to quarantine."""
        quarantine(self.root, self.path / CHECKPOINT, reason)

    def finish(
        self,
        *,
        evals: EvalTable,
        train: list[dict[str, Any]],
        references: References,
        policy: tuple[Arrays, Mapping[str, Any]],
        gif: bytes | None,
        manifest: Mapping[str, Any],
        episodes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the results, then ``DONE.json``; the checkpoint is dropped last."""
        whole = {**manifest, "references": dataclasses.asdict(references)}
        results = {
            "spec.json": self._spec_text().encode(),
            "eval.parquet": pack_evals(evals),
            "train.parquet": pack_scalars(train),
            "policy.safetensors": pack_arrays(*policy),
            "manifest.json": json.dumps(whole, indent=1, sort_keys=True).encode(),
        }
        if gif is not None:
            results[GIF] = gif
        if episodes is not None:
            results[EPISODES] = canonical_json(episodes).encode()
        for name, data in results.items():
            write_atomic(self.path / name, data)
        sums = {name: sha256(data) for name, data in results.items()}
        write_atomic(self.path / "DONE.json", json.dumps(sums, indent=1, sort_keys=True))
        (self.path / CHECKPOINT).unlink(missing_ok=True)

    def fail(self, reason: str) -> None:
        """Leave a note why the run stopped; running it again tries again."""
        write_atomic(self.path / "FAILED.json", json.dumps({"error": reason}, indent=1))

    @property
    def done(self) -> bool:
        """Whether the run claims to be finished."""
        return (self.path / "DONE.json").exists()

    def _spec_text(self) -> str:
        return json.dumps(self.spec.to_json(), indent=1, sort_keys=True)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """What a results folder holds.

    Attributes:
        records: Finished runs whose checksums hold.
        unfinished: Folder -> why it does not count yet (under way, interrupted, failed).
        quarantined: Folder in quarantine -> what is wrong with it.
    """

    records: list[RunRecord]
    unfinished: dict[str, str]
    quarantined: dict[str, str]

    @property
    def problems(self) -> list[str]:
        """One line for everything that does not count."""
        moved = {f"{QUARANTINE}/{name}": reason for name, reason in self.quarantined.items()}
        lost = {**self.unfinished, **moved}
        return [f"{folder}: {reason}" for folder, reason in sorted(lost.items())]


def scan(root: Path, suite: str = "", *, move: bool = True) -> Scan:
    """Read every run of a results folder; damaged ones are moved to quarantine.

    Args:
        root: Results folder.
        suite: Name of the suite, written into the records; the folder's name if empty.
        move: False to report damaged runs as unfinished and leave everything where it is.
    """
    found = Scan(records=[], unfinished={}, quarantined=dict(_reasons(root / QUARANTINE)))
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if not path.is_dir() or path.name == QUARANTINE or path.name.startswith("."):
            continue
        try:
            _count(found, path, suite or root.name)
        except _DAMAGE as error:
            found.unfinished[path.name] = f"damaged: {type(error).__name__}: {error}"
            if move:
                _set_aside(found, root, path, suite or root.name)
        except OSError as error:  # says nothing about the run, so it stays where it is
            found.unfinished[path.name] = f"cannot be read: {error}"
    return found


_DAMAGE = (CorruptRunError, ValueError, KeyError, TypeError)


def _count(found: Scan, path: Path, suite: str) -> None:
    """Note a run as finished or unfinished; raises one of ``_DAMAGE`` if it is neither."""
    if path.is_symlink():
        raise CorruptRunError("a symbolic link, not a directory")
    if (path / "DONE.json").exists():
        found.records.append(_read(path, suite))
    else:
        found.unfinished[path.name] = _why_unfinished(path)


def _set_aside(found: Scan, root: Path, path: Path, suite: str) -> None:
    """Move a damaged run to quarantine, unless a process holds it or has mended it meanwhile."""
    with contextlib.suppress(OSError), _held(path) as mine:
        if not mine:
            return
        del found.unfinished[path.name]
        try:
            _count(found, path, suite)
        except _DAMAGE as error:
            reason = f"{type(error).__name__}: {error}"
            found.quarantined[quarantine(root, path, reason)] = reason


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold the lock of a run; yields False if another process does."""
    if path.is_symlink():  # nobody works in there, and it must not be followed
        yield True
        return
    with (path / LOCK).open("a") as file:  # the system drops the lock of a dead process
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def quarantine(root: Path, path: Path, reason: str) -> str:
    """Move a run, or a file of one, out of the way.

    Returns:
        Name of the new folder in quarantine: the run's, numbered if it is taken.

    Raises:
        FileNotFoundError: If ``path`` does not exist (any more).
    """
    (root / QUARANTINE).mkdir(exist_ok=True)
    run = path.relative_to(root).parts[0]
    name, number = run, 1
    while True:
        folder = root / QUARANTINE / name
        try:
            folder.mkdir()
            break
        except FileExistsError:
            number += 1
            name = f"{run}.{number}"
    try:
        path.rename(folder / path.name)
    except FileNotFoundError:
        folder.rmdir()
        raise
    write_atomic(folder / "REASON.txt", f"{reason}\n")
    return name


def read_run(path: Path, suite: str = "") -> RunRecord:
    """Read a finished run.

    Args:
        path: Its directory.
        suite: Name of the suite, written into the record.

    Raises:
        CorruptRunError: If it is damaged, or not finished.
    """
    try:
        return _read(path, suite)
    except _DAMAGE as error:
        raise CorruptRunError(f"{path.name}: {error}") from error


def _read(path: Path, suite: str) -> RunRecord:
    files = _verified(path)
    spec = RunSpec.from_json(read_object("spec.json", files["spec.json"]))
    if spec.folder != path.name:
        raise CorruptRunError(f"spec.json describes {spec.folder}, not {path.name}")
    manifest = read_object("manifest.json", files["manifest.json"])
    return RunRecord(
        run_id=spec.run_id,
        suite=suite,
        env_id=spec.env_id,
        design=spec.name,
        agent=spec.agent,
        seed=spec.seed,
        total_steps=int(manifest.get("steps", spec.total_steps)),  # whole rollouts: maybe more
        evals=read_evals(files["eval.parquet"]),
        references=References(**manifest.pop("references")),
        metric=str(manifest.get("metric", "success")),
        manifest=manifest,
        gif=files.get(GIF),
        episodes=read_object(EPISODES, files[EPISODES]) if EPISODES in files else {},
    )


def _verified(path: Path) -> dict[str, bytes]:
    """Return the files of a finished run after checking every checksum."""
    sums = read_object("DONE.json", _content(path, "DONE.json"))
    if not RESULTS <= sums.keys() <= RESULTS | {GIF, EPISODES}:
        raise CorruptRunError(f"DONE.json names {sorted(sums)}, expected {sorted(RESULTS)}")
    files = {name: _content(path, name) for name in sums}
    for name, data in files.items():
        if sha256(data) != sums[name]:
            raise CorruptRunError(f"{name} does not match its checksum")
    return files


def _content(folder: Path, name: str) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise CorruptRunError(f"{name} is missing, or not a regular file")
    return path.read_bytes()


def _reasons(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        note = path / "REASON.txt"
        known = note.is_file()
        yield path.name, note.read_text(errors="replace").strip() if known else "reason unknown"


def _why_unfinished(path: Path) -> str:
    if (path / "FAILED.json").exists():
        try:
            note = read_object("FAILED.json", _content(path, "FAILED.json"))
            return f"failed: {note['error']}"
        except (CorruptRunError, KeyError):
            return "failed (its note is unreadable)"
    saved = (path / CHECKPOINT).exists()
    since = "its last checkpoint" if saved else "the start"
    return f"not finished; running the suite again continues it from {since}"
