"""Rows in worker processes: the same to the bit, and the run survives their deaths."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from operant.envs.batched.crew import WorkersDiedError
from operant.envs.batched.makers import makers
from operant.envs.batched.processes import MAX_RESTARTS, ProcessWorld
from operant.envs.batched.vector import WorldVectorEnv
from operant.envs.batched.world import BatchWorld, Outcome
from operant.errors import MissingExtraError, OperantError
from operant.testing import check_vector_env
from operant.types import Card, Feature, Int

pytestmark = pytest.mark.integration

STAY, PUSH, DIE, HANG, FAIL, LACK, LOSE = range(7)


class Walk(BatchWorld):
    """A walk home, past actions that kill the process, hang it, or raise."""

    REWARDS = ("noisy",)
    OFFERS = frozenset({"ahead", "twice"})

    def __init__(
        self,
        *,
        num: int = 1,
        max_steps: int = 25,
        perilous: bool = False,
        shared: bool = True,
        global_state: bool = False,
        fragile: bool = False,
        reward: str = "",
    ) -> None:
        super().__init__(
            num=num,
            max_steps=max_steps,
            perilous=perilous,
            shared=shared,
            global_state=global_state,
            fragile=fragile,
            reward=reward,
        )
        if fragile:
            os.kill(os.getpid(), signal.SIGKILL)
        if num > 90:
            raise ValueError("num must be at most 90")
        self.observation_space = spaces.Dict(
            near=spaces.Box(-9.0, 9.0, (2,), np.float32), far=spaces.Box(0, 255, (3, 4), np.uint8)
        )
        self.action_space = spaces.Discrete(7 if perilous else 2)
        self.table = (
            Feature(name="x", description="place", low=-9, high=9, unit="m"),
            Feature(name="home", description="near home", low=0, high=1, dtype="bool"),
        )
        self.gust = np.zeros(num)
        self.out = Outcome.zeros(
            num, self.observation_space, self.table, {"gust": self.gust}, paid=reward != "noisy"
        )
        if not shared:  # a world may as well have arrays of its own
            self.out = copy.deepcopy(self.out)
            self.gust = self.out.extras["gust"]
        self.x = np.zeros(num)
        self.ahead = 0
        self.global_state = global_state

    def twice(self, value: float, *, more: float = 0.0) -> float:
        return 2 * value + more

    def idle(self) -> bool:
        self.ahead = min(self.ahead + 1, 50)
        return self.ahead < 50

    def card(self, env_id: str) -> Card:
        return Card(
            id=env_id,
            description="walk",
            observation="place",
            action="push",
            reward="1 at home",
            termination="home",
            truncation="time",
            success="home",
            metric="success",
            oracle="none",
            features=self.table,
        )

    def _reset(self, rows: Int) -> None:
        for row in rows:
            self.x[row] = self.streams[row].uniform(-1, 1)
        self._show(rows)

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        if (actions == DIE).any():
            os.kill(os.getpid(), signal.SIGSEGV)
        if (actions == HANG).any():
            time.sleep(3600)
        if (actions == FAIL).any():
            raise ValueError("the door is stuck")
        if (actions == LOSE).any():
            raise FileNotFoundError("the map is lost")
        if (actions == LACK).any():
            raise MissingExtraError("door", "doors")
        self.gust[rows] = [self.streams[row].normal(0, 0.3) for row in rows]
        self.x[rows] = np.clip(self.x[rows] + 0.3 * (actions == PUSH) + self.gust[rows], -9, 9)
        out = self.out
        out.success[rows] = out.terminated[rows] = self.x[rows] > 2
        out.true_reward[rows] = out.success[rows]
        if out.reward is not out.true_reward:
            out.reward[rows] = out.true_reward[rows] + self.gust[rows]
        self._show(rows)

    def _show(self, rows: Int) -> None:
        out = self.out
        assert isinstance(out.obs, dict)
        out.obs["near"][rows] = self.x[rows, None]
        out.obs["far"][rows] = (np.abs(self.x[rows]) * 20).astype(np.uint8)[:, None, None]
        out.features["x"][rows] = self.x[rows]
        out.features["home"][rows] = self.x[rows] > 1

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        return np.full((4, 4, 3), int(10 * abs(self.x[row])), np.uint8)

    def text(self, row: int) -> str:
        return f"x = {self.x[row]:.3f}"

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        state = {"x": self.x.copy()}
        return state | {"count": np.array(7)} if self.global_state else state

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.x[:] = state["x"]


make, make_vector = makers(Walk, batch=functools.partial(ProcessWorld, Walk))


@pytest.fixture
def processes() -> Iterator[Any]:
    """Yield a function that builds a world in processes, which is closed after the test."""
    built: list[ProcessWorld] = []

    def build(*, num: int = 4, workers: int = 2, **options: Any) -> ProcessWorld:
        built.append(ProcessWorld(Walk, num=num, workers=workers, **options))
        return built[-1]

    yield build
    for world in built:
        pids = world.pids
        world.close()
        assert not [pid for pid in pids if _runs(pid)]


def _runs(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _soon(condition: Any) -> bool:
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _trace(world: BatchWorld, actions: npt.NDArray[Any]) -> list[dict[str, npt.NDArray[Any]]]:
    """Step rows, reset those that ended, and return all that was shown, with the state last."""
    shown = []
    for batch in actions:
        world.step(np.arange(world.num), batch)
        ended = world.out.terminated | world.out.truncated
        shown.append({k: v for k, v in world.get_state().items() if k[:3] == "out"})
        if ended.any():
            world.reset(np.flatnonzero(ended))
    return [*shown, world.get_state()]


def _equal(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        assert mine.keys() == theirs.keys()
        for key in mine:
            np.testing.assert_array_equal(mine[key], theirs[key], err_msg=key)


def _begin(world: BatchWorld, seed: int = 3) -> BatchWorld:
    world.seed([seed + row for row in range(world.num)])
    world.reset(np.arange(world.num))
    return world


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("reward", ["", "noisy"])
def test_rows_in_processes_are_those_of_the_world(
    processes: Any, shared: bool, reward: str
) -> None:
    actions = np.random.default_rng(0).integers(2, size=(60, 5))
    options = {"shared": shared, "reward": reward}
    world = _begin(processes(num=5, workers=3, **options))
    _equal(_trace(world, actions), _trace(_begin(Walk(num=5, **options)), actions))
    assert (world.out.reward is world.out.true_reward) == (reward == "")
    assert world.max_steps == 25
    assert world.restarts == 0


def test_every_rule_of_batched_envs_holds_in_every_mode() -> None:
    def build(num_envs: int, **kwargs: Any) -> Any:
        return make_vector(num_envs=num_envs, workers=min(2, num_envs), **kwargs)

    check_vector_env(build, scalar=lambda: make(), num_envs=3, steps=100)


def test_states_go_to_and_fro_between_processes_and_none(processes: Any) -> None:
    actions = np.random.default_rng(1).integers(2, size=(30, 4))
    first = _begin(processes(num=4, workers=2))
    _trace(first, actions)
    state = first.get_state()
    plain = Walk(num=4)
    plain.set_state(state)
    other = processes(num=4, workers=4)
    other.set_state(plain.get_state())
    future = _trace(first, actions)
    _equal(future, _trace(plain, actions))
    _equal(future, _trace(other, actions))
    with pytest.raises(ValueError, match="the state has 4 rows, this world has 3"):
        processes(num=3).set_state(state)


def test_state_that_is_not_in_rows_stays_with_its_worker(processes: Any) -> None:
    actions = np.random.default_rng(1).integers(2, size=(30, 4))
    first = _begin(processes(global_state=True))
    twin = processes(global_state=True)
    twin.set_state(first.get_state())
    _equal(_trace(first, actions), _trace(twin, actions))
    with pytest.raises(ValueError, match="build it with workers=2"):
        processes(workers=3, global_state=True).set_state(first.get_state())


def test_state_of_one_process_that_is_not_in_rows_cannot_be_divided(processes: Any) -> None:
    plain = _begin(Walk(num=4, global_state=True))
    with pytest.raises(ValueError, match="the state's 'own/count' does not have 4 rows"):
        processes(global_state=True).set_state(plain.get_state())


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_have_workers_of_their_own(processes: Any, clone: Any) -> None:
    actions = np.random.default_rng(2).integers(2, size=(20, 4))
    world = _begin(processes())
    twin = clone(world)
    assert not set(twin.pids) & set(world.pids)
    _equal(_trace(world, actions), _trace(twin, actions))
    twin.close()


def test_pictures_words_cards_and_offers_come_from_the_rows_worker(processes: Any) -> None:
    world, plain = _begin(processes(num=3)), _begin(Walk(num=3))
    for row in range(3):
        np.testing.assert_array_equal(world.frame(row), plain.frame(row))
        assert world.text(row) == plain.text(row)
    assert world.card("Walk-v0") == plain.card("Walk-v0")
    assert world.oracle(2).kind == "none"
    assert world.twice(2.0, more=1.0) == 5.0
    with pytest.raises(AttributeError, match="'x'"):
        _ = world.x
    assert WorldVectorEnv(world).card.id == "Walk"


def test_workers_work_ahead_while_nobody_asks(processes: Any) -> None:
    world = _begin(processes())
    assert _soon(lambda: world.ahead == 50)


def test_a_shorter_limit_reaches_workers_and_their_replacements(processes: Any) -> None:
    world = _begin(processes(perilous=True))
    world.cut(3)
    still = np.zeros(4, np.int64)
    world.step(np.arange(4), np.array([DIE, STAY, STAY, STAY]))
    world.reset(np.arange(2))
    for _ in range(2):
        world.step(np.arange(4), still)
    assert world.out.truncated.tolist() == [False, False, True, True]
    world.step(np.arange(2), still[:2])
    assert world.out.truncated.all()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_death_in_a_step_ends_the_episodes_of_its_rows_alone(
    processes: Any, mode: AutoresetMode
) -> None:
    envs = WorldVectorEnv(processes(perilous=True), autoreset_mode=mode)
    twins = WorldVectorEnv(Walk(num=4, perilous=True), autoreset_mode=mode)
    for env in (envs, twins):
        env.reset(seed=0)
        env.step(np.zeros(4, np.int64))
    obs, reward, terminated, truncated, infos = envs.step(np.array([STAY, DIE, PUSH, PUSH]))
    theirs = twins.step(np.array([STAY, STAY, PUSH, PUSH]))
    assert truncated.tolist() == infos["restarted"].tolist() == [True, True, False, False]
    assert infos["_restarted"].all()
    assert not terminated.any()
    assert reward.tolist() == [0.0] * 4
    np.testing.assert_array_equal(obs["near"][2:], theirs[0]["near"][2:])
    last = infos["final_obs"][0] if mode is AutoresetMode.SAME_STEP else {"near": obs["near"][0]}
    assert not last["near"].any()  # it may have been half written
    assert envs.world.restarts == 1
    if mode is AutoresetMode.DISABLED:
        envs.reset(options={"reset_mask": truncated})
    for _ in range(3):
        obs, reward, _, truncated, infos = envs.step(np.zeros(4, np.int64))
        theirs = twins.step(np.zeros(4, np.int64))
        np.testing.assert_array_equal(obs["near"][2:], theirs[0]["near"][2:])
        assert not truncated.any()
        assert "restarted" not in infos
    assert not np.array_equal(obs["near"][:2], theirs[0]["near"][:2])  # a new episode


def test_a_death_between_steps_is_told_by_the_next_one(processes: Any) -> None:
    envs = WorldVectorEnv(processes())
    envs.reset(seed=0)
    before = envs.step(np.zeros(4, np.int64))[0]
    os.kill(envs.world.pids[1], signal.SIGKILL)
    assert envs.render() is None
    assert envs.world.text(2)  # the first to notice; its new worker answers
    assert envs.world.restarts == 1
    state = envs.get_state()
    obs, _, _, truncated, infos = envs.step(np.zeros(4, np.int64))
    assert truncated.tolist() == infos["restarted"].tolist() == [False, False, True, True]
    np.testing.assert_array_equal(obs["near"][2:], before["near"][2:])
    envs.step(np.zeros(4, np.int64))
    envs.set_state(state)  # of when it was not told
    assert envs.step(np.zeros(4, np.int64))[3].tolist() == [False, False, True, True]
    assert envs.world.restarts == 1


def test_a_death_in_a_reset_costs_only_the_running_episodes(processes: Any) -> None:
    world = _begin(processes(num=4, workers=2))
    world.step(np.arange(4), np.zeros(4, np.int64))
    shown = copy.deepcopy(world.out)
    os.kill(world.pids[0], signal.SIGKILL)
    world.reset(np.array([0, 3]))
    assert world.restarts == 1
    np.testing.assert_array_equal(world.out.obs["near"][1:3], shown.obs["near"][1:3])
    world.step(np.arange(4), np.zeros(4, np.int64))
    assert world.out.truncated.tolist() == [False, True, False, False]
    assert world.elapsed.tolist() == [1, 1, 2, 1]


def test_next_seeds_are_the_same_in_every_run(processes: Any) -> None:
    worlds = [_begin(processes(perilous=True)) for _ in range(2)]
    plain = _begin(Walk(num=4))
    for world in worlds:
        world.step(np.arange(4), np.array([DIE, STAY, STAY, STAY]))
        world.reset(np.arange(2))
    np.testing.assert_array_equal(worlds[0].out.obs["near"], worlds[1].out.obs["near"])
    assert not np.isin(worlds[0].out.obs["near"][:2], plain.out.obs["near"]).any()
    assert worlds[0].out.obs["near"][0, 0] != worlds[0].out.obs["near"][1, 0]


def test_a_silent_worker_is_replaced(processes: Any) -> None:
    world = _begin(processes(perilous=True, timeout_s=3.0))
    world.step(np.arange(4), np.array([STAY, STAY, STAY, HANG]))
    assert world.out.truncated.tolist() == [False, False, True, True]
    os.kill(world.pids[0], signal.SIGSTOP)
    world.step(np.arange(2), np.zeros(2, np.int64))
    assert world.out.truncated.all()
    assert world.restarts == 2


def test_too_many_deaths_are_an_error(processes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operant.envs.batched.processes.MAX_RESTARTS", 1)
    assert MAX_RESTARTS == 20
    world = _begin(processes(perilous=True, num=1, workers=1))
    world.step(np.arange(1), np.array([DIE]))
    world.reset(np.arange(1))
    pids = world.pids
    with pytest.raises(WorkersDiedError, match=r"2 worker processes of Walk died.*SIGSEGV"):
        world.step(np.arange(1), np.array([DIE]))
    assert not any(map(_runs, pids))
    with pytest.raises(OperantError, match="closed"):
        world.reset(np.arange(1))


def test_errors_arrive_as_they_were_raised(processes: Any) -> None:
    world = _begin(processes(perilous=True))
    with pytest.raises(ValueError, match="the door is stuck") as caught:
        world.step(np.arange(4), np.array([STAY, STAY, FAIL, STAY]))
    assert "in a worker process" in caught.value.__notes__[0]
    with pytest.raises(MissingExtraError, match=r"'door' is not installed.*operant\[doors\]") as no:
        world.step(np.arange(4), np.array([STAY, STAY, LACK, STAY]))
    assert no.value.extra == "doors"
    with pytest.raises(FileNotFoundError, match="the map is lost"):  # no broken line to a worker
        world.step(np.arange(4), np.array([STAY, STAY, LOSE, STAY]))
    world.step(np.arange(4), np.zeros(4, np.int64))  # and go on
    assert world.restarts == 0


class Lost(Walk):
    """Cannot even begin."""

    def __init__(self, **options: Any) -> None:
        raise FileNotFoundError("no map here")


def test_errors_of_the_constructor_arrive_as_they_were_raised() -> None:
    with pytest.raises(FileNotFoundError, match="no map here"):
        ProcessWorld(Lost, num=2, workers=1)


def test_an_interrupted_call_does_not_spoil_the_next(
    processes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, plain = _begin(processes()), _begin(Walk(num=4))

    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world._crew, "_gather", interrupt)
        with pytest.raises(KeyboardInterrupt):
            world.text(0)
    assert world.text(3) == plain.text(3)
    world.step(np.arange(4), np.zeros(4, np.int64))
    plain.step(np.arange(4), np.zeros(4, np.int64))
    np.testing.assert_array_equal(world.out.obs["near"], plain.out.obs["near"])


def test_bad_arguments_are_named(processes: Any) -> None:
    class Inner(Walk):
        pass

    with pytest.raises(ValueError, match="num must be >= 1"):
        ProcessWorld(Walk, num=0)
    with pytest.raises(ValueError, match=r"workers must lie in \[1, num = 2\] or be None, got 3"):
        processes(num=2, workers=3)
    with pytest.raises(ValueError, match="timeout_s > 0"):
        processes(timeout_s=0)
    with pytest.raises(ValueError, match="define the world at the top level"):
        ProcessWorld(Inner, num=2)
    with pytest.raises(TypeError, match="colour"):
        processes(colour="red")
    with pytest.raises(ValueError, match="num must be at most 90"):
        processes(num=200)
    with pytest.raises(WorkersDiedError, match=r"died while it built Walk: signal 9 \(SIGKILL\)"):
        processes(fragile=True)


PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
sys.path.insert(0, sys.argv[1])
from test_processes import Walk, _begin
from operant.envs.batched.processes import ProcessWorld

world = _begin(ProcessWorld(Walk, num=4, workers=2))
print(*world.pids, flush=True)
if sys.argv[2] == "fail":
    raise RuntimeError("crash")
while sys.argv[2] == "wait":
    time.sleep(0.1)
"""


