"""What the pages on the grid engine and its worlds show works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import operant

pytestmark = pytest.mark.integration

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize("page", ["grid_engine.md", "literature.md"])
def test_the_python_of_a_page_runs_beside_the_example(page: str, tmp_path: Path) -> None:
    """The example is a module of the user's own: copied elsewhere, imported by its name."""
    (tmp_path / "orchard.py").write_text((DOCS / "examples" / "orchard.py").read_text())
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr


def test_the_literature_page_names_every_world_of_the_literature() -> None:
    text = (DOCS / "literature.md").read_text().replace("Tomato-*-v0", "Tomato-Hard-v0")
    tomatoes = {"Tomato-Toy-v0", "Tomato-Easy-v0", "Tomato-Medium-v0"}
    listed = set(re.findall(r"`([A-Z]\w+-[\w-]*v\d)`", text))
    worlds = {
        row.id
        for row in operant._envs.registry()
        if "literature" in row.tags or "proxy" in row.tags
    }
    assert worlds - tomatoes <= listed <= set(operant.list_envs())


def test_every_world_with_a_proxy_is_said_to_have_one() -> None:
    text = (DOCS / "literature.md").read_text()
    hacked = text.partition("## The proxy can be hacked")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`([A-Z]\w+)-[\w*-]*v\d`", hacked))
    proxies = {row.id.partition("-")[0] for row in operant._envs.registry() if "proxy" in row.tags}
    assert listed == proxies
