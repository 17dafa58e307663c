from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from operant.benchmarks import store
from operant.benchmarks.files import sha256, write_atomic
from operant.benchmarks.records import EvalTable
from operant.benchmarks.specs import RunSpec
from operant.benchmarks.store import RunDirectory, read_run, scan
from operant.errors import CorruptRunError

Spec = Callable[..., RunSpec]
Finish = Callable[..., RunDirectory]
FILES = (*sorted(store.RESULTS), "rollout.gif")


def _sign(path: Path) -> None:
    """Write a DONE.json that fits the files, as a careful forger would."""
    sums = {name: sha256((path / name).read_bytes()) for name in FILES}
    (path / "DONE.json").write_text(json.dumps(sums))


def _assert_not_counted(root: Path, why: str) -> None:
    found = scan(root)
    assert found.records == []
    assert found.unfinished == {}
    assert len(found.quarantined) == 1
    reason = next(iter(found.quarantined.values()))
    assert why in reason
    assert [path.name for path in root.iterdir()] == ["quarantine"]
    assert scan(root) == found  # stays known
    assert why in found.problems[0]


def test_finished_run_reads_back(
    tmp_path: Path, tiny: Spec, finish: Finish, table: Callable[..., EvalTable]
) -> None:
    spec = tiny(label="mine")
    directory = finish(tmp_path, spec)
    assert directory.done
    assert not (directory.path / "checkpoint.safetensors").exists()
    found = scan(tmp_path, "my suite")
    assert (found.unfinished, found.quarantined, found.problems) == ({}, {}, [])
    (record,) = found.records
    assert (record.run_id, record.suite, record.design) == (spec.run_id, "my suite", "mine")
    assert (record.env_id, record.agent, record.seed) == (spec.env_id, spec.agent, spec.seed)
    np.testing.assert_array_equal(record.evals.true_return, table().true_return)
    assert record.references.oracle == {"success": 1.0}
    assert record.manifest == {"wall_s": 1.5}
    assert record.gif == b"GIF89a"


def test_folder_without_runs_is_empty_and_stays_untouched(tmp_path: Path) -> None:
    assert scan(tmp_path / "absent").problems == []
    (tmp_path / "leaderboard.html").touch()
    (tmp_path / ".cache").mkdir()
    assert scan(tmp_path).problems == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cache", "leaderboard.html"]


# ---- being stopped while writing --------------------------------------------------------------


@pytest.mark.parametrize("survivors", range(len(FILES) + 1))
def test_crash_between_files_is_unfinished_and_can_be_finished(
    tmp_path: Path,
    tiny: Spec,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
    survivors: int,
) -> None:
    spec, written = tiny(), []

    def crashing(path: Path, data: bytes | str) -> None:
        if len(written) == 2 + survivors:  # open() and the checkpoint come first
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path.name)
        write_atomic(path, data)

    monkeypatch.setattr(store, "write_atomic", crashing)
    with pytest.raises(OSError, match="No space"):
        finish(tmp_path, spec)
    monkeypatch.undo()
    found = scan(tmp_path)
    assert found.records == []
    assert found.unfinished == {
        spec.folder: "not finished; running the suite again continues it from its last checkpoint"
    }
    loaded = RunDirectory(tmp_path, spec).load_checkpoint()
    assert loaded is not None
    assert loaded[1] == {"due": [512]}

    finish(tmp_path, spec)
    found = scan(tmp_path)
    assert len(found.records) == 1
    assert found.problems == []


def test_half_written_run_is_unfinished(tmp_path: Path, tiny: Spec, finish: Finish) -> None:
    directory = finish(tmp_path, tiny())
    (directory.path / "DONE.json").unlink()
    found = scan(tmp_path)
    assert found.records == []
    assert found.unfinished == {
        directory.path.name: "not finished; running the suite again continues it from the start"
    }


def test_failed_save_keeps_the_checkpoint(
    tmp_path: Path, tiny: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = RunDirectory(tmp_path, tiny())
    directory.path.mkdir()
    directory.save_checkpoint({"w": np.zeros(3)}, {"step": 1})

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        directory.save_checkpoint({"w": np.ones(3)}, {"step": 2})
    loaded = directory.load_checkpoint()
    assert loaded is not None
    assert loaded[1] == {"step": 1}
    assert [path.name for path in directory.path.iterdir()] == ["checkpoint.safetensors"]


def test_opening_clears_what_a_killed_process_left(tmp_path: Path, tiny: Spec) -> None:
    directory = RunDirectory(tmp_path, tiny())
    directory.path.mkdir()
    (directory.path / ".checkpoint.safetensors.x1y2.part").write_bytes(bytes(1000))
    directory.fail("earlier")
    with directory.claimed():
        directory.open()
    assert sorted(path.name for path in directory.path.iterdir()) == [".lock", "spec.json"]


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ('{"error": "boom"}', "failed: boom"),
        ("{", "failed (its note is unreadable)"),
        ("[]", "failed (its note is unreadable)"),
        ("{}", "failed (its note is unreadable)"),
    ],
)
def test_failed_run_tells_why(tmp_path: Path, tiny: Spec, note: str, expected: str) -> None:
    directory = RunDirectory(tmp_path, tiny())
    directory.path.mkdir()
    (directory.path / "FAILED.json").write_text(note)
    assert scan(tmp_path).problems == [f"{directory.path.name}: {expected}"]


