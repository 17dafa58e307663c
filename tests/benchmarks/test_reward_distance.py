"""The measurement of the reward distances runs; how fast they are is not tested here."""

from __future__ import annotations

import pytest

from operant.benchmarks.perf.reward_distance import main
from operant.reward_design.metrics import list_metrics


def test_it_measures_every_metric_and_judges_the_bar_at_its_size_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--states", "20", "--level", "Empty-5x5-v0", "--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split(",")[0] for line in lines[1:]} == set(list_metrics())
    assert sum("Empty-5x5-v0" in line for line in lines) == 2
    assert not any("bar:" in line for line in lines)
