"""The training comparison runs and reports what it says; no speed is tested here."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from operant.benchmarks.perf import learners, parity, peers, solving, training
from operant.benchmarks.perf.interleave import Rates

PYTHON = Path(sys.executable)
FAKE = """
import sys
key = sys.argv[1]
speed = {"distinct": 800, "sb3": 200, "stock": 5}.get(key, 100)
if key == "navix":
    raise SystemExit("no accelerator today")
print("ready 9.9", flush=True)
for request in sys.stdin:
    print(speed, 1.0, flush=True)
"""


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A worker whose rate is known and that trains nothing."""
    script = tmp_path / "fake_learners.py"
    script.write_text(FAKE)
    return script


def attempt(seed: int, wall: float, success: float = 1.0) -> dict[str, Any]:
    return {"seed": seed, "frames": 10, "wall_s": wall, "cpu_s": wall, "success": success}


def measured(fake: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(training, "solve", lambda seed: attempt(seed, 10.0 + seed))
    monkeypatch.setattr(training, "solve_stock", lambda seed: attempt(seed, 900.0))
    shares = {True: {"A-v0": 0.3, "B-v0": 0.05}, False: {"A-v0": 0.02, "B-v0": 0.01}}
    monkeypatch.setattr(training, "env_shares", lambda *, deduplicate: shares[deduplicate])
    pythons = {"operant": PYTHON, "minigrid": PYTHON, "navix": PYTHON}
    return training.measure(
        rounds=2, seconds=0.01, pythons=pythons, seeds=range(3), stock_seeds=[4], script=fake
    )


def test_ratios_attempts_and_shares_are_held_against_the_bars(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = measured(fake, monkeypatch)
    found = {bar["key"]: bar for bar in result["bars"]}
    assert found["distinct_x_sb3"]["measured"] == pytest.approx(4.0)
    assert found["distinct_x_sb3"]["verdict"] == "met"
    assert found["distinct_x_stock"]["measured"] == pytest.approx(160.0)
    assert found["dense_x_sb3"]["verdict"] == "missed"
    assert found["distinct_x_sbx"]["verdict"] == "not measured"
    assert found["distinct_32768_x_sb3_32768"]["verdict"] == "missed"
    assert found["distinct_32768_x_stock"]["measured"] == pytest.approx(20.0)
    assert found["solve_x_stock"]["measured"] == pytest.approx(900 / 11)
    assert found["env_share_distinct"]["measured"] == 0.3
    assert found["env_share_distinct"]["verdict"] == "missed"
    assert found["env_share_dense"]["verdict"] == "met"
    assert result["not_measured"]["navix"] == "navix ended with status 1: no accelerator today"
    assert result["not_measured"]["sbx"] == "no interpreter given for sbx-rl"
    text = training.describe(result)
    assert "ours, seed 2: 10 frames, 12.0 s wall and 12.0 s CPU of training, success 100.0%" in text
    assert "SB3 on MiniGrid, seed 4: 10 frames, 900.0 s wall" in text
    assert "SB3 over our adapter (9.9)" in text
    json.dumps(result)


def test_an_attempt_that_fails_counts_as_endless() -> None:
    """Nine in ten must be in time: one failure is forgiven among ten, two are not."""

    def verdict(attempts: list[dict[str, Any]]) -> tuple[float | None, str]:
        bars = training.bars(Rates({}), attempts, {})
        return next((bar.measured, bar.verdict) for bar in bars if bar.key == "solve")

    good = [attempt(seed, 5.0 + seed) for seed in range(9)]
    assert verdict([*good, attempt(9, 1.0, success=0.98)]) == (13.0, "met")
    assert verdict([*good[:8], *[attempt(9, 1.0, success=0.98)] * 2]) == (math.inf, "missed")


def test_learners_are_named_once_and_pinned() -> None:
    rows = [peers.peer_worker.PeerContender(*row) for row in learners.ROWS]
    assert len({row.key for row in rows}) == len(rows)
    assert {row.peer for row in rows} == {"operant", "minigrid", *training.PINS}
    for peer, pins in training.PINS.items():
        assert all("==" in pin for pin in pins)
        assert pins[0].startswith(peer)


@pytest.mark.parametrize("agent", ["ppo", "sb3-ppo"])
def test_our_learners_collect_and_learn(agent: str) -> None:
    chunk = learners.ours(agent, num_envs=4, n_steps=8, batch_size=16)
    assert [chunk(), chunk()] == [32, 32]


def test_stock_learner_is_sb3_on_minigrid() -> None:
    pytest.importorskip("minigrid")
    chunk = learners.stock(num_envs=2, n_steps=8, batch_size=8)
    assert [chunk(), chunk()] == [16, 16]


def test_peers_beside_ours_see_our_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers.subprocess, "run", lambda *_, **__: SimpleNamespace())
    folder = tmp_path / "sbx-rl" / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    peers.install(tmp_path, training.PINS, beside_ours=("sbx-rl",))
    assert "site.addsitedir(" in (folder / "ours.pth").read_text()


@pytest.mark.slow
def test_share_solved_tells_a_solver_from_a_stroller() -> None:
    env_id = "DoorKey-8x8-v0"
    env = solving.gym.make_vec(env_id, num_envs=8, autoreset_mode="SameStep", features=False)
    agent = solving.make_agent("ppo", env, seed=0)
    assert solving.share_solved(lambda obs: agent.act(obs, deterministic=False)) < 0.7
    assert solving.solve(2)["success"] >= solving.GOAL


@pytest.mark.slow
def test_stock_sb3_is_asked_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solving, "_GIVE_UP", 1)
    monkeypatch.setattr(solving, "_LOOK_EVERY", 1)
    attempt = solving.solve_stock(0)
    assert attempt["frames"] == 512 * 32
    assert 0 < attempt["success"] < 0.7  # a stroller of 640 steps sometimes gets there


