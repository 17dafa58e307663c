"""What the pages tell a reader to do works."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import operant
from operant.errors import MissingExtraError

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]

RUN_ELSEWHERE = {
    "docs/grid_engine.md",
    "docs/literature.md",
    "docs/formalisms.md",
    "docs/reward_language.md",
}
"""Their tests also look at what they print, or need the example beside them."""

MODULES = [info.name for info in pkgutil.walk_packages(operant.__path__, "operant.")]


@pytest.mark.parametrize("name", ["operant", *MODULES])
def test_the_examples_of_a_module_hold(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert doctest.testmod(module).failed == 0


def _python(page: str) -> list[str]:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [] if page in RUN_ELSEWHERE else blocks


WITH_PYTHON = [page for page in PAGES if _python(page)]


@pytest.mark.integration
@pytest.mark.parametrize("page", WITH_PYTHON)
def test_the_python_of_a_page_runs(page: str, tmp_path: Path) -> None:
    code = "\n".join(_python(page)).replace("100_000", "64")  # one rollout, not a training
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=110, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_of_a_page_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text())
    links = [link for link in links if not link.startswith("generated/")]  # Sphinx checks those
    assert [link for link in links if not ((ROOT / page).parent / link).exists()] == []


def test_the_readme_opens_with_the_two_commands() -> None:
    code = re.search(r"```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert code is not None
    assert code[1].splitlines() == ["make demo", "make test"]


def test_every_make_target_that_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    text = "".join((ROOT / page).read_text() for page in PAGES)
    named = set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))
    named |= set(re.findall(r"`make ([a-z-]+)`", text))
    assert {name for name in named if f"\n{name}:" not in makefile} == set()
