"""``operant play``: what a player or a script sees, and what is refused."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import termios
import threading
import time
from pathlib import Path

import gymnasium as gym
import pytest
from PIL import Image

import operant
from operant.cli import OK, USAGE, run
from operant.cli.play import bindings
from operant.envs.gridworld.cells import ACTIONS
from operant.envs.gridworld.render import CLEAR

MAP = """
##############
## > .yk######
## . . .yL G##
##############
"""
SOLUTION = "wpdwawtww"


@pytest.fixture
def level(tmp_path: Path) -> str:
    """Path of a small map."""
    path = tmp_path / "level.txt"
    path.write_text(MAP)
    return str(path)


def play(monkeypatch: pytest.MonkeyPatch, keys: str, *argv: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(keys))
    return run(["play", *argv])


def frames(printed: str) -> list[str]:
    return printed.rstrip("\n").split("\n\n")


def test_script_solves_a_level(
    level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(monkeypatch, f"{SOLUTION[:4]}\n{SOLUTION[4:]}wqww", level) == OK
    first, *others, last, after = frames(capsys.readouterr().out)
    assert first == f"{level}{MAP}mission: reach the goal\nstep 0 of 280\nreturn 0"
    assert len(others) == len(SOLUTION) - 1
    assert "carries: yk (yellow key)" in others[1]
    assert last == after  # a step too many, then q
    assert "step 9 of 280, forward: reward 1\nreturn 1\nsolved: r for a new level" in last


def test_every_key_does_its_action(
    level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    play(monkeypatch, "a\x1b[Dd\x1b[Cw\x1bOApxt e0123456", level)
    told = re.findall(r"step \d+ of \d+, (\w+):", capsys.readouterr().out)
    by_letter = ["left", "left", "right", "right", "forward", "forward", "pickup", "drop"]
    assert told == [*by_letter, "toggle", "toggle", "done", *ACTIONS]


def test_features_come_and_go_and_r_starts_anew(
    level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    play(monkeypatch, "wpffr", level)
    *_, taken, shown, hidden, again = frames(capsys.readouterr().out)
    assert shown == f"{taken}\n  agent_x = 2\n  agent_y = 1\n  agent_direction = 0\n  carrying = 1"
    assert hidden == taken
    assert "step 0 of 280" in again
    assert "carries" not in again


def test_end_without_success(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    play(monkeypatch, "aa", "SparseKey-5x5-v0", "--option", "max_steps=2")
    assert frames(capsys.readouterr().out)[-1].endswith("time is up: r for a new level, q to quit")


def test_seed_and_options_choose_the_level(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    argv = ["SparseKey-v0", "--option", "size=5", "--option", "layout=minigrid", "--seed", "3"]
    assert play(monkeypatch, "", *argv) == OK
    env = gym.make("SparseKey-v0", size=5, layout="minigrid", render_mode="ansi")
    env.reset(seed=3)
    assert capsys.readouterr().out.startswith(f"SparseKey-v0\n{env.render()}\nstep 0 of 250\n")


def test_proxy_worlds_show_all_returns(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    play(monkeypatch, "s", "BoatRace-v0", "--option", "reward=proxy")
    assert re.search(r"return (\S+), true \S+, proxy \1\n", capsys.readouterr().out)


def test_keys_of_every_world_reach_all_its_actions() -> None:
    names = set()
    for row in operant.envs.registry():
        if "gridworld" in row.tags:
            names.add(operant.envs.registry().make(row.id).simulator.family.action_names)
    assert len(names) > 3
    for actions in names:
        keys = bindings(actions)
        assert set(keys.values()) == set(range(len(actions)))
        assert not set(keys) & set("frq")
        letters = [number for key, number in keys.items() if not key.isdigit()]
        assert set(letters) == set(range(len(actions))), actions


@pytest.mark.parametrize(
    ("argv", "keys", "expected"),
    [
        (["SparseKy-v0"], "", "did you mean SparseKey-v0"),
        (["CartPole-v1"], "", "CartPole-v1 is no gridworld (its actions are Discrete(2))"),
        (["Pendulum-v1"], "", "is no gridworld (its actions are Box(-2.0, 2.0, (1,), float32))"),
        (["SparseKey-v0", "--option", "size"], "", "takes NAME=VALUE, such as size=6, got 'size'"),
        (["SparseKey-v0", "--option", "size=3"], "", "size (cells along"),
        (["SparseKey-v0", "--option", "sizes=5"], "", "'sizes'"),
        (["SparseKey-v0", "--seed", "-1"], "", "-1"),
        (["SparseKey-v0", "--record", "no/such.gif"], "", "there is no folder no for such.gif"),
        (["SparseKey-v0"], "wz", "unknown key 'z'; keys are:\n←/a left, →/d right, ↑/w forward"),
        (["no-such-map.txt"], "", "no-such-map.txt"),
        (["open.txt"], "", "the border must be wall"),
    ],
)
def test_wrong_usage_names_the_remedy(
    argv: list[str],
    keys: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("open.txt").write_text(" > G\n")
    assert play(monkeypatch, keys, *argv) == USAGE
    assert expected in capsys.readouterr().err


def test_recording(
    level: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "played.gif"
    assert play(monkeypatch, SOLUTION + "f", level, "--record", str(path)) == OK
    assert "wrote " in capsys.readouterr().out
    with Image.open(path) as picture:
        assert picture.n_frames == len(SOLUTION) + 1
        assert picture.size[0] == 7 * 24
    assert list(tmp_path.glob("*.gif")) == [path]


class Screen(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def type_slowly(terminal: int, keys: list[str]) -> None:
    """Press keys as soon as somebody waits for single ones."""
    while termios.tcgetattr(terminal)[3] & termios.ICANON:
        time.sleep(0.01)
    for key in keys:
        os.write(terminal, key.encode())


@pytest.mark.parametrize("end", ["q", "\x04"])  # \x04 is Ctrl-D
def test_a_terminal_is_repainted_and_left_as_it_was(
    level: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = pty.openpty()
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    before = termios.tcgetattr(slave)
    with os.fdopen(slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        typist = threading.Thread(target=type_slowly, args=(master, ["\x1b[A", "z", "\x1b[B", end]))
        typist.start()
        assert run(["play", level]) == OK
        typist.join()
        assert termios.tcgetattr(slave) == before
    os.close(master)
    shown = screen.getvalue().split(CLEAR)[1:]
    assert len(shown) == 4
    assert "\x1b[38;2;" in shown[0]
    assert "q quit" in shown[0]
    assert "step 1 of 280, forward" in shown[1]
    assert shown[1] == shown[2] == shown[3]