# ---- damage -----------------------------------------------------------------------------------


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x20
    path.write_bytes(content)


def _garbage(path: Path) -> None:
    path.write_text('{"a": [1, 2')


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    other = path.parent.parent.parent / f"elsewhere-{path.name}"
    path.rename(other)
    path.symlink_to(other)  # the content is right, and still it is not the run's own


@pytest.mark.parametrize("damage", [_truncate, _flip, Path.unlink, _garbage, _directory, _link])
@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_quarantined_and_run_again(
    tmp_path: Path, tiny: Spec, finish: Finish, name: str, damage: Callable[[Path], None]
) -> None:
    root, spec = tmp_path / "results", tiny()
    directory = finish(root, spec)
    damage(directory.path / name)
    _assert_not_counted(root, name)
    finish(root, spec)
    found = scan(root)
    assert len(found.records) == 1
    assert len(found.quarantined) == 1


@pytest.mark.parametrize("damage", [_truncate, _flip, _garbage, _directory, _link])
def test_damaged_seal_is_quarantined(
    tmp_path: Path, tiny: Spec, finish: Finish, damage: Callable[[Path], None]
) -> None:
    root = tmp_path / "results"
    damage(finish(root, tiny()).path / "DONE.json")
    _assert_not_counted(root, "")


@pytest.mark.parametrize("seal", ["{}", "[]", "null", "1", '{"eval.parquet": null}'])
def test_seal_must_cover_every_file(tmp_path: Path, tiny: Spec, finish: Finish, seal: str) -> None:
    (finish(tmp_path, tiny()).path / "DONE.json").write_text(seal)
    _assert_not_counted(tmp_path, "DONE.json")


def test_extra_gif_needs_a_checksum_to_be_shown(tmp_path: Path, tiny: Spec, finish: Finish) -> None:
    directory = finish(tmp_path, tiny(), gif=None)
    (directory.path / "rollout.gif").write_bytes(b"planted")
    (record,) = scan(tmp_path).records
    assert record.gif is None


def test_extra_episodes_need_a_checksum_to_be_read(
    tmp_path: Path, tiny: Spec, finish: Finish
) -> None:
    path = finish(tmp_path, tiny()).path
    (path / store.EPISODES).write_text('{"planted": 1}')
    assert read_run(path).episodes == {}
    sums = json.loads((path / "DONE.json").read_text())
    sums[store.EPISODES] = sha256((path / store.EPISODES).read_bytes())
    (path / "DONE.json").write_text(json.dumps(sums))
    assert read_run(path).episodes == {"planted": 1}
    (path / store.EPISODES).write_text("[]")
    with pytest.raises(CorruptRunError, match=r"episodes\.json does not match its checksum"):
        read_run(path)


def test_run_that_is_not_finished_cannot_be_read(
    tmp_path: Path, tiny: Spec, finish: Finish
) -> None:
    path = finish(tmp_path, tiny()).path
    (path / "DONE.json").unlink()
    with pytest.raises(CorruptRunError, match=r"DONE\.json is missing"):
        read_run(path)
    with pytest.raises(CorruptRunError, match="DONE"):
        read_run(tmp_path / "nowhere")


def test_spec_of_an_older_version_is_read(tmp_path: Path, tiny: Spec, finish: Finish) -> None:
    """Before episodes could be recorded, no spec said whether they are."""
    path = finish(tmp_path, tiny()).path
    told = json.loads((path / "spec.json").read_text())
    del told["evaluation"]["recorded"]
    (path / "spec.json").write_text(json.dumps(told))
    _sign(path)
    assert read_run(path).run_id == tiny().run_id


def test_run_in_another_runs_folder_is_quarantined(
    tmp_path: Path, tiny: Spec, finish: Finish
) -> None:
    finish(tmp_path, tiny(seed=1)).path.rename(tmp_path / tiny(seed=2).folder)
    _assert_not_counted(tmp_path, "spec.json describes")


