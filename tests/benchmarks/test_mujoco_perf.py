"""The comparison of MuJoCo worlds runs and reports what it says; no speed is tested here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")

from operant.benchmarks.perf import mujoco
from operant.benchmarks.perf.interleave import Rates
from operant.errors import OperantError

PYTHON = Path(sys.executable)
FAKE = """
import sys
if sys.argv[1] == "Hopper-v5-2":
    raise SystemExit("no threads today")
print("ready 9.9", flush=True)
for request in sys.stdin:
    print(500, 1.0, flush=True)
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small measurement beside a pool that does 500 steps a second, with one thread only."""
    script = tmp_path_factory.mktemp("pool") / "fake_pool.py"
    script.write_text(FAKE)
    return mujoco.measure(
        rounds=2, seconds=0.2, pythons={"envpool": PYTHON}, robots=("Hopper",), num=2, script=script
    )


def test_everybody_is_measured_in_both_kinds_of_seconds(result: dict[str, Any]) -> None:
    assert set(result["steps_per_cpu_s"]) == {"ours_Hopper", "sync_Hopper", "envpool_Hopper"}
    assert set(result["steps_per_wall_s"]) == {"ours_Hopper", "sync_Hopper"}
    assert result["steps_per_cpu_s"]["envpool_Hopper"]["median"] == 500
    assert result["steps_per_cpu_s"]["ours_Hopper"]["first_is_x"] == 1.0
    assert result["not_measured"] == {
        "Hopper-v5-2": "Hopper-v5-2 ended with status 1: no threads today"
    }
    assert result["verdicts"]["cpu_Hopper_x_envpool"] == "reported"
    assert result["verdicts"]["wall_Hopper_x_envpool"] == "not measured"
    json.dumps(result)


def test_the_text_has_every_figure_and_what_is_missing(result: dict[str, Any]) -> None:
    text = mujoco.describe({**result, "loads": [0.4, 0.9]})
    assert "MuJoCo 4" in text
    assert "EnvPool Hopper (9.9)" in text
    assert "not measured: Hopper-v5-2 ended" in text
    assert "busy" not in text
    assert "The machine is busy" in mujoco.describe({**result, "loads": [7.0, 9.0]})


def test_ratios_are_held_against_the_bars() -> None:
    rates = Rates(
        {
            "ours_Ant": [9.0, 10.0],
            "sync_Ant": [6.0, 5.0],
            "envpool_Ant": [10.0, 9.0],
            "ours_Hopper": [1.0],
        }
    )
    found = {bar.key: bar for bar in mujoco.bars("wall", rates, ("Ant", "Hopper"))}
    assert found["wall_Ant_x_sync"].measured == 1.75
    assert found["wall_Ant_x_sync"].verdict == "met"
    assert found["wall_Ant_x_envpool"].measured == pytest.approx((0.9 + 10 / 9) / 2)
    assert found["wall_Hopper_x_sync"].verdict == "not measured"
    assert {bar.goal for bar in mujoco.bars("cpu", rates, ("Ant",))} == {None}


def test_numbers_that_differ_stop_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    mujoco.require_equal("Hopper", steps=3)
    make = mujoco.make_sync

    def other(robot: str, num: int) -> Any:
        env = make(robot, num)
        step = env.step
        env.step = lambda actions: step(np.clip(actions, -0.5, 0.5))
        return env

    monkeypatch.setattr(mujoco, "make_sync", other)
    with pytest.raises(OperantError, match="ours and Gymnasium's Hopper-v5 differ"):
        mujoco.require_equal("Hopper", steps=3)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--peer", "brax=python"], "is not NAME=PYTHON with a name of envpool"),
        (["--rounds", "0"], "rounds must be >= 1, got 0"),
    ],
)
def test_wrong_options_are_refused(
    argv: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mujoco, "require_equal", lambda _: None)
    with pytest.raises(SystemExit) as caught:
        mujoco.main(argv)
    assert caught.value.code == 2
    assert says in capsys.readouterr().err
