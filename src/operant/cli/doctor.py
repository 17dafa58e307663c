"""``operant doctor``. Uses the standard library only: it must run where all else is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import sys

_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(\[(?P<parts>[^\]]*)\])?.*?(\bextra\s*==\s*[\"'](?P<extra>[^\"']+).*)?"
)


def doctor() -> int:
    """Show what is installed, what is missing and how to fix it; exits 3 if the core is broken."""
    from operant.cli import MISSING, OK

    rows, broken = [("needed for", "package", "version", "how to get it")], False
    for extra, package in requirements():
        version = _version(package)
        broken |= not extra and not version
        rows.append((extra or "core", package, version or "missing", "" if version else fix(extra)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
    cores, threads = os.cpu_count(), os.environ.get("OMP_NUM_THREADS", "unset")
    print(f"\npython {sys.version.split()[0]}, {cores} cores, OMP_NUM_THREADS {threads}")
    if importlib.util.find_spec("torch"):
        broken |= not _torch_works()
    return MISSING if broken else OK


def _torch_works() -> bool:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: one of its shared libraries
        print(f"torch: is installed but cannot be imported: {error}; {fix('')}")
        return False
    gpu = torch.cuda.is_available()
    print(f"torch: {'CUDA GPU' if gpu else 'no CUDA GPU: training runs on the CPU'}")
    return True


def requirements() -> list[tuple[str, str]]:
    """Return (extra, package) of all that the installed distribution declares; the core is ``""``.

    ``gymnasium[mujoco]`` stands for what gymnasium's extra asks for, as far as gymnasium is there
    to tell. An extra of our own that only gathers others is left out.
    """
    found = []
    for extra, package, parts in _declared("operant"):
        if package == "operant":
            continue
        inner = [name for part, name, _ in _declared(package) if part in parts] if parts else []
        found += [(extra, name) for name in inner or [package]]
    return found


def _declared(distribution: str) -> list[tuple[str, str, list[str]]]:
    """Return (extra, package, extras of that package) per requirement; none if not installed."""
    try:
        texts = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    matches = [match for text in texts if (match := _REQUIREMENT.fullmatch(text))]
    return [
        (match["extra"] or "", match["name"], re.findall(r"[\w.-]+", match["parts"] or ""))
        for match in matches
    ]


def missing(extra: str) -> list[str]:
    """Return the packages of an extra that are not installed; nothing is imported to find out."""
    return [name for part, name in requirements() if part == extra and not _version(name)]


def fix(extra: str) -> str:
    """Return the command that installs an extra, or the core if it is ``""``."""
    name = f"'operant[{extra}]'" if extra else "operant"
    return f"pip install -c constraints.txt {name}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
