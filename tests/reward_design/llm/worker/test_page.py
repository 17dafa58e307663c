"""What the page on full Python shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from operant.reward_design.llm.worker import LEVELS, child, failures, seccomp, settings

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "full_python.md").read_text()


@pytest.mark.integration
def test_the_python_of_the_page_prints_what_the_page_shows(start, tmp_path):
    start("def reward(*given):\n    return 1")  # or the test is skipped
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
    assert len(shown) == 3


def test_the_page_lists_the_codes_the_levels_and_the_limits():
    for code in (*failures._OF_THE_HOST, *failures._OF_THE_WORKER, *LEVELS):
        assert f"`{code}`" in PAGE, code
    assert settings.LONGEST_SOURCE == 64 * 1024
    assert "at most 64 KiB" in PAGE
    by_argument = {**seccomp._MAPPING, **seccomp._OWN_LIMIT}
    assert (len(seccomp._ALLOWED), len(by_argument)) == (12, 3)
    assert "all calls of the kernel but 12, and three more by argument" in PAGE


def test_the_host_knows_all_codes_of_the_worker():
    assert set(child._CODES.values()) == set(failures._OF_THE_WORKER)
