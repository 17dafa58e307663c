from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from operant.benchmarks import manifest


def test_manifest_is_json_and_names_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "alice"))
    out = str(tmp_path / "alice" / "results")
    monkeypatch.setattr(sys, "argv", ["/opt/venv/bin/operant", "demo", "--results", out])
    told = manifest.describe_machine.__wrapped__()
    assert "alice" not in json.dumps(told)
    assert told["command"] == "operant demo --results ~/results"
    assert told["versions"]["numpy"] == importlib.metadata.version("numpy")
    assert told["threads"].keys() == {"OMP_NUM_THREADS"}


def test_commit_is_that_of_our_own_sources_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[tuple[str, ...]] = []

    def git(*arguments: str) -> str:
        calls.append(arguments)
        return "" if arguments[0] == "ls-files" else "abc123"

    monkeypatch.setattr(manifest, "_git", git)  # as in a venv inside somebody's repository
    assert manifest._commit() == ""
    assert len(calls) == 1


def test_machine_without_git_has_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert manifest._commit() == ""


def test_peak_memory_is_plausible() -> None:
    assert 20 < manifest.peak_rss_mib() < 100_000
