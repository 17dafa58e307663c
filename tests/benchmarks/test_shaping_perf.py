"""The cost of potentials is computed and reported as it says; no speed is tested here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from operant.benchmarks.perf import shaping
from operant.benchmarks.perf.interleave import Rates
from operant.reward_design.shaping.potentials import POTENTIALS
from operant.types import Feature


def test_costs_are_shares_and_microseconds():
    rates = Rates(
        {
            "kernel": [1000.0, 2000.0],
            "bare": [1200.0, 2400.0],
            "inlined": [900.0, 1800.0],
            "swapped": [500.0, 1000.0],
            "plain": [1e6, 1e6],
            "wrapper": [2e5, 2e5],
            "thin": [5e5, 5e5],
            "design": [2e4, 2e4],
        }
    )
    found = {bar.key: (bar.measured, bar.verdict) for bar in shaping.bars(rates)}
    assert found == {
        "inlined_over_kernel": (pytest.approx(10.0), "met"),
        "inlined_over_bare": (pytest.approx(25.0), "reported"),
        "swapped_over_kernel": (pytest.approx(50.0), "reported"),
        "wrapper_over_plain": (pytest.approx(4.0), "missed"),
        "thin_over_plain": (pytest.approx(1.0), "reported"),
        "design_over_plain": (pytest.approx(49.0), "reported"),
    }


def test_the_timed_functions_are_the_potential_they_are_named_after():
    table = {
        "subgoal": Feature(name="subgoal", description="", low=0, high=2, dtype="int"),
        "steps_to_subgoal": Feature(name="steps_to_subgoal", description="", low=0, high=24),
    }
    features = {"subgoal": np.array([0, 1, 2]), "steps_to_subgoal": np.array([24, 5, 0])}
    named = POTENTIALS["subgoal_distance"](table, gamma=0.9)(features)
    np.testing.assert_allclose(shaping.progress_of(features), named)


@pytest.mark.slow
def test_a_short_measurement(tmp_path, capsys):
    file = tmp_path / "costs.json"
    assert shaping.main(["--rounds", "1", "--seconds", "0.2", "--json", str(file)]) == 0
    assert "PotentialWrapper: microseconds per step" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert len(written["bars"]) == 6
    assert {bar["verdict"] for bar in written["bars"]} <= {"met", "missed", "reported"}
