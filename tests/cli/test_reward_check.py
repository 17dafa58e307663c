"""``operant reward check``."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from operant.cli import FAILED, OK, USAGE, run

GOOD = """def reward(obs, action, next_obs, info):
    progress = info["subgoal"] - info["prev_subgoal"]
    closer = 0.0
    if progress == 0:
        closer = 0.1 * (info["prev_steps_to_subgoal"] - info["steps_to_subgoal"])
    arrived = 10.0 if info["door_open"] and info["steps_to_goal"] == 0 else 0.0
    return closer + progress + arrived
"""


def check(*arguments: str) -> int:
    return run(["reward", "check", *arguments, "--env", "SparseKey-5x5-v0"])


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine.py"


def test_a_good_reward(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD)
    assert check("mine.py") == OK
    printed = capsys.readouterr().out
    assert "mine.py on SparseKey-5x5-v0: ok" in printed
    assert "correlation 0.9" in printed
    for term in ("closer", "progress", "arrived"):
        assert term in printed
    assert "Findings" not in printed


def test_a_rejected_reward_is_shown_with_the_place(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD.replace("return closer", 'return closer / info["steps_to_goal"]'))
    assert check("mine.py") == FAILED
    printed = capsys.readouterr().out
    assert "rejected" in printed
    lines = printed.splitlines()
    (at,) = [n for n, line in enumerate(lines) if line.startswith("   7 | ")]
    assert lines[at + 1].index("^") == lines[at].index("closer /")
    assert "division by zero" in printed


def test_warnings_do_not_reject(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(
        'def reward(obs, action, next_obs, info):\n    return info["has_key"] + 0.0 * action\n'
    )
    assert check("mine.py") == OK
    printed = capsys.readouterr().out
    assert "standing still" in printed
    assert "warning" in printed


def test_as_json_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'def potential(obs, info):\n    return info["has_kye"]\n'
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert check("-", "--form", "potential", "--json") == FAILED
    made = json.loads(capsys.readouterr().out)
    assert made["ok"] is False
    assert made["file"] == "-"
    (finding,) = made["findings"]
    assert (finding["stage"], finding["code"]) == ("language", "feature")
    assert (finding["line"], finding["column"]) == (2, 17)
    assert "has_key" in finding["hint"]


def test_the_answer_of_a_model(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(f"I would pay for progress.\n\n```python\nimport math\n{GOOD}```\n")
    assert check("mine.py", "--json") == OK
    made = json.loads(capsys.readouterr().out)
    assert [finding["code"] for finding in made["findings"]] == ["import"]
    assert len(made["identity"]) == 64
    assert made["summary"]["returns"]["solution"] > 5
    file.write_text("```python\ndef compute(self):\n    return 1\n```")
    assert check("mine.py") == FAILED
    assert "compute(self)" in capsys.readouterr().out
    file.write_text("")
    assert check("mine.py") == FAILED
    assert "empty" in capsys.readouterr().out


def test_hostile_text_is_refused_and_printed_harmlessly(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(b"def reward(obs, action, next_obs, info):\n    return \x1b[2J\xff [bold]1\n")
    assert check("mine.py") == FAILED
    printed = capsys.readouterr().out
    assert "\x1b[2J" not in printed
    assert "[bold]1" in printed


def test_wrong_usage(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("absent.py") == USAGE
    assert "absent.py" in capsys.readouterr().err
    file.write_text(GOOD)
    assert run(["reward", "check", "mine.py", "--env", "SparseKey-5x6-v0"]) == USAGE
    assert "did you mean SparseKey-" in capsys.readouterr().err
    assert check("mine.py", "--env-args", "5") == USAGE
    assert "--env-args must be a JSON object" in capsys.readouterr().err
    assert check("mine.py", "--gamma", "2") == USAGE
    assert "gamma must lie in [0, 1]" in capsys.readouterr().err
