"""The measurement of particle worlds runs and reports what it says; no speed is tested here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operant.benchmarks.perf import particles
from operant.benchmarks.perf.interleave import Rates
from operant.errors import OperantError


def test_verdicts() -> None:
    rates = Rates(
        {
            "ours/spread-3": [4e5, 5e5],
            "ours/spread-6": [2e4, 2e4],
            "ours/tag-3": [3e5, 3e5],
            "mpe2/spread-3": [2e3, 2e3],
            "mpe2/spread-6": [1e3, 1e3],
            "parallel/spread-3": [8e3, 8e3],
        }
    )
    found = {bar.key: (bar.measured, bar.verdict) for bar in particles.bars(rates)}
    assert found == {
        "mpe2/spread-3": (225.0, "met"),
        "mpe2/spread-6": (20.0, "missed"),
        "mpe2/tag-3": (None, "not measured"),
        "parallel": (4.0, "reported"),
    }


def test_steps_of_worlds_are_counted() -> None:
    assert particles.batches("CN-6", 3)() == 3 * 25


def test_unequal_worlds_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpe2")
    for name in particles.PEERS:
        particles.require_equal(name)
    what, world, _ = particles.PEERS["spread-3"]
    wrong = {"N": 3, "local_ratio": 0.4}
    monkeypatch.setitem(particles.PEERS, "spread-3", (what, world, wrong))
    with pytest.raises(OperantError, match=r"spread-3, step \d+: ours pays"):
        particles.require_equal("spread-3")


@pytest.mark.integration
def test_a_short_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "particles.json"
    assert particles.main(["--rounds", "1", "--seconds", "0.2", "--json", str(file)]) == 0
    assert "CN-30, batch of 256" in capsys.readouterr().out
    assert len(json.loads(file.read_text())["bars"]) == 4
    with pytest.raises(SystemExit):
        particles.main(["--rounds", "0"])
