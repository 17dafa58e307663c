from __future__ import annotations

import copy
import gc
import math
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from operant.reward_design.llm import RewardProgramError, compile_reward
from operant.reward_design.llm.worker import (
    LEVELS,
    RewardWorker,
    RowLayout,
    WorkerSettings,
    WorkerUnavailableError,
)
from operant.reward_design.llm.worker import process as process_module
from operant.reward_design.llm.worker import worker as worker_module

pytestmark = pytest.mark.integration
HEAD = "def reward(obs, action, next_obs, info):\n"
CLOSED = (
    HEAD
    + """
    near = math.exp(-abs(info["distance"]) / 3) - 0.1 * (action == 2)
    if info["distance"] < info["prev_distance"] and not info["has_key"]:
        near += (abs(obs[0]) + abs(next_obs[1])) ** 1.5
    for i in range(2):
        near -= 0.01 * (next_obs[i] - obs[i]) // 0.3
    return near
"""
)


def gone(pid):
    """Return whether a process is neither running nor waiting to be collected."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_means_what_the_closed_language_means(start):
    rng = np.random.default_rng(0)
    size = 3000  # several frames
    obs, next_obs = rng.normal(size=(2, size, 2))
    info = {
        "distance": rng.normal(size=size),
        "prev_distance": rng.normal(size=size),
        "has_key": rng.random(size) < 0.5,
    }
    action = rng.integers(0, 3, size)
    program = compile_reward(CLOSED, obs_size=2, features=["distance", "has_key"])
    expected = program.batch(obs, action, next_obs, {**info, "prev_has_key": info["has_key"]})
    worker = start(CLOSED, obs_size=2, features=tuple(info), whole_actions=True)
    assert worker.batch(obs, action, next_obs, info).tolist() == expected.tolist()
    assert worker.batch(obs[:0], action[:0], next_obs[:0], {k: [] for k in info}).shape == (0,)


def test_long_observations(start):
    obs = np.arange(5)[:, None] + np.zeros(300_000)
    worker = start(HEAD + "    return obs[-1] + 10 * next_obs[0] + sum(obs[:2])", obs_size=300_000)
    assert worker.batch(obs, np.zeros(5), obs, {}).tolist() == [13.0 * n for n in range(5)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_python_counts_them(start, end):
    worker = start(end.join([HEAD.strip(), "    x = 0", "    return 1 / x"]))
    with pytest.raises(RewardProgramError, match=r"line 3, column 12(?s:.)*    return 1 / x"):
        worker.batch(None, [0], None, {})


def test_arguments_as_a_program_sees_them(start):
    source = (
        HEAD
        + """
    assert obs == (1.0, 2.0) and next_obs == (3.0, 4.0) and info == {"a": 5.0}
    return action[1] if isinstance(action, tuple) else {0: 1.5, 1: 2.5}[action] + type(action)(0)
