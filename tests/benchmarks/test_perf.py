"""The speed measurement runs and reports what it says; how fast anything is, is not tested here."""

from __future__ import annotations

import json
import sys

import pytest

from operant.benchmarks.perf import gridworld
from operant.benchmarks.perf.gridworld import BAR, Contender, describe, interleave, main
from operant.errors import MissingExtraError

SMALL = ["--rounds", "2", "--seconds", "0.02"]


def test_json_holds_every_contender(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    steps, levels = result["steps_per_cpu_s"], result["levels_per_cpu_s"]
    assert list(steps) == ["vector_1024", "kernel_1024", "vector_16", "scalar", "minigrid"]
    assert list(levels) == ["kernel_1024", "scalar", "minigrid"]
    for row in [*steps.values(), *levels.values()]:
        assert 0 < row["min"] <= row["median"] <= row["max"]
        assert len(row["rounds"]) == 2
    assert steps["minigrid"]["ratio_to_peer"] == levels["minigrid"]["ratio_to_peer"] == 1.0
    assert result["bar"] == {"steps_per_cpu_s": BAR, "met": steps["vector_1024"]["median"] >= BAR}
    assert result["machine"]["versions"]["minigrid"]
    assert result["first_step_cpu_s"].keys() == {"compiling", "kept"}
    text = describe(result)
    assert all(row["label"] in text for row in [*steps.values(), *levels.values()])
    assert (": met (" in text) == result["bar"]["met"]


def test_rounds_alternate_and_the_first_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that contenders move themselves, every number is known."""
    now, order = [0.0], []
    monkeypatch.setattr(gridworld.time, "process_time", lambda: now[0])

    def contender(name: str, costs: list[float]) -> Contender:
        remaining = iter(costs)

        def chunk() -> int:
            order.append(name)
            now[0] += next(remaining)
            return 8

        return Contender(name, name, chunk)

    ours, peer = contender("ours", [64, 1, 2, 4]), contender("peer", [64, 8, 8, 16])
    rates = interleave([ours, peer], rounds=3, seconds=1.0)
    assert order == ["ours", "peer"] * 4
    assert rates["ours"].rounds == [8, 4, 2]
    assert rates["peer"].rounds == [1, 1, 0.5]
    assert rates["ours"].ratios == [8, 4, 4]
    assert rates["peer"].ratios == [1, 1, 1]
    assert rates["ours"].summary()["ratio_to_peer"] == 4


def test_without_minigrid_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "minigrid", None)
    with pytest.raises(MissingExtraError, match=r"'minigrid' is not installed.*operant\[dev\]"):
        gridworld.measure(rounds=1, seconds=0.01)
    assert main(SMALL) == 3
    assert "operant[dev]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "rounds must be >= 1, got 0"),
        (["--seconds", "0"], "seconds must be > 0"),
    ],
)
def test_bad_arguments_are_a_usage_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
