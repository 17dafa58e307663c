"""The layout: links, guards, a light ``import operant``, and documentation of every public name."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("agents", "benchmarks", "envs", "reward_design")
SOURCES = [*FOLDERS, "src/operant"]
HEAVY = ["torch", "numba", "minigrid", "stable_baselines3", "pyarrow", "altair", "nle", "mujoco"]


def modules() -> list[Path]:
    """All Python files of the package, each under its real path."""
    return [path for folder in SOURCES for path in sorted((ROOT / folder).rglob("*.py"))]


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, cwd=ROOT
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_package_links_to_the_root_folder(folder: str) -> None:
    link = ROOT / "src" / "operant" / folder
    assert link.is_symlink()
    assert link.readlink() == Path("../..") / folder
    assert link.resolve() == ROOT / folder


@pytest.mark.integration
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_root_folder_refuses_to_be_a_top_level_package(folder: str) -> None:
    result = run_python(f"import {folder}")
    assert result.returncode == 1
    assert f"ImportError: import operant.{folder}, not {folder}" in result.stderr


def test_importing_operant_loads_nothing_heavy_and_registers_the_ids() -> None:
    code = f"""
import sys, gymnasium
import operant
operant.list_envs(), operant.list_designs(), operant.list_agents(), operant.list_suites()
print([name for name in {HEAVY!r} if name in sys.modules], "SparseKey-v0" in gymnasium.registry)
"""
    result = run_python(code)
    assert result.stdout.strip() == "[] True", result.stderr


def public(node: ast.Module | ast.ClassDef, path: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield public classes, functions and methods below a node."""
    for child in node.body:
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name.startswith("_") and child.name != "__init__":
            continue
        if any(ast.unparse(d).endswith((".setter", "overload")) for d in child.decorator_list):
            continue
        yield f"{path}.{child.name}", child
        if isinstance(child, ast.ClassDef):
            yield from public(child, f"{path}.{child.name}")


def test_every_public_name_has_a_docstring() -> None:
    missing = []
    for path in modules():
        if path.name.startswith("_") and path.name != "__init__.py":
            continue  # a private module
        tree = ast.parse(path.read_text())
        name = str(path.relative_to(ROOT))
        for where, node in [(name, tree), *public(tree, name)]:
            if not ast.get_docstring(node):
                missing.append(where)
    assert missing == []
