"""NetHack's speed is computed and reported as it says; no speed is tested here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("nle")

from operant.benchmarks.perf import nethack
from operant.benchmarks.perf.interleave import Rates
from operant.envs.nethack.views import EVERYTHING


def test_bars_are_ratios_of_one_round():
    single = {"reset": [400.0], "spare": [4000.0], "nle_reset": [200.0], "features": [50_000.0]}
    for name in nethack.KEY_SETS:
        single |= {f"ours_{name}": [10_000.0], f"nle_{name}": [5_000.0], f"bare_{name}": [8_000.0]}
        single[f"told_{name}"] = [7_500.0]
    wall, cpu = Rates({"batch": [3.0], "async": [2.0]}), Rates({"batch": [4.0], "async": [2.0]})
    bars = nethack.bars(Rates(single), wall, cpu)
    found = {bar.key: (bar.measured, bar.verdict) for bar in bars}
    assert found["small_x_nle"] == (2.0, "met")
    assert found["all_x_bare"] == (1.25, "reported")
    assert found["all_told"] == (1.5, "reported")
    assert found["batch_wall"] == (1.5, "missed")
    assert found["batch_cpu"] == (2.0, "reported")
    assert found["reset_x_nle"] == (2.0, "reported")
    assert found["spare_x_reset"] == (10.0, "reported")
    assert found["features"] == (pytest.approx(20.0), "reported")


def test_all_keys_are_those_of_nle():
    assert set(nethack.ALL) == set(EVERYTHING)
    env = nethack.theirs(nethack.ALL)
    assert set(env.observation_space.spaces) == set(nethack.ours(nethack.ALL).observation_space)
    env.close()


def test_both_envs_play_the_same_games():
    mine, theirs = nethack.ours(nethack.SMALL), nethack.theirs(nethack.SMALL)
    for episode in range(2):
        for env in (mine, theirs):
            nethack.begin(env, episode)
        for action in range(20):
            seen, expected = mine.step(action)[0], theirs.step(action)[0]
            assert all((seen[key] == expected[key]).all() for key in nethack.SMALL)
    mine.close()
    theirs.close()


def test_bad_sizes_are_named(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        nethack.main(["--rows", "2", "--workers", "3"])
    assert "workers must lie in [1, rows = 2], got 3" in capsys.readouterr().err


@pytest.mark.integration
def test_a_short_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "rates.json"
    sizes = ["--rounds", "1", "--seconds", "0.5", "--rows", "2"]
    assert nethack.main([*sizes, "--json", str(file)]) == 0
    assert "x AsyncVectorEnv, wall" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert all(bar["measured"] > 0 for bar in written["bars"])
