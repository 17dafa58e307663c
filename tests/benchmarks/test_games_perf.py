"""The measurement of games runs and reports what it says; no speed is tested here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operant.benchmarks.perf import games
from operant.benchmarks.perf.interleave import Rates


def test_verdicts() -> None:
    rates = Rates(
        {
            "ours/TicTacToe-v0": [4e6, 5e6],
            "ours/KuhnPoker-v0": [2e6, 2e6],
            "ours/LeducPoker-v0": [1e6, 1e6],
            "openspiel/TicTacToe-v0": [4e5, 5e5],
            "openspiel/KuhnPoker-v0": [1e6, 1e6],
            "aec": [2e4, 2e4],
            "pettingzoo": [1e4, 1e4],
        }
    )
    found = {bar.key: (bar.measured, bar.verdict) for bar in games.bars(rates)}
    assert found == {
        "rate/TicTacToe-v0": (4.5e6, "met"),
        "rate/KuhnPoker-v0": (2e6, "missed"),
        "rate/LeducPoker-v0": (1e6, "reported"),
        "openspiel/TicTacToe-v0": (pytest.approx(10), "met"),
        "openspiel/KuhnPoker-v0": (pytest.approx(2), "missed"),
        "openspiel/LeducPoker-v0": (None, "not measured"),
        "aec": (2.0, "reported"),
    }


def test_chunks_count_the_players_moves() -> None:
    assert games.batches("KuhnPoker-v0", 8)() == 8 * 20


def test_openspiels_moves_are_counted_without_those_of_chance() -> None:
    pytest.importorskip("pyspiel")
    assert 2 * 20 <= games.openspiel("kuhn_poker")() <= 3 * 20


@pytest.mark.integration
def test_a_short_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "games.json"
    assert games.main(["--rounds", "1", "--seconds", "0.2", "--json", str(file)]) == 0
    assert "TicTacToe-v0, batch of 4096" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert len(written["bars"]) == 7
    with pytest.raises(SystemExit):
        games.main(["--rounds", "0"])
