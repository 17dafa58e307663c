"""The speed measurement runs and reports what it says; how fast anything is, is not tested here."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operant.benchmarks.perf import (
    contenders,
    gridworld,
    interleave,
    peers,
    scaling,
    start_up,
)
from operant.benchmarks.perf.bars import Bar, bars
from operant.benchmarks.perf.interleave import Contender, Rates, one_cpu, timed
from operant.benchmarks.perf.peer_worker import CONTENDERS, serve
from operant.benchmarks.perf.peers import PEERS, PINS, PeerError, Worker, install, running
from operant.envs.gridworld.engine import SAME_STEP

PYTHON = Path(sys.executable)
PAIR = ("DoorKey-8x8-v0", "DoorKey-16x16-v0")
START = {
    "first_step_cold": [3.0, 9.0, 2.0],
    "first_step_cached": [0.4],
    "first_step_core": [0.3],
    "import": [0.1],
    "swap": [0.1],
    "inline": [5.0],
    "inline_again": [1.5],
}

FAKE = """
import os, sys
key = sys.argv[1]
print("warming up", key, file=sys.stderr)
if key == "navix":
    raise SystemExit("no accelerator today")
print("ready 9.9", flush=True)
for number, request in enumerate(sys.stdin):
    if key == "minigrid_levels" and number == 2:
        os._exit(1)
    print(100, float(request.split()[1]) * 2, flush=True)
"""


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A worker whose rate is known and that needs no peer."""
    script = tmp_path / "fake_worker.py"
    script.write_text(FAKE)
    return script


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what only takes longer."""
    monkeypatch.setattr(gridworld, "size_pairs", lambda: [PAIR])
    monkeypatch.setattr(contenders, "size_pairs", lambda: [PAIR])
    monkeypatch.setattr(gridworld, "start_up", lambda: START)
    monkeypatch.setattr(scaling, "SIZES", (16, 1024))


@pytest.mark.integration
@pytest.mark.usefixtures("small")
def test_measures_ours_beside_minigrid_and_names_what_is_absent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    written = tmp_path / "result.json"
    assert gridworld.main(["--rounds", "2", "--seconds", "0.1", "--json", str(written)]) == 0
    text, result = capsys.readouterr().out, json.loads(written.read_text())
    rates, missing = result["units_per_cpu_s"], result["not_measured"]
    assert {"kernel", "inlined", "swapped", "see_through", "scalar", *PAIR, "minigrid"} <= set(
        rates
    )
    for row in rates.values():
        assert 0 < row["min"] <= row["median"] <= row["max"]
        assert len(row["rounds"]) == 2
    assert rates["kernel"]["first_is_x"] == 1
    assert rates["minigrid_levels"]["first_is_x"] is None  # levels are not steps
    assert rates["minigrid"]["label"].startswith("MiniGrid gym.make (3.")
    absent = {row.key: row.peer for row in CONTENDERS if row.peer != "minigrid"}
    assert missing == {k: f"no interpreter given for {peer}" for k, peer in absent.items()}
    assert [(row["busy"], row["N"]) for row in result["threads"]] == [
        (False, 16),
        (False, 1024),
        (True, 16),
        (True, 1024),
    ]
    assert 0 < result["bytes_per_env"] < 5000
    assert len(result["loads"]) == 2
    assert len(result["verdicts"]) == len(result["bars"])  # no two have the same key
    assert result["verdicts"]["kernel_x_envpool_1024"] == "not measured"
    assert result["verdicts"]["kernel_x_minigrid"] in ("met", "missed")
    assert all(row["label"] in text for row in rates.values())
    assert all(f"{row['text']}" in text for row in result["bars"])
    assert "NAVIX" in text
    assert "not measured: no interpreter given for navix" in text


@pytest.mark.integration
@pytest.mark.usefixtures("small")
def test_all_peers_are_asked_in_turns(fake: Path) -> None:
    """Fake workers answer for all peers: 100 units in twice the time that was asked for."""
    pythons = dict.fromkeys(PEERS, PYTHON)
    pythons["xminigrid"] = Path("/nowhere/python")
    fake.write_text(FAKE.replace("minigrid_levels", "nobody"))
    result = gridworld.measure(rounds=1, seconds=0.1, pythons=pythons, script=fake)
    rates, missing = result["units_per_cpu_s"], result["not_measured"]
    assert rates["envpool_16"]["median"] == rates["minigrid"]["median"]
    assert rates["envpool_16"]["label"] == "EnvPool N=16 (9.9)"
    assert missing.keys() == {"navix", "xminigrid", "xminigrid_occlusion"}
    assert missing["navix"] == "navix ended with status 1: no accelerator today"
    assert "No such file" in missing["xminigrid"]
    assert rates["envpool_16"]["differs"].startswith("harder")
    assert rates["kernel"]["differs"] == ""
    assert rates["envpool_256"]["first_is_x"] == pytest.approx(
        rates["kernel"]["median"] / rates["envpool_256"]["median"]
    )


def test_a_worker_answers_until_it_dies(fake: Path) -> None:
    worker = Worker(PYTHON, "minigrid_levels", fake)
    try:
        assert worker.version == "9.9"
        assert worker.run(0.5) == (100, 1.0)
        assert worker.run(0.25) == (100, 0.5)
        with pytest.raises(PeerError, match="minigrid_levels ended with status 1: warming up"):
            worker.run(0.5)
    finally:
        worker.close()


def test_workers_end_with_the_block(fake: Path) -> None:
    with running({"envpool": PYTHON}, fake) as (found, _):
        assert [contender.key for contender in found] == [
            "envpool_16",
            "envpool_256",
            "envpool_1024",
        ]
        workers: list[Any] = [contender.work.__self__ for contender in found]  # type: ignore[attr-defined]
        assert all(worker._process.poll() is None for worker in workers)
    assert all(worker._process.poll() is not None for worker in workers)


def test_the_real_worker_speaks_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that the work moves itself: a slice ends once its time is up, never empty."""
    now, answers = [0.0], io.StringIO()
    monkeypatch.setattr("time.process_time", lambda: now[0])

    def chunk() -> int:
        now[0] += 0.5
        return 8

    serve(chunk, ["run 1.25\n", "run 0\n"], answers)
    assert answers.getvalue() == "24 1.5\n8 0.5\n"


