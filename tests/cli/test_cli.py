"""The command line as a user meets it: what it prints and how it exits."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import operant
from operant.benchmarks.bench import report, run_suite
from operant.benchmarks.executors import SerialExecutor
from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite
from operant.cli import INTERRUPTED, MISSING, OK, USAGE, run
from operant.cli.doctor import requirements
from operant.registry import Registry, Row

TINY = ["--steps", "512", "--num-envs", "8", "--episodes", "4", "--points", "2", "--workers", "1"]
TINY += ["--agent-args", '{"n_steps": 16, "batch_size": 64}']


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results folder of one tiny run."""
    root = tmp_path_factory.mktemp("results")
    assert (
        run(["train", "SparseKey-5x5-v0", "--design", "naive", "--results", str(root), *TINY]) == 0
    )
    return root


TRAIN = ["train", "SparseKey-5x5-v0", "--design"]
AUDIT = ["reward", "audit", "--env", "SparseKey-5x5-v0"]
COMPARE = ["reward", "compare", "--env", "SparseKey-5x5-v0"]


def only_run(root: Path) -> Path:
    (found,) = [path for path in root.iterdir() if path.is_dir()]
    return found


@pytest.mark.parametrize("command", ["envs", "games", "designs", "agents", "suites"])
def test_listings_name_every_id(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--json"]) == OK
    listed = {row["id"] for row in json.loads(capsys.readouterr().out)}
    assert listed == set(getattr(operant, f"list_{command}")())


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["envs", "SparseKey-6x6-v0"], "privileged"),
        (["envs", "SparseKey-6x6-v0"], "[column, row]"),
        (["designs", "potential"], "invariance  optimal"),
        (["designs", "invariant(count)"], "invariance  optimal"),
        (["designs", "operant.reward_design.shaping.none:TrueReward"], "timing  step"),
        (["agents", "sb3-ppo"], "learning_rate"),
        (["agents", "value-iteration"], "Bellman"),
        (["suites", "demo"], '"naive"'),
        (["doctor"], "torch"),
        ([], "Compare four reward designs"),
    ],
)
def test_details(argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = run(argv)
    except SystemExit as leaving:  # --help leaves like this
        code = int(leaving.code or 0)
    assert code == OK
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["envs", "SparseKy-v0"], "did you mean SparseKey-v0"),
        (["train", "SparseKy-v0"], "did you mean SparseKey-v0"),
        (["train", "SparseKey-v0", "--design", "potentia"], "did you mean potential"),
        (["train", "SparseKey-v0", "--agent", "sb3-pp"], "did you mean sb3-ppo"),
        (["train", "KuhnPoker-v0", "--agent", "self-play"], "operant bench run games-zero-sum"),
        (["designs", "nave"], "did you mean naive"),
        (["bench", "run", "dem"], "did you mean demo"),
        (["train", "SparseKey-v0", "--agent-args", "[1]"], "--agent-args must be a JSON object"),
        (["train", "SparseKey-v0", "--show-memory"], "remembers nothing"),
        (
            ["train", "SparseKey-v0", "--design", "potential", "--design-args", '{"gamma": "0.9"}'],
            "its arguments: potential, reads",
        ),
        (
            [*TRAIN, "episode_return", "--design-args", '{"design": "naive", "terms": ["nosuch"]}'],
            "terms must be terms of design 'naive'",
        ),
        (
            [*TRAIN, "potential", "--design-args", '{"potential": "optimal"}'],
            "made with optimum=True",
        ),
        ([*AUDIT, "naive", "--seeds"], "at least one level"),
        ([*AUDIT, "naive", "--gif", "."], "end in .gif"),
        ([*AUDIT, "proxy", "--design-args", '{"x": 1}'], "proxy takes no arguments"),
        (
            [*AUDIT, "invariant(naive)", "--design-args", '{"design": "count"}'],
            "names the design inside",
        ),
        ([*COMPARE, "naive", "--draw", "none/x.png"], "needs the folder none"),
        (["train", "SparseKey-v0", "--design-args", "{"], "--design-args must be a JSON object"),
        (["train", "SparseKey-v0", "--gamma", "1.5"], "gamma must lie in [0, 1], got 1.5"),
        (["train", "SparseKey-v0", "--steps", "0"], "total_steps must be >= 1, got 0"),
        (["train", "SparseKey-v0", "--workers", "0"], "workers must be >= 1, got 0"),
        (["train", "SparseKey-v0", "--seeds", "1", "2", "1"], "must be distinct, got [1]"),
        (["train", "SparseKey-v0", "--seeds"], "seeds must name at least one"),
        (["train", "CartPol-v1"], "did you mean CartPole"),
        (["train", "no_such_module:X-v0"], "no_such_module"),
        (["train", "Not an id"], "Malformed environment ID"),
        (["train", "SparseKey-v0", "--env-args", '{"size": 3}'], "integer in [5, 128], got 3"),
        (["train", "SparseKey-v0", "--env-args", '{"sizes": 3}'], "no option 'sizes'; it has size"),
        (["train", "SparseKey-v0", "--agent", "value-iteration"], "plans on an explicit MDP"),
        (["train", "SparseKey-v0", "--agent-args", '{"n_stepz": 16}'], "no field 'n_stepz'"),
        (["train", "SparseKey-v0", "--agent-args", '{"n_steps": 0}'], "n_steps must lie in"),
        (["train", "CartPole-v1", "--design", "potential"], "which the env does not publish"),
        (["train", "SparseKey-v0", "--design", "none", "--agent-args", '{"gamma": 0.9}'], "0.9;"),
        (["report", "no-such-folder"], "no results folder"),
        (["enjoy", "no-such-run"], "no finished run"),
    ],
)
def test_wrong_usage_names_the_remedy_and_exits_2(
    argv: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("multiprocessing.get_context", lambda *_: pytest.fail("started a process"))
    assert run(argv) == USAGE
    assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())  # told before a folder is made