def test_copy_of_a_run_is_not_counted_twice(tmp_path: Path, tiny: Spec, finish: Finish) -> None:
    path = finish(tmp_path, tiny()).path
    shutil.copytree(path, tmp_path / f"copy-{path.name}")
    found = scan(tmp_path)
    assert len(found.records) == 1
    assert list(found.quarantined) == [f"copy-{path.name}"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("spec.json", "[]"),
        ("spec.json", '{"env_id": "X-v0"}'),
        ("spec.json", "[" * 50_000),
        ("manifest.json", "[]"),
        ("manifest.json", "{}"),
        ("manifest.json", '{"references": [1]}'),
        ("manifest.json", '{"references": {"surprise": 1}}'),
        ("eval.parquet", "PAR1PAR1"),
    ],
)
def test_wrong_content_with_right_checksums_is_quarantined(
    tmp_path: Path, tiny: Spec, finish: Finish, name: str, content: str
) -> None:
    path = finish(tmp_path, tiny()).path
    (path / name).write_text(content)
    _sign(path)
    _assert_not_counted(tmp_path, "")


def test_quarantine_keeps_every_generation(tmp_path: Path, tiny: Spec, finish: Finish) -> None:
    spec = tiny()
    for generation in range(3):
        path = finish(tmp_path, spec).path
        (path / "rollout.gif").write_bytes(bytes([generation]))
        scan(tmp_path)
    names = [spec.folder, f"{spec.folder}.2", f"{spec.folder}.3"]
    assert sorted(scan(tmp_path).quarantined) == sorted(names)
    for generation, name in enumerate(names):
        kept = tmp_path / "quarantine" / name / spec.folder / "rollout.gif"
        assert kept.read_bytes() == bytes([generation])


def test_unreadable_disk_condemns_no_run(
    tmp_path: Path, tiny: Spec, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = finish(tmp_path, tiny()).path

    def broken(self: Path) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "read_bytes", broken)
    found = scan(tmp_path)
    assert found.records == []
    assert "Input/output error" in found.unfinished[path.name]
    monkeypatch.undo()
    assert len(scan(tmp_path).records) == 1


def test_two_scans_at_once_agree(
    tmp_path: Path, tiny: Spec, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = finish(tmp_path, tiny())
    (directory.path / "rollout.gif").write_bytes(b"x")
    original = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        monkeypatch.undo()
        scan(tmp_path)  # the other process
        return original(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    scan(tmp_path)
    found = scan(tmp_path)
    assert found.records == []
    assert len(found.quarantined) == 1


# ---- what others may have put there -----------------------------------------------------------


def test_linked_run_folder_is_not_followed(tmp_path: Path, tiny: Spec, finish: Finish) -> None:
    root, spec = tmp_path / "results", tiny()
    elsewhere = finish(tmp_path / "elsewhere", spec).path
    before = sorted(path.name for path in elsewhere.iterdir())
    root.mkdir()
    (root / spec.folder).symlink_to(elsewhere)
    with (
        pytest.raises(CorruptRunError, match="symbolic link"),
        RunDirectory(root, spec).claimed(),
    ):
        pass
    _assert_not_counted(root, "symbolic link")
    assert sorted(path.name for path in elsewhere.iterdir()) == before


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "sub/../../secret"])
def test_seal_that_names_paths_outside_is_refused(
    tmp_path: Path, tiny: Spec, finish: Finish, name: str
) -> None:
    root = tmp_path / "results"
    path = finish(root, tiny()).path
    (root / "secret").write_text("x")
    sums = json.loads((path / "DONE.json").read_text())
    sums[name] = sha256(b"x")
    (path / "DONE.json").write_text(json.dumps(sums))
    (root / "secret").unlink()
    _assert_not_counted(root, "DONE.json names")


def test_lock_that_is_a_link_does_no_harm(tmp_path: Path, tiny: Spec) -> None:
    directory = RunDirectory(tmp_path, tiny())
    directory.path.mkdir()
    (tmp_path / "precious").write_text("content")
    (directory.path / ".lock").symlink_to(tmp_path / "precious")
    with directory.claimed() as mine:
        assert mine
    assert (tmp_path / "precious").read_text() == "content"


# ---- two processes ----------------------------------------------------------------------------


def test_claim_excludes_others_and_ends_with_its_process(tmp_path: Path, tiny: Spec) -> None:
    spec = tiny()
    directory = RunDirectory(tmp_path, spec)
    directory.path.mkdir()
    code = (
        "import fcntl, sys; lock = open(sys.argv[1], 'a'); fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(directory.path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with directory.claimed() as mine:
            assert not mine
        other.kill()
    with directory.claimed() as mine, RunDirectory(tmp_path, spec).claimed() as again:
        assert mine
        assert not again
