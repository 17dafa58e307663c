"""What the page on formalisms shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.integration
def test_the_python_of_the_page_prints_and_draws_what_the_page_shows(tmp_path):
    page = (DOCS / "formalisms.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == re.findall(r"^ *print\(.*?\)  # (.*)$", code, re.MULTILINE)
    drawn = {path.name: path.read_text() for path in tmp_path.glob("*.svg")}
    kept = {path.name: path.read_text() for path in (DOCS / "images").glob("formalism_*.svg")}
    assert drawn == kept
    assert all(f"](images/{name})" in page for name in kept)