def test_unknown_env_without_a_near_one_lists_only_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "Zzzzzzzz-v0"]) == USAGE
    message = capsys.readouterr().err
    assert all(name in message for name in operant.list_envs())
    assert "CartPole" not in message


def test_unknown_option_exits_2() -> None:
    with pytest.raises(SystemExit) as leaving:
        run(["train", "SparseKey-v0", "--no-such-option"])
    assert leaving.value.code == USAGE


def test_gamma_of_the_design_must_be_the_agents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["train", "SparseKey-5x5-v0", "--design", "potential", "--results", str(tmp_path), *TINY]
    assert run([*argv, "--design-args", '{"gamma": 0.9}']) == USAGE
    message = capsys.readouterr().err
    assert "gamma=0.9 " in message
    assert "gamma=0.99" in message


def test_missing_dependency_exits_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Row(id="x", entry_point="no_such_package:X", summary="", extra="nethack")
    monkeypatch.setattr("operant.agents.registry", lambda: Registry("agent", [row]))
    assert run(["agents", "x"]) == MISSING
    assert "operant[nethack]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "argv"),
    [
        ("tyro", ["suites"]),
        ("stable_baselines3", ["agents", "sb3-ppo"]),
        ("rich.table", ["envs"]),
    ],
)
def test_missing_core_dependency_is_one_line_and_exits_3(module: str, argv: list[str]) -> None:
    code = f"import sys, operant.cli; sys.modules[{module!r}] = None; operant.cli.main({argv!r})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == MISSING
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"operant: {module} is not installed; run: operant doctor")
    assert "pip install -c constraints.txt operant" in line


def test_broken_import_of_our_own_is_not_blamed_on_the_installation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = Row(id="x", entry_point="operant.no_such_module:X", summary="")
    monkeypatch.setattr("operant.agents.registry", lambda: Registry("agent", [row]))
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        run(["agents", "x"])


# The package itself is stood in for, because importing it needs Gymnasium.
BARE = """
import importlib.machinery, importlib.util, sys, types
path = importlib.util.find_spec("operant").submodule_search_locations
class OnlyStandardLibrary:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "operant"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, OnlyStandardLibrary())
sys.modules["torch"] = None
package = sys.modules["operant"] = types.ModuleType("operant")
package.__path__ = list(path)
from operant.cli import main
main(["doctor"])
"""


def test_doctor_needs_only_the_standard_library() -> None:
    ended = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True)
    assert ended.returncode == OK, ended.stderr  # the distributions are there, though not usable
    assert "gymnasium" in ended.stdout
    assert "torch:" not in ended.stdout