def _program(tmp_path: Path, how: str) -> tuple[subprocess.Popen[str], list[int]]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    started = subprocess.Popen(
        [sys.executable, str(path), str(Path(__file__).parent), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert started.stdout
    with started.stdout:
        pids = [int(pid) for pid in started.stdout.readline().split()]
    assert len(pids) == 2
    return started, pids


@pytest.mark.parametrize("end", ["exit", "fail", signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_parent_that_is_gone(tmp_path: Path, end: Any) -> None:
    before = set(os.listdir("/dev/shm"))
    program, pids = _program(tmp_path, "wait" if isinstance(end, signal.Signals) else end)
    if isinstance(end, signal.Signals):
        program.send_signal(end)
    program.wait(30)
    assert _soon(lambda: not any(map(_runs, pids)))
    assert _soon(lambda: not list((tmp_path / "scratch").iterdir()))
    assert set(os.listdir("/dev/shm")) <= before


def test_signals_to_the_group_are_for_the_parent(processes: Any) -> None:
    world = _begin(processes())
    for pid in world.pids:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            os.kill(pid, number)
    world.step(np.arange(4), np.zeros(4, np.int64))
    assert world.restarts == 0


def test_a_forgotten_world_ends_its_workers() -> None:
    world = ProcessWorld(Walk, num=2, workers=2)
    pids, descriptors = world.pids, len(os.listdir("/proc/self/fd"))
    del world
    assert not any(map(_runs, pids))
    assert len(os.listdir("/proc/self/fd")) < descriptors


SCRIPT = """
import numpy as np
from operant.envs.batched.processes import ProcessWorld
from {module} import Walk as Base

class Walk(Base):
    pass

{guard}world = ProcessWorld(Walk, num=2, workers=2)
{guard}print(world.card("x").description)
"""


def test_a_world_of_a_script_needs_a_guard(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    for guard, code in (("if __name__ == '__main__': ", 0), ("", 1)):
        path.write_text(SCRIPT.format(module="test_processes", guard=guard))
        ran = subprocess.run(
            [sys.executable, str(path)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        )
        assert ran.returncode == code, ran.stderr
        assert ("walk" in ran.stdout) == (code == 0)
        assert ("guard the building with" in ran.stderr) == (code == 1)
