"""The measurement of LSD bandits runs and reports what it says; no speed is tested here."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest

from operant.benchmarks.perf import lsd
from operant.benchmarks.perf.interleave import Rates


def test_it_measures_and_reports(capsys: pytest.CaptureFixture[str]) -> None:
    result = lsd.measure(rounds=2, seconds=0.2, rows=8, times=1, scale=0.01)
    assert set(result["rates"]) == {*lsd.ENVS, "plain"}
    assert set(result["planners"]) == {"lp", "price", "rounded", "exact"}
    assert result["rates"][lsd.PLAIN]["first_is_x"] == 1.0
    json.dumps(result)
    text = lsd.describe(result)
    assert "SyncVectorEnv of a plain env like LSDBandit-K4-v0" in text
    assert "LP by HiGHS, K=10 D=20 S=5, CPU-s" in text


def test_the_peer_is_the_same_bandit() -> None:
    ours = gym.make_vec(lsd.PLAIN, num_envs=3)
    theirs = lsd.plain(3)
    for envs in (ours, theirs):
        envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(150):
        actions = rng.integers(5, size=3)
        mine, other = ours.step(actions), theirs.step(actions)
        np.testing.assert_array_equal(mine[0], other[0])
        np.testing.assert_array_equal(mine[4]["mean"], other[4]["mean"])


def test_verdicts() -> None:
    rates = Rates({env_id: [6e6, 4e6, 7e6] for env_id in lsd.ENVS} | {"plain": [1e5] * 3})
    spent = {"lp": [61.0], "price": [0.1], "rounded": [0.2], "exact": [0.1]}
    found = {bar.key: bar for bar in lsd.bars(rates, spent)}
    assert found[lsd.PLAIN].verdict == "met"
    assert found["lp"].verdict == "missed"
    assert found["rounded"].verdict == "met"
    assert found["x_plain"].measured == 60.0


def test_bad_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        lsd.main(["--rows", "0"])
    assert "rows and times must be >= 1, got 0 and 3" in capsys.readouterr().err