def test_doctor_reads_what_the_distribution_declares(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = {
        "operant": [
            "numpy>=2.2",
            "no-such.core<3,>=2; python_version >= '3.11'",
            'no_such_extra [x] (<2,>=1) ; extra == "ray"',
            'gymnasium[mu]; extra == "mujoco"',
            'operant[mujoco,ray]; extra == "all"',
        ],
        "gymnasium": ["numpy>=1", 'no-such-inner>=3; extra == "mu"', 'other; extra == "all"'],
    }
    monkeypatch.setattr("importlib.metadata.requires", lambda name: declared.get(name))
    assert requirements() == [
        ("", "numpy"),
        ("", "no-such.core"),
        ("ray", "no_such_extra"),
        ("mujoco", "no-such-inner"),
    ]
    assert run(["doctor"]) == MISSING
    lines = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    core = ["core", "no-such.core", "missing", "pip install -c constraints.txt operant"]
    ray = ["ray", "no_such_extra", "missing", "pip install -c constraints.txt 'operant[ray]'"]
    assert core in lines
    assert ray in lines


def test_doctor_reads_requirements_as_packaging_does() -> None:
    wanted = set()
    for requirement in map(Requirement, importlib.metadata.requires("operant") or []):
        extra = re.search(r'extra == "(\w+)"', str(requirement.marker))
        if not requirement.extras:
            wanted.add((extra[1] if extra else "", requirement.name))
    assert len(wanted) > 20
    assert wanted <= set(requirements())


@pytest.mark.integration
def test_train_writes_a_leaderboard_and_a_second_call_does_nothing(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = trained / "leaderboard.html"
    assert "SparseKey-5x5-v0" in page.read_text()
    before = (only_run(trained) / "DONE.json").stat().st_mtime_ns
    argv = ["train", "SparseKey-5x5-v0", "--design", "naive", "--results", str(trained), *TINY]
    assert run(argv) == OK
    assert "naive" in capsys.readouterr().out
    assert (only_run(trained) / "DONE.json").stat().st_mtime_ns == before


@pytest.mark.integration
def test_report_again_from_the_folder_alone(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(trained)]) == OK
    assert "leaderboard.md" in capsys.readouterr().out


@pytest.mark.integration
def test_enjoy_in_text_and_as_gif(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["enjoy", str(only_run(trained)), "--delay", "0"]) == OK
    text = capsys.readouterr().out
    assert "designed return" in text
    assert "##" in text
    gif = trained / "x.gif"
    assert run(["enjoy", str(only_run(trained)), "--gif", str(gif)]) == OK
    assert gif.read_bytes()[:6] in (b"GIF87a", b"GIF89a")


SUITE = Suite(
    id="stoppable",
    title="A suite long enough to be stopped",
    env_ids=("SparseKey-5x5-v0",),
    designs=(Design(id="count"),),
    agents=(AgentEntry(id="sb3-ppo", config={"n_steps": 16, "batch_size": 256}),),
    seeds=(0,),
    total_steps=40 * 16 * 16,
    num_envs=16,
    evaluation=Evaluation(points=4, episodes=8),
)
PROGRAM = """
import sys
from pathlib import Path
from operant.benchmarks import run
from operant.cli import bench
from test_cli import SUITE
run.CHECKPOINT_SECONDS = 0.0  # in the worker, too: the first checkpoint says that training began
if __name__ == "__main__":
    sys.exit(bench.run_and_report(SUITE, Path(sys.argv[1]), 1))
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """Run the suite in a process of its own."""
    program = folder.parent / "program.py"
    program.write_text(PROGRAM)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen(
        [sys.executable, str(program), str(folder)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(folder: Path) -> dict[str, bytes]:
    """Return the evaluation tables of all finished runs."""
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/eval.parquet")}


@pytest.mark.integration
def test_sigterm_saves_exits_75_and_the_same_command_continues(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run_suite(SUITE, whole, executor=SerialExecutor())
    report(whole, title=SUITE.title)

    stopped = start(cut)
    deadline = time.monotonic() + 120
    while not list(cut.glob("*/checkpoint.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.02)
    stopped.send_signal(signal.SIGTERM)
    printed, _ = stopped.communicate(timeout=120)
    assert stopped.returncode == INTERRUPTED, printed
    assert "The same command continues" in printed
    assert not results(cut)
    assert list(cut.glob("*/checkpoint.safetensors"))

    again = start(cut)
    printed, _ = again.communicate(timeout=180)
    assert again.returncode == OK, printed
    assert results(cut) == results(whole)
    table = [(f / "leaderboard.md").read_text().split("## Provenance")[0] for f in (cut, whole)]
    scores = [[line.split("|")[2:10] for line in t.splitlines() if "|" in line] for t in table]
    assert scores[0] == scores[1]


@pytest.mark.integration
def test_env_of_a_module_beside_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``module:Id`` trains from any directory, and in the worker process too."""
    (tmp_path / "my_envs.py").write_text(
        "import gymnasium as gym\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n\n\n"
        "class Mine(CartPoleEnv):\n"
        "    def step(self, action):\n"
        "        *rest, info = super().step(action)\n"
        "        return *rest, {**info, 'success': False}\n\n\n"
        "gym.register('Mine-v0', Mine, max_episode_steps=50)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert run(["train", "my_envs:Mine-v0", "--results", "out", *TINY]) == OK
    printed = capsys.readouterr().out
    assert "my_envs:Mine-v0" in printed
    assert "0 %" in printed
    assert run(["train", "no_such_module:Mine-v0", "--results", "out", *TINY]) == USAGE
    assert "no_such_module" in capsys.readouterr().err


@pytest.mark.integration
def test_design_of_a_module_beside_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``module:Class`` trains from any directory, and in the worker process too."""
    (tmp_path / "my_designs.py").write_text(
        "from operant.reward_design import RewardDesign\n"
        "from operant.types import RewardTerms\n\n\n"
        "class Doubled(RewardDesign):\n"
        "    def step(self, t):\n"
        "        return RewardTerms.sum_of(env=2 * t.reward)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    argv = ["train", "SparseKey-5x5-v0", "--results", "out", *TINY, "--design"]
    assert run([*argv, "my_designs:Doubled"]) == OK
    assert "my_designs:Doubled" in capsys.readouterr().out
    assert run([*argv, "my_designs:Trebled"]) == USAGE
    assert "my_designs" in capsys.readouterr().err


@pytest.mark.integration
def test_summary_fits_a_terminal_of_80_columns(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(trained)]) == OK
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "naive" in line][:1]
    name, success = line.split()[:2]
    assert name == "naive"
    assert 0 <= int(success) <= 100
