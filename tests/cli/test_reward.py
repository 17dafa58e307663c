"""``operant reward``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operant.cli import OK, USAGE, run


def audit(*arguments: str) -> int:
    return run(["reward", "audit", *arguments, "--env", "SparseKey-5x5-v0"])


def test_audit_in_words_and_as_an_animation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit("naive", "--gif", str(tmp_path / "hack.gif")) == OK
    printed = capsys.readouterr().out
    assert "does not preserve the optimal policy" in printed
    assert "best for the design" in printed
    assert (tmp_path / "hack.gif").read_bytes().startswith(b"GIF89a")
    assert audit("potential", "--gif", str(tmp_path / "none.gif")) == OK
    assert ": preserves the optimal policy" in capsys.readouterr().out
    assert not (tmp_path / "none.gif").exists()


def test_audit_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("naive", "--json", "--seeds", "3", "4") == OK
    made = json.loads(capsys.readouterr().out)
    assert made["preserves_optimal_policy"] is False
    assert made["counterexample"] == made["levels"][0]["counterexample"]
    assert made["counterexample"]["loss"] > 0.5
    assert [level["seed"] for level in made["levels"]] == [3, 4]
    assert audit("potential", "--json", "--design-args", '{"gamma": 0.9}') == OK
    made = json.loads(capsys.readouterr().out)
    assert "training refuses that" in made["levels"][0]["warnings"][0]


@pytest.mark.integration
def test_an_audit_may_be_undecided(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("count", "--json", "--design-args", '{"beta": 0.0001}') == OK
    made = json.loads(capsys.readouterr().out)
    assert made["preserves_optimal_policy"] is None
    assert made["counterexample"] is None
    assert made["levels"][0]["method"] == "search"


def test_an_audit_where_chance_plays_a_part(capsys: pytest.CaptureFixture[str]) -> None:
    table = {"table": [[1.0, 0.0, 0.0, 0.0]] + 48 * [[0.0] * 4]}
    design = "operant.reward_design.shaping.table_reward:TableReward"
    arguments = ["--env", "RoomNav-v0", "--design-args", json.dumps(table)]
    assert run(["reward", "audit", design, *arguments]) == OK
    printed = capsys.readouterr().out
    assert "does not preserve the optimal policy" in printed
    assert "not truly best from the start" in printed


def test_an_env_that_does_not_pay_its_true_reward_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert audit("none", "--env-args", '{"reward": "minigrid"}') == USAGE
    told = capsys.readouterr().err
    assert "where its true reward is 1" in told
    assert "Traceback" not in told


def test_audit_of_a_class_beside_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my_rewards.py").write_text(
        "from operant.reward_design import RewardDesign\n"
        "from operant.types import RewardTerms\n\n\n"
        "class PerStep(RewardDesign):\n"
        "    def step(self, t):\n"
        "        return RewardTerms.sum_of(env=t.reward, alive=0 * t.reward + 0.2)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert audit("my_rewards:PerStep") == OK
    assert "does not preserve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["potentiel"], "did you mean potential"),
        (["no_such_module:Design"], "cannot be imported"),
        (["operant.types:Card"], "must be a class derived from RewardDesign"),
        (["potential(", "--json"], "must end with"),
        (["potential", "--design-args", '{"sccale": 1}'], "sccale"),
        (["potential", "--gamma", "1.0"], "gamma must lie in"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(*arguments) == USAGE
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_a_group_of_commands_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["reward"])
    assert "audit" in capsys.readouterr().out


@pytest.mark.integration
def test_compare_in_words_as_json_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["reward", "compare", "potential", "naive", "--env", "KeyLoop-v0"]
    words += ["--env-args", '{"size": 5}']
    assert run([*words, "--draw", str(tmp_path / "matrix.svg")]) == OK
    printed = capsys.readouterr().out
    assert "proxy" in printed
    assert "exact" in printed
    assert "<svg" in (tmp_path / "matrix.svg").read_text()
    assert run([*words, "--json"]) == OK
    made = json.loads(capsys.readouterr().out)
    assert made["labels"] == ["true", "proxy", "potential", "naive"]
    assert made["matrix"][0][2] == pytest.approx(0.0, abs=1e-9)
    assert made["matrix"][0][3] > 0.5


def test_compare_says_what_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reward", "compare", "count", "--env", "SparseKey-5x5-v0"]) == USAGE
    assert "'count' is not Markov" in capsys.readouterr().err
    assert run(["reward", "compare", "none", "--env", "CartPole-v1"]) == USAGE
    assert "cannot enumerate its states" in capsys.readouterr().err