"""
    )
    given = [[1, 2]], [[3, 4]], {"a": np.array([5])}
    for layout, action, expected in (
        ({"whole_actions": True}, [1], 2.5),
        ({}, [0.0], 1.5),
        ({"action_size": 2}, [[7.0, 8.0]], 8.0),
    ):
        worker = start(source, obs_size=2, features=("a",), **layout)
        assert worker.batch(given[0], action, given[1], given[2]) == [expected]


def test_numpy_if_it_is_asked_for(start):
    source = "import numpy as np\n" + HEAD + "    return np.linalg.norm(next_obs - obs)"
    rng = np.random.default_rng(1)
    obs, next_obs = rng.normal(size=(2, 10, 3))
    worker = start(source, obs_size=3, modules=("numpy",))
    expected = np.linalg.norm(next_obs - obs, axis=1)
    assert worker.batch(obs, np.zeros(10), next_obs, {}) == pytest.approx(expected, rel=1e-15)
    writing = start(HEAD + "    obs[0] = 1.0", obs_size=3, modules=("numpy",))
    with pytest.raises(RewardProgramError, match="read-only"):
        writing.batch(obs, np.zeros(10), next_obs, {})
    with pytest.raises(RewardProgramError, match=r"line 1, column 1: .*named in modules \[import]"):
        start(source, obs_size=3)


def test_seeds_are_passed_on(start):
    source = (
        "import random, numpy\n"
        + HEAD
        + "    return random.random() + numpy.random.random() + 1e-3"
        " * (hash('x') % 97)"
    )

    def drawn(seed):
        worker = start(source, modules=("random", "numpy"), seed=seed)
        return worker.batch(None, [0, 0], None, {}).tolist()

    assert drawn(3) == drawn(3) != drawn(4)


def test_a_program_remembers_until_it_is_restarted(start):
    worker = start("n = 0\n" + HEAD + "    global n\n    n += 1\n    return n")
    assert worker.batch(None, [0, 0], None, {}).tolist() == [1.0, 2.0]
    assert worker.batch(None, [0], None, {}) == [3.0]
    worker.restart()
    assert worker.batch(None, [0], None, {}) == [1.0]


def test_errors_have_row_line_column_and_hint(start):
    worker = start(HEAD + "    x = action\n    return 1 / (x - 1500)")
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, np.arange(2000), None, {})
    error = caught.value
    assert (error.code, error.row, error.line, error.column) == ("division", 1500, 3, 12)
    assert "max(x, 0.001)" in error.hint
    assert str(error).endswith("    return 1 / (x - 1500)\n             ^")
    assert worker.batch(None, [0], None, {}) == [-1 / 1500]  # and it goes on


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("", "syntax", 0),
        ("x = 1", "syntax", 0),
        ("reward = 3", "syntax", 0),
        ("def reward(obs:\n    pass", "syntax", 1),
        ("x = 1\n  y = 2", "syntax", 2),
        ("x = '\0'", "syntax", 0),
        ("(" * 5000, "syntax", 1),
        ("x = " + "-" * 60000 + "1", "memory", 0),
        ("\n1 / 0", "division", 2),
        ("import os.path\nimport sys\nsys.exit()", "exit", 3),
        ("while True: pass", "timeout", 0),
        ("# coding: nonsense\ndef", "syntax", 2),
    ],
)
def test_sources_that_do_not_get_so_far(start, source, code, line):
    with pytest.raises(RewardProgramError) as caught:
        start(source, timeout_s=5.0 if code != "timeout" else 0.25)
    assert (caught.value.line, caught.value.message != "") == (line, True)
    others = {"memory": "recursion", "syntax": "exception"}  # of other versions of Python
    assert caught.value.code in (code, others.get(code))


class CpuWatch(threading.Thread):
    """Reads, while another process computes, its limit of CPU seconds and how many it used."""

    limit, used = math.inf, 0.0

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.folder = Path(f"/proc/{pid}")
        self.start()

    def run(self):
        while True:
            try:
                limits = (self.folder / "limits").read_text()
                times = (self.folder / "stat").read_text().rpartition(")")[2].split()[11:13]
            except OSError:  # it has ended
                return
            found = re.search(r"Max cpu time +(\d+)", limits)
            self.limit = float(found[1]) if found else math.inf
            self.used = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
            time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("of_the_host", [signal.SIG_DFL, signal.SIG_IGN])
def test_its_limit_of_cpu_time_is_a_reason(start, monkeypatch, of_the_host):
    monkeypatch.setattr(worker_module, "_arguments", lambda _: (str(512 << 20), "1", ""))
    before = signal.signal(signal.SIGXCPU, of_the_host)  # an ignored signal is inherited
    try:
        worker = start(HEAD + "    while True: pass", timeout_s=50.0)
    finally:
        signal.signal(signal.SIGXCPU, before)
    watch = CpuWatch(worker.pid)
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, [0], None, {})
    watch.join()
    assert watch.limit <= 4.0  # its imports and one second more, in whole seconds
    if caught.value.code == "timeout" and watch.used > watch.limit + 5.0:
        pytest.skip("the limit was in force, and this kernel let the process compute on")
    assert "used up its CPU time" in str(caught.value), f"after {watch.used} s of CPU time"
    assert caught.value.code == "cpu"


def test_cpu_time_is_counted_per_frame(start, monkeypatch):
    monkeypatch.setattr(worker_module, "_arguments", lambda _: (str(512 << 20), "1", ""))
    burn = "import time\n" + HEAD + "    end = time.process_time() + 0.5\n"
    worker = start(burn + "    while time.process_time() < end: pass\n    return 1.0", modules=())
    for _ in range(5):  # 2.5 seconds, where more than 2 in one frame are too many
        assert worker.batch(None, [0], None, {}) == [1.0]


def test_closing_leaves_nothing(start):
    open_before = set(os.listdir("/proc/self/fd"))
    with RewardWorker(HEAD + "    return 1", layout=RowLayout(), settings=weak()) as worker:
        pid = worker.pid
        assert not gone(pid)
        assert worker.alive
    assert gone(pid)  # collected, too: a zombie would still be there
    assert set(os.listdir("/proc/self/fd")) == open_before
    worker.close()
    with pytest.raises(RewardProgramError, match="the worker is gone: it was closed"):
        worker.batch(None, [0], None, {})
    worker.restart()
    assert worker.batch(None, [0], None, {}) == [1.0]
    worker.close()


def weak():
    return WorkerSettings(require="rlimits", timeout_s=30.0)


def test_forgetting_leaves_nothing():
    worker = RewardWorker(HEAD + "    return 1", layout=RowLayout(), settings=weak())
    pid = worker.pid
    del worker
    gc.collect()
    assert gone(pid)


def test_failing_at_the_start_leaves_nothing():
    open_before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(RewardProgramError):
        RewardWorker("1 / 0", layout=RowLayout(), settings=weak())
    gc.collect()
    assert set(os.listdir("/proc/self/fd")) == open_before


SCRIPT = """
import os, sys, time
from operant.reward_design.llm.worker import RewardWorker, RowLayout, WorkerSettings
settings = WorkerSettings(require="rlimits", timeout_s=30.0)
worker = RewardWorker("def reward(*given):\\n    return 1", layout=RowLayout(), settings=settings)
print(worker.pid, flush=True)
"""


@pytest.mark.parametrize(
    "ending", ["", "raise SystemExit(3)", "os._exit(0)", "os.kill(os.getpid(), 9)"]
)
def test_a_host_that_ends_takes_the_worker_along(ending):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + ending], capture_output=True, text=True, check=False
    )
    pid, deadline = int(done.stdout), time.monotonic() + 30.0
    while not gone(pid) and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_fork_of_the_host_leaves_the_worker_alone():
    script = SCRIPT + textwrap.dedent(
        """
        child = os.fork()
        if child == 0:
            sys.exit(0)  # runs what is due at the end of a process
        os.waitpid(child, 0)
        assert worker.batch(None, [0.0], None, {}) == [1.0]
        """
    )
    subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)


def test_copies_have_a_process_of_their_own(start):
    worker = start("n = 0\n" + HEAD + "    global n\n    n += 1\n    return n", seed=3)
    worker.batch(None, [0], None, {})
    for twin in (copy.deepcopy(worker), pickle.loads(pickle.dumps(worker))):
        with twin:
            assert twin.pid != worker.pid
            assert twin.batch(None, [0], None, {}) == [1.0]
    assert worker.batch(None, [0], None, {}) == [2.0]


def test_limits_that_are_lower_already_stay():
    script = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (50, 60))\n" + SCRIPT
    done = subprocess.run(
        [sys.executable, "-c", script + "print(open(f'/proc/{worker.pid}/limits').read())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Max cpu time              36                   60" in done.stdout


def test_after_an_interrupt_there_are_no_old_answers(start, monkeypatch):
    worker = start(HEAD + "    return action")

    def interrupted(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process_module.WorkerProcess, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.batch(None, [1], None, {})
    with pytest.raises(RewardProgramError, match="gone: its host was interrupted"):
        worker.batch(None, [2], None, {})
    worker.restart()
    assert worker.batch(None, [3], None, {}) == [3.0]


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGKILL, "SIGKILL"), (int(signal.SIGRTMIN) + 6, int(signal.SIGRTMIN) + 6)],
)
def test_a_killed_worker_is_an_error(start, number, name):
    worker = start(HEAD + "    return 1")
    os.kill(worker.pid, number)
    with pytest.raises(RewardProgramError, match=f"ended by signal {name}"):
        worker.batch(None, np.zeros(5000), None, {})
    assert "dead" in repr(worker)


_LOCK = """
from operant.reward_design.llm.worker import lock
def no(*given): raise lock.Missing("not here")
"""
NO_LANDLOCK = _LOCK + "lock.give_up_files = no\n"
NO_SECCOMP = _LOCK + "lock.give_up_calls = no\n"
NEITHER = NO_LANDLOCK + NO_SECCOMP
NO_PROC = """
import os
def no(path): raise OSError("not here")
os.listdir = no
"""
NO_LIMITS = "import resource\ndef no(*a): raise ValueError('not here')\nresource.setrlimit = no\n"
UNFELT = _LOCK + "lock.give_up_calls = lock.give_up_files = lambda *a: 7\n"
THREADS = (
    "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
)
READS = "import os\n" + HEAD + "    return len(os.listdir('/'))"


@pytest.fixture
def host(monkeypatch):
    """Return a function that makes new workers find a host that lacks something."""

    def host(lack):
        boot = process_module._BOOT
        monkeypatch.setattr(process_module, "_BOOT", boot.replace("main(sys", f"{lack}main(sys"))

    return host


OFFERED = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
landlock = libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_long(1)) > 0
number = {"x86_64": 317, "aarch64": 277}.get(os.uname().machine)
refuse = ctypes.c_uint32(0x50000)
seccomp = number and libc.syscall(number, 2, 0, ctypes.byref(refuse)) == 0
print("landlock+seccomp" if landlock and seccomp else "landlock" if landlock else "rlimits")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the Linux kernel")
def test_what_the_kernel_offers_is_reached():
    """Else a fault of the lock would only skip the tests above."""
    done = subprocess.run([sys.executable, "-c", OFFERED], capture_output=True, text=True)
    with RewardWorker(HEAD + "    return 1", layout=RowLayout(), settings=weak()) as worker:
        assert worker.level == done.stdout.strip()


def test_the_level_is_what_was_reached(start):
    worker = start(HEAD + "    return 1")
    assert worker.level == LEVELS[-1] == "landlock+seccomp"
    status = Path(f"/proc/{worker.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    if os.getuid() == 0:
        assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert worker.abi >= 1
    assert repr(worker) == "RewardWorker(level='landlock+seccomp')"


@pytest.mark.parametrize(
    ("lack", "level", "says"),
    [
        (NO_LANDLOCK, "rlimits", "landlock: not here"),
        (NO_SECCOMP, "landlock", "seccomp: not here"),
        (NEITHER, "rlimits", "landlock: not here; seccomp: not here"),
        (NO_LIMITS, "none", "rlimits: not here"),
        (
            UNFELT,
            "rlimits",
            "landlock: it is set, but files can be opened; seccomp: it is set, but",
        ),
        (
            THREADS,
            "rlimits",
            "landlock and seccomp: a module that was imported has started threads",
        ),
        (NO_PROC, "rlimits", "threads cannot be counted: not here"),
        ("1 / 0\n", "none", "start: the worker ended itself with exit code 1"),
    ],
)
def test_what_is_not_there_is_refused_by_name(start, host, lack, level, says):
    if level == "landlock":
        start(HEAD + "    return 1")  # or the test is skipped
    host(lack)
    made = {"layout": RowLayout(), "settings": WorkerSettings(timeout_s=30.0)}
    with pytest.raises(WorkerUnavailableError) as caught:
        RewardWorker(HEAD + "    return 1", **made)
    error = caught.value
    assert (error.level, error.require) == (level, "landlock+seccomp")
    assert says in str(error)
    assert "closed language" in str(error)
    assert (f"require={level!r}" in str(error)) == (level != "none")


def test_a_weaker_level_is_had_by_name_only(host):
    host(NEITHER)
    with RewardWorker(READS, layout=RowLayout(), settings=weak()) as worker:
        assert worker.level == "rlimits"
        assert worker.abi == 0
        assert worker.batch(None, [0], None, {}) > 0  # it can look around: that is what it means


def test_landlock_alone_closes_files_and_tcp(host):
    host(NO_SECCOMP)
    source = """