def test_keys_are_unique_and_every_peer_is_pinned() -> None:
    keys = [row.key for row in CONTENDERS]
    assert len(set(keys)) == len(keys)
    assert {row.peer for row in CONTENDERS} == set(PEERS)
    for peer, pins in PINS.items():
        assert all("==" in pin for pin in pins)
        assert pins[0].startswith(peer)


def test_install_makes_one_environment_per_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(
        peers.subprocess, "run", lambda command, **_: commands.append([str(c) for c in command])
    )
    (tmp_path / "navix" / "bin").mkdir(parents=True)
    (tmp_path / "navix" / "bin" / "python").touch()
    pythons = install(tmp_path)
    assert pythons == {peer: tmp_path / peer / "bin" / "python" for peer in PINS}
    made = [command[-1] for command in commands if "venv" in command]
    assert made == [str(tmp_path / peer) for peer in PINS if peer != "navix"]
    piped = [command for command in commands if "pip" in command]
    assert [command[-len(PINS[peer]) :] for command, peer in zip(piped, PINS, strict=True)] == [
        list(pins) for pins in PINS.values()
    ]
    assert all(str(pythons[peer]) in command for command, peer in zip(piped, PINS, strict=True))


def test_rounds_alternate_and_the_first_is_not_counted() -> None:
    """On a clock that contenders move themselves, every number is known."""
    now, order = [0.0], []

    def contender(name: str, costs: list[float]) -> Contender:
        remaining = iter(costs)

        def chunk() -> int:
            order.append(name)
            now[0] += next(remaining)
            return 8

        return Contender(name, name, "units", timed(chunk, lambda: now[0]))

    ours, peer = contender("ours", [64, 1, 2, 4]), contender("peer", [64, 8, 8, 16])
    rates = interleave.interleave([ours, peer], rounds=3, seconds=1.0)
    assert order == ["ours", "peer"] * 4
    assert rates.rounds == {"ours": [8, 4, 2], "peer": [1, 1, 0.5]}
    assert len(rates.loads) == 3
    summary = rates.summary(peer, ours)
    assert (summary["min"], summary["median"], summary["max"]) == (0.5, 1, 1)
    assert summary["first_is_x"] == 4


