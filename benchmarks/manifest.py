"""Provenance: what a result needs to be believed, and nothing that names the machine's owner."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("operant", "numpy", "gymnasium", "torch", "stable-baselines3", "numba")


@functools.cache
def describe_machine() -> dict[str, Any]:
    """Return versions, commit, CPU count and thread settings as JSON values."""
    return {
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "threads": {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "")},
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "commit": _commit(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]).replace(_home(), "~"),
    }


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:  # a user without a home directory
        return "~"


def _commit() -> str:
    """Return the git commit of the source tree, marked if it has changes, or "" outside of one."""
    tracked = _git("ls-files", Path(__file__).name)  # else it is the repository around a venv
    return _git("describe", "--always", "--dirty", "--abbrev=12") if tracked else ""


def _git(*arguments: str) -> str:
    try:
        found = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=Path(__file__).resolve().parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def peak_rss_mib() -> float:
    """Return this process's largest resident memory so far, MiB (on macOS the unit differs)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
