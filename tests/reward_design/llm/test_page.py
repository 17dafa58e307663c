"""What the page on the reward language shows is what happens, and it lists what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from operant.reward_design.llm.language import checking, errors, expressions, parsing, vocabulary

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reward_language.md").read_text()


@pytest.mark.integration
def test_the_python_of_the_page_prints_what_the_page_shows(tmp_path):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    shown = re.findall(r"^ *print\(.*\)(?:  |\n +)# (.*)$", code, re.MULTILINE)
    assert result.stdout.splitlines() == shown
    assert len(shown) == 13


def test_the_page_lists_the_functions_and_the_limits():
    for name in vocabulary.FUNCTIONS:
        assert re.search(rf"`[^`]*\b{name.removeprefix('math.')}\b[^`]*`", PAGE), name
    limits = (errors.MAX_CHARACTERS, parsing.MAX_NODES, parsing.MAX_DEPTH, checking.MAX_TURNS)
    limits += (checking.MAX_LOOPS, expressions.MAX_LITERAL_EXPONENT, vocabulary.MAX_ARGUMENTS)
    limits += (vocabulary.MAX_MEMORY, vocabulary.OUTPUTS["factors"][1])
    for limit in limits:
        assert re.search(rf"\b{limit}\b", PAGE), limit