def test_figures_are_computed_inside_a_round() -> None:
    """The machine is ten times slower in the second round, for both."""
    rates = Rates({"ours": [30.0, 3.0, 32.0], "peer": [10.0, 1.0, 8.0]})
    assert rates.ratios("ours", "peer") == [3, 3, 4]
    assert rates.figures(lambda ours, peer: ours - peer, "ours", "peer") == [20, 2, 24]
    assert rates.ratios("ours", "absent") == []


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system cannot")
def test_one_cpu_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    with one_cpu():
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before


def judged(rounds: dict[str, list[float]], **other: Any) -> dict[str, Bar]:
    arguments = {"start_up": START, "bytes_per_env": 500.0, "scaling": [], "size_pairs": []}
    return {bar.key: bar for bar in bars(Rates(rounds), **(arguments | other))}


def test_bars_hold_figures_against_goals() -> None:
    found = judged(
        {
            "kernel": [10e6],
            "kernel_features": [8e6],
            "inlined": [7.9e6],
            "swapped": [6e6],
            "see_through": [15e6],
            "envpool_1024": [0.25e6],
            "xminigrid": [0.5e6],
            "xminigrid_occlusion": [0.25e6],
            "navix": [0.3e6],
            "scalar": [0.4e6],
            "levels": [5e6],
            "views": [10e6],
            "never_reset": [11e6],
            "reset_often": [10e6],
            "Big-16x16-v0": [5e6],
            "Big-8x8-v0": [10e6],
        },
        size_pairs=[("Big-8x8-v0", "Big-16x16-v0")],
        scaling=[{"busy": busy, "N": 16, "ratios": [0.9]} for busy in (False, True)],
    )
    expected = {
        "kernel_x_envpool_1024": (40, "missed"),
        "kernel_x_xminigrid_occlusion": (40, "met"),
        "kernel_x_xminigrid": (20, "reported"),
        "see_through_x_xminigrid": (30, "reported"),
        "see_through_x_navix": (50, "met"),
        "kernel_x_minigrid": (None, "not measured"),
        "features": (0.25, "met"),
        "program_inlined": (8 / 7.9 - 1, "met"),
        "program_swapped": (1 / 3, "missed"),
        "scalar": (2.5, "missed"),
        "level": (100, "met"),
        "reset_often": (0.1, "met"),
        "rate_of_Big-16x16-v0": (0.5, "missed"),
        "memory": (500, "met"),
        "threads_16": (0.9, "missed"),
        "threads_16_busy": (0.9, "met"),
        "first_step_cold": (3, "met"),
        "inline": (5, "reported"),
        "import": (0.1, "met"),
    }
    for key, (measured, verdict) in expected.items():
        assert (key, found[key].verdict) == (key, verdict)
        assert found[key].measured == (None if measured is None else pytest.approx(measured))


def test_a_bar_says_how_far_its_values_scatter() -> None:
    bar = judged({"kernel": [1.0, 2.0, 3.0, 4.0, 50.0], "minigrid": [1.0] * 5})["kernel_x_minigrid"]
    assert bar.summary()["measured"] == 3
    assert bar.summary()["half"] == [2, 4]
    assert judged({})["kernel_x_minigrid"].summary()["half"] is None