import os, socket
def reward(obs, action, next_obs, info):
    if action == 0:
        return len(os.listdir("/"))
    kind = socket.SOCK_STREAM if action == 1 else socket.SOCK_DGRAM
    with socket.socket(type=kind) as opened:
        opened.bind(("127.0.0.1", 0))
    return 1.0
"""
    settings = WorkerSettings(require="landlock", modules=("socket",), timeout_s=30.0)
    try:
        worker = RewardWorker(source, layout=RowLayout(), settings=settings)
    except WorkerUnavailableError as error:
        pytest.skip(f"no level 'landlock': {error.missing}")
    with worker:
        assert worker.level == "landlock"
        for action in (0, 1) if worker.abi >= 4 else (0,):
            with pytest.raises(RewardProgramError, match="Permission denied"):
                worker.batch(None, [action], None, {})
        assert worker.batch(None, [2], None, {}) == [1.0]  # no more than it says


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return len(bytearray(600 << 20))", "memory"),
        ("return len([open('/') for _ in range(20)])", "refused"),
        ("return len([os.open('/', 0) for _ in range(20)])", "refused"),
        ("with os.fdopen(os.memfd_create('x'), 'wb', 0) as f: return f.write(b'x')", "refused"),
        ("return os.fork()", "refused"),
        ("while True: pass", "timeout"),
    ],
)
def test_limits_alone_contain_accidents(host, body, code):
    host(NEITHER)
    settings = WorkerSettings(require="rlimits", timeout_s=1.0)
    source = "import os\n" + HEAD + "    " + body
    with RewardWorker(source, layout=RowLayout(), settings=settings) as worker:
        if "fork" in body and "Uid:\t0" in Path(f"/proc/{worker.pid}/status").read_text():
            pytest.skip("root cannot become nobody here, and is not limited")
        with pytest.raises(RewardProgramError) as caught:
            worker.batch(None, [0], None, {})
    assert caught.value.code == code


def test_it_starts_with_nothing_of_the_host(start, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with open("/proc/self/status") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        worker = start(HEAD + "    return 1")
        assert set(os.listdir(f"/proc/{worker.pid}/fd")) == {"3", "4"}
    variables = Path(f"/proc/{worker.pid}/environ").read_bytes().split(b"\0")
    names = {variable.split(b"=")[0] for variable in variables if variable}
    assert names == {b"PYTHONHASHSEED"} | {
        b"%s_NUM_THREADS" % library for library in (b"OPENBLAS", b"OMP", b"MKL")
    }


def test_without_landlock_seccomp_is_used_all_the_same(start, host):
    start(HEAD + "    return 1")  # or the test is skipped
    host(NO_LANDLOCK)
    with RewardWorker(READS, layout=RowLayout(), settings=weak()) as worker:
        assert worker.level == "rlimits"
        with pytest.raises(RewardProgramError, match="Operation not permitted"):
            worker.batch(None, [0], None, {})


def test_without_limits_even_the_weakest_level_is_refused(host):
    host(NO_LIMITS)
    with pytest.raises(WorkerUnavailableError, match="this host reaches 'none'"):
        RewardWorker(HEAD + "    return 1", layout=RowLayout(), settings=weak())
