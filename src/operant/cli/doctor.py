"""``operant doctor``."""

from __future__ import annotations

import importlib.metadata
import os
import sys

_NEEDS = {
    "core": ("numpy", "gymnasium", "numba", "torch", "stable-baselines3", "pyarrow", "altair"),
    "nethack": ("nle",),
    "mujoco": ("mujoco",),
    "multiagent": ("pettingzoo",),
    "llm": ("httpx",),
    "ray": ("ray",),
    "dev": ("pytest", "minigrid", "mypy", "ruff", "sphinx"),
}


def doctor() -> int:
    """Show what is installed, what is missing and how to fix it; exits 3 if the core is broken."""
    from operant.cli import MISSING, OK
    from operant.cli.output import console, table

    rows, broken = [], False
    for extra, packages in _NEEDS.items():
        for package in packages:
            version = _version(package)
            fix = "" if version else _fix(extra)
            broken |= extra == "core" and not version
            rows.append((extra, package, version or "missing", fix))
    table("packages", ("needed for", "package", "version", "how to get it"), rows)
    cores, threads = os.cpu_count(), os.environ.get("OMP_NUM_THREADS", "unset")
    console.print(f"\npython {sys.version.split()[0]}, {cores} cores, OMP_NUM_THREADS {threads}")
    if _version("torch"):
        import torch

        device = (
            "CUDA GPU" if torch.cuda.is_available() else "no CUDA GPU: training runs on the CPU"
        )
        console.print(f"torch: {device}")
    return MISSING if broken else OK


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _fix(extra: str) -> str:
    name = "operant" if extra == "core" else f"'operant[{extra}]'"
    return f"pip install {name} -c constraints.txt"