def test_every_kind_of_gridworld_is_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = solving.worlds()
    assert "DoorKey-16x16-v0" in worlds
    assert len(worlds) > 20
    monkeypatch.setattr(solving, "worlds", lambda: ["DoorKey-8x8-v0"])
    monkeypatch.setattr(solving, "BATCHED", {"num_envs": 8, "n_steps": 8, "batch_size": 32})
    for deduplicate in (True, False):
        (share,) = solving.env_shares(deduplicate=deduplicate).values()
        assert 0 < share < 1


# ---- parity ---------------------------------------------------------------------------------

TASK = parity.Task("CartPole-v1", 2, 64, {"n_steps": 16, "batch_size": 32}, episodes=2)


def test_means_are_compared_with_students_interval() -> None:
    better = parity.compare(TASK, {"sb3-ppo": [1.0, 2.0, 3.0], "ppo": [11.0, 12.0, 13.0]})
    assert better["sb3-ppo"]["mean"] == 2.0
    assert better["sb3-ppo"]["half"] == pytest.approx(4.30265 / 3**0.5, rel=1e-4)
    assert better["within"]
    assert better["p"] == pytest.approx(2 / 20)  # of the 20 splits only these two are so extreme
    worse = parity.compare(TASK, {"sb3-ppo": [11.0, 12.0, 13.0], "ppo": [1.0, 2.0, 3.0]})
    assert not worse["within"]
    page = parity.page([better], 3)
    assert "| CartPole-v1 | 64 | 2 ± 2.5 | 12 ± 2.5 | 0.10 | yes |" in page
    assert "| CartPole-v1 | `ppo` | 11, 12, 13 |" in page


@pytest.mark.parametrize("agent", parity.AGENTS)
def test_a_run_plays_every_episode_once(agent: str) -> None:
    result = parity.run(TASK, agent, seed=0)
    assert result["steps"] == 64
    assert len(result["returns"]) == 2
    assert all(8 <= value <= 500 for value in result["returns"])


def test_kept_runs_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for agent in parity.AGENTS:
        for seed in range(2):
            kept = {"returns": [float(seed)], "cpu_s": 1.0, "task": parity._identity(TASK)}
            parity._file(tmp_path, TASK, agent, seed).write_text(json.dumps(kept))
    monkeypatch.setattr(parity, "TASKS", [TASK])
    page = tmp_path / "parity.md"
    assert parity.main(["--seeds", "2", "--results", str(tmp_path), "--write", str(page)]) == 0
    assert "| CartPole-v1 | 64 | 0.5 ±" in page.read_text()
    other = parity.Task("CartPole-v1", 2, 128, {}, episodes=2)
    monkeypatch.setattr(parity, "TASKS", [other])
    with pytest.raises(SystemExit, match="made with other settings"):
        parity.main(["--seeds", "2", "--results", str(tmp_path)])
    with pytest.raises(SystemExit):
        parity.main(["--seeds", "1"])
    assert "--seeds must be >= 2" in capsys.readouterr().err
    assert np.isfinite(parity._t(4))
