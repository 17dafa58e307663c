"""The measurement of reward programs runs, and measures what it says."""

from __future__ import annotations

import ast
import json

import pytest

from operant.benchmarks.perf.reward_language import SOURCE, main


def test_the_program_has_twenty_operations():
    operations = (ast.BinOp, ast.Compare, ast.Call)
    assert sum(isinstance(node, operations) for node in ast.walk(ast.parse(SOURCE))) == 20


@pytest.mark.integration
def test_all_three_ways_are_measured_against_their_bars(tmp_path, capsys):
    assert main(["--rounds", "2", "--seconds", "0.2", "--json", str(tmp_path / "out.json")]) == 0
    bars = {bar["key"]: bar for bar in json.loads((tmp_path / "out.json").read_text())["bars"]}
    assert [bars[key]["goal"] for key in ("call", "numba", "fused")] == [0.6, 20.0, 20.0]
    assert bars["call"]["measured"] > 0
    assert "one call from Python: microseconds" in capsys.readouterr().out


def test_bad_options_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--seconds", "-1"])
    assert "seconds" in capsys.readouterr().err
