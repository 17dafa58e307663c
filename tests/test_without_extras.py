"""Where no optional package is installed: everything lists, says what to install, and works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import operant
from operant.cli.doctor import requirements

pytestmark = pytest.mark.integration  # starts processes

ROOT = Path(__file__).resolve().parent.parent
ABSENT = ("nle", "mujoco", "pettingzoo", "openai")
"""Packages that the processes are told do not exist; each stands for its extra."""
BLOCKER = f'''
import importlib.metadata, sys

ABSENT = {ABSENT!r}

class Blocker:
    """Finds nothing, but refuses what is not installed, as if it were not."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
plain = importlib.metadata.distribution

def distribution(name):
    if name in ABSENT:
        raise importlib.metadata.PackageNotFoundError(name)
    return plain(name)

importlib.metadata.distribution = distribution
'''
"""What these processes run first."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of processes without the packages, and of those that they start."""
    folder = tmp_path_factory.mktemp("blocker")
    (folder / "sitecustomize.py").write_text(BLOCKER)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}


def python(bare: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=bare,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def command(bare: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(bare, "-m", "operant", *arguments)


def first_of(extra: str) -> str:
    """Return an env that needs an extra."""
    ids = [row.id for row in operant.envs.registry() if row.extra == extra]
    if not ids:
        pytest.skip(f"no env needs the extra {extra}")
    return ids[0]


def test_the_blocker_blocks(bare) -> None:
    for name in ABSENT:
        ended = python(bare, "-c", f"import {name}")
        assert ended.returncode == 1
        assert f"ModuleNotFoundError: No module named {name!r}" in ended.stderr


def test_the_packages_are_those_of_the_extras() -> None:
    declared = {package for _, package in requirements()}
    assert set(ABSENT) <= declared


def test_operant_is_imported_and_its_envs_are_registered(bare) -> None:
    code = """
import json, gymnasium, operant
known = [name for name in operant.list_envs() if name in gymnasium.registry]
print(json.dumps([known, operant.list_suites()]))
"""
    ended = python(bare, "-W", "error", "-c", code)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [operant.list_envs(), operant.list_suites()]


@pytest.mark.parametrize(
    ("listing", "extras"),
    [
        ("envs", {"nethack", "mujoco"}),
        ("games", {"multiagent"}),
        ("suites", {"nethack", "mujoco"}),
        ("designs", set()),
        ("agents", set()),
    ],
)
def test_everything_is_listed_with_the_command_for_what_is_missing(bare, listing, extras) -> None:
    registry = {
        "envs": operant.list_envs,
        "games": operant.list_games,
        "suites": operant.list_suites,
        "designs": operant.list_designs,
        "agents": operant.list_agents,
    }
    ended = command(bare, listing)
    assert ended.returncode == 0, ended.stderr
    shown = set(ended.stdout.split())
    assert set(registry[listing]()) <= shown
    for extra in extras:
        assert f"{extra} (missing)" in ended.stdout
        assert f"pip install -c constraints.txt 'operant[{extra}]'" in ended.stdout
    assert json.loads(command(bare, listing, "--json").stdout)


@pytest.mark.parametrize(("extra", "package"), [("nethack", "nle"), ("mujoco", "mujoco")])
def test_an_env_without_its_extra_says_in_one_line_what_to_install(bare, extra, package) -> None:
    env_id = first_of(extra)
    line = f"{package!r} is not installed; run: pip install 'operant[{extra}]' -c constraints.txt"
    shown = command(bare, "envs", env_id)
    assert shown.returncode == 3
    assert shown.stderr == f"operant: {line}\n"
    assert shown.stdout.startswith(f"{env_id}: ")
    code = f"""
import gymnasium, operant
from operant.errors import MissingExtraError
for make in (gymnasium.make, lambda name: gymnasium.make_vec(name, num_envs=2)):
    try:
        make({env_id!r})
    except MissingExtraError as error:
        print(error)
"""
    ended = python(bare, "-c", code)
    assert ended.stdout.splitlines() == [line, line], ended.stderr


def test_one_env_one_design_and_one_suite_are_shown(bare) -> None:
    for arguments in (("envs", "SparseKey-5x5-v0"), ("designs", "expert"), ("suites", "demo")):
        ended = command(bare, *arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
    suite = command(bare, "suites", "mujoco-sparse")
    assert "SparseHopper-v0" in suite.stdout
    ended = command(bare, "bench", "run", "mujoco-sparse", "--testing")
    assert ended.returncode == 3
    assert "pip install 'operant[mujoco]'" in ended.stderr


def test_doctor_says_what_is_missing(bare) -> None:
    ended = command(bare, "doctor")
    assert ended.returncode == 0, ended.stderr  # the core is whole
    lines = {line.split()[1]: line for line in ended.stdout.splitlines() if len(line.split()) > 2}
    for package in ABSENT:
        assert "missing" in lines[package]


@pytest.mark.timeout(400)
def test_the_tests_pass_and_say_what_they_skip(bare) -> None:
    """A small part of them: what looks at every row of every table, and every module."""
    chosen = ["tests/contract", "tests/core/test_registry.py", "tests/core/test_extras.py"]
    some = "card_is_complete or names_known or size_for_testing or registry or extras"
    options = ["-q", "-rs", "-p", "no:cacheprovider", "-m", "not slow and not gpu"]
    ended = python(bare, "-m", "pytest", *options, "-k", some, *chosen)
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert "nle not installed: pip install -c constraints.txt 'operant[nethack]'" in ended.stdout
    assert "mujoco not installed: pip install" in ended.stdout