def test_bytes_count_what_is_not_the_observation() -> None:
    """More scenery, more bytes: a 16x16 level holds at least its 192 further cells."""
    small, large = (contenders.bytes_per_env(env_id) for env_id in PAIR)
    assert large >= small + 192


@pytest.mark.parametrize(("steps", "ends"), [(10, {102, 103}), (2**31 - 1, {0})])
def test_ends_are_spread_over_the_steps(steps: int, ends: set[int]) -> None:
    """Were all rows cut at once, one step in ten would be slow and the others would hide it."""
    levels = contenders.cut(steps)
    ended = set()
    for _ in range(10):
        levels.step(SAME_STEP)
        ended.add(int(levels.out.truncated.sum()))
    assert ended == ends


@pytest.mark.integration
def test_the_easier_task_differs_in_the_view_alone() -> None:
    hidden, seen = contenders.bare(), contenders.bare(contenders.SEE_THROUGH)
    for levels in (hidden, seen):
        levels.actions[:] = 2
        levels.step(SAME_STEP)
    assert (hidden.world.grid == seen.world.grid).all()
    assert (hidden.world.agent == seen.world.agent).all()
    shown = hidden.out.image[..., 0] > 0
    assert (hidden.out.image[shown] == seen.out.image[shown]).all()
    assert (seen.out.image[..., 0] > 0).all()
    assert not shown.all()


def test_the_reward_programs_pay_for_progress() -> None:
    """From a distance of 16, the key counted twice, to one of 9."""
    before = SimpleNamespace(has_key=0.0, steps_to_key=3.0, steps_to_goal=10.0, steps_to_subgoal=3)
    after = SimpleNamespace(has_key=1.0, steps_to_key=0.0, steps_to_goal=9.0, steps_to_subgoal=1)
    assert contenders.shaped(after, before, 3, 0.0, False) == pytest.approx(4 - 0.99 * 3)
    assert contenders.shaped(after, before, 3, 1.0, True) == pytest.approx(1 + 4)
    assert contenders.closer(after, before, 3, 0.0, False) == pytest.approx(0.02)


def test_size_pairs_are_of_one_world() -> None:
    pairs = contenders.size_pairs()
    assert PAIR in pairs
    assert all(large == small.replace("8x8", "16x16") for small, large in pairs)


@pytest.mark.slow
def test_start_up_is_measured_in_new_processes() -> None:
    started = start_up.start_up(repeats=1)
    assert started.keys() == START.keys()
    assert 0 < started["first_step_cached"][0] < started["first_step_cold"][0]
    assert 0 < started["swap"][0] < started["inline"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "rounds must be >= 1, got 0"),
        (["--seconds", "0"], "seconds must be > 0"),
        (["--peer", "pufferlib=python"], "is not NAME=PYTHON with a name of envpool"),
        (["--peer", "envpool"], "envpool: there is no interpreter ''"),
        (["--peer", "navix=/nowhere/python"], "navix: there is no interpreter '/nowhere/python'"),
    ],
)
def test_bad_arguments_are_a_usage_error(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gridworld, "ours", lambda: [contender_of(lambda: 1)])
    monkeypatch.setattr(peers.peer_worker, "CONTENDERS", [])
    with pytest.raises(SystemExit) as stopped:
        gridworld.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def contender_of(chunk: Callable[[], int]) -> Contender:
    return Contender("kernel", "kernel", "env steps", timed(chunk))


def test_a_peer_that_dies_ends_the_measurement(
    fake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gridworld, "ours", lambda: [contender_of(lambda: 1)])
    measure = gridworld.measure
    monkeypatch.setattr(gridworld, "measure", lambda **given: measure(script=fake, **given))
    assert gridworld.main(["--seconds", "0.01"]) == 3
    assert "minigrid_levels ended with status 1" in capsys.readouterr().err
