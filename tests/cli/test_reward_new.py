from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from operant.cli import NOTHING_FOUND, OK, USAGE, run

GOOD = """\
def reward(obs, action, next_obs, info):
    closer = 0.1 * (info["prev_steps_to_subgoal"] - info["steps_to_subgoal"])
    further = info["subgoal"] - info["prev_subgoal"]
    return closer + further
"""
TINY = ("--steps", "1024", "--num-envs", "16", "--workers", "1", "--report-seeds", "1")


def new(folder: Path, *more: str, env: str = "SparseKey-5x5-v0") -> int:
    return run(["reward", "new", "--env", env, "--out", str(folder), *more])


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """A folder with programs that were written by hand, the second of them broken."""
    folder = tmp_path / "scripted"
    folder.mkdir()
    (folder / "a.py").write_text(GOOD)
    (folder / "b.py").write_text(GOOD.replace("prev_subgoal", "prev_subgaol"))
    (folder / "c.py").write_text(GOOD.replace("0.1", "0.2"))
    return folder


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--method", "eurika"), "did you mean eureka"),
        (("--provider", "mutatee"), "mutate"),
        (("--seeds", "1000"), "kept for judging"),
        (("--method", "lare", "--form", "reward"), "form must be one of factors"),
        (("--rounds", "0"), "rounds must be >= 1"),
        (("--max-calls", "-1"), "llm_calls must be finite and >= 0"),
        (("--report-seeds", "-1"), "report_seeds must be >= 0"),
        (("--steps", "0"), "total_steps must be >= 1"),
        (("--ask", "terminal"), "nobody is asked anything"),
        (("--agent-args", "[]"), "--agent-args must be a JSON object"),
        (("--provider", "replay:nowhere.jsonl"), "nowhere.jsonl"),
        (("--agent", "pppo"), "unknown agent"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_made(
    wrong: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(tmp_path / "out", *wrong) == USAGE
    assert said in re.sub(r"\s+", " ", capsys.readouterr().err)
    assert not (tmp_path / "out" / "runs").exists()


def test_an_unknown_env_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new(tmp_path / "out", env="SparseKay-v0") == USAGE
    assert "SparseKey-v0" in capsys.readouterr().err


def test_a_folder_without_a_search_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["reward", "show", str(tmp_path)]) == USAGE
    assert "operant reward new" in capsys.readouterr().err


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_search_is_made_shown_continued_and_trained_again(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    search = ("--provider", f"scripted:{pool}", "--rounds", "1", "--samples", "3", *TINY)
    assert new(folder, *search) == OK
    said = capsys.readouterr().out
    assert "programs written by hand" in said
    assert "3 candidates, 2 trained to the end" in said
    assert "1 x language: feature" in said
    assert (folder / "best.py").read_text().strip() in (
        GOOD.strip(),
        GOOD.replace("0.1", "0.2").strip(),
    )
    page = (folder / "report.html").read_text()
    assert "Hand-written" in page
    runs = sorted((folder / "runs").iterdir())

    before = (folder / "lineage.jsonl").read_text()
    assert new(folder, *search) == OK  # nothing is asked or trained again
    assert sorted((folder / "runs").iterdir()) == runs
    after = (folder / "lineage.jsonl").read_text()
    added = [json.loads(line)["kind"] for line in after[len(before) :].splitlines()]
    assert set(added) <= {"end"}
    capsys.readouterr()

    assert new(folder, "--method", "icpl", *search) == USAGE
    assert "holds another search" in capsys.readouterr().err

    assert run(["reward", "show", str(folder)]) == OK
    said = capsys.readouterr().out
    assert "prev_subgaol" in said
    assert "ended: finished" in said
    assert run(["reward", "show", str(folder), "--candidate", "r0s1"]) == OK
    assert "did you mean" in capsys.readouterr().out
    assert run(["reward", "show", str(folder), "--candidate", "r9s9"]) == USAGE
    assert "r0s0, r0s1, r0s2" in capsys.readouterr().err

    again = ["reward", "retrain", str(folder), "--seeds", "0", "2000", "--workers", "1"]
    assert run(again) == OK
    assert len(list((folder / "runs").iterdir())) == len(runs) + 1  # seed 0 was there


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_search_without_any_use_ends_with_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = tmp_path / "scripted"
    pool.mkdir()
    for k, text in enumerate(("", "I cannot.", "def step(): return 1", "def reward(")):
        (pool / f"{k}.txt").write_text(text or " ")
    folder = tmp_path / "out"
    code = new(folder, "--provider", f"scripted:{pool}", "--rounds", "1", "--samples", "4", *TINY)
    assert code == NOTHING_FOUND
    assert "No candidate was any use" in capsys.readouterr().out
    assert (folder / "report.html").exists()
    assert not (folder / "best.py").exists()
