"""What a program may try; each attack is seen to work in a plain process first."""

from __future__ import annotations

import os
import subprocess
import textwrap

import numpy as np
import pytest

from operant.reward_design.llm import RewardProgramError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

# Imported before the lock, so that it is the kernel that refuses and not the missing module.
MODULES = (
    "ctypes", "fcntl", "mmap", "multiprocessing", "os", "re", "resource", "select", "signal",
    "socket", "struct", "subprocess", "sys", "threading", "time",
)  # fmt: skip
LIBC = "libc = ctypes.CDLL(None, use_errno=True)\n"

# Each body returns 1.0 if the attack worked. CANARY is a file of the test, HOST its process.
ACTIONS = {
    "read a file": "return len(open(CANARY).read()) > 0",
    "list a folder": "return len(os.listdir('/')) > 0",
    "see whether a file exists": "return os.stat('/').st_mode > 0",
    "ask access to a file": "return os.access('/', os.F_OK)",
    "read the memory map": "return len(open('/proc/self/maps').read()) > 0",
    "read variables from /proc": "return len(open('/proc/self/environ').read()) > 0",
    "read the host's command": "return len(open(f'/proc/{HOST}/cmdline').read()) > 0",
    "write a file": "return open(CANARY + '.new', 'w').write('x')",
    "append to a file": "return open(CANARY, 'a').write('x')",
    "truncate a file": "os.truncate(CANARY, 1); return 1",
    "remove a file": "os.unlink(CANARY); return 1",
    "rename a file": "os.rename(CANARY, CANARY + '.moved'); return 1",
    "link a file": "os.link(CANARY, CANARY + '.link'); return 1",
    "make a folder": "os.mkdir(CANARY + '.folder'); return 1",
    "change a mode": "os.chmod(CANARY, 0o777); return 1",
    "change the folder": "os.chdir('/tmp'); return 1",
    "open a TCP socket": "socket.socket().close(); return 1",
    "open a UDP socket": "socket.socket(type=socket.SOCK_DGRAM).close(); return 1",
    "open a unix socket": "socket.socket(socket.AF_UNIX).close(); return 1",
    "open a netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(); return 1",
    "open a pair of sockets": "[s.close() for s in socket.socketpair()]; return 1",
    "fork": "pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0); return 1",
    "spawn": "subprocess.run(['/bin/true'], check=True); return 1",
    "posix_spawn": "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0); return 1",
    "a shell": "return os.system('true') == 0",
    "execute": "os.execv('/bin/echo', ['echo', '1.0'])",
    "start a thread": "threading.Thread(target=int).start(); return 1",
    "reach the host by signal": "os.kill(HOST, 0); return 1",
    "reach its group by signal": "os.killpg(0, 0); return 1",
    "reach everybody by signal": "os.kill(-1, 0); return 1",
    "be traced": LIBC + "return libc.ptrace(0, 0, 0, 0) == 0",
    "a handler of signals": "signal.signal(signal.SIGXCPU, signal.SIG_IGN); return 1",
    "block signals": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGXCPU]); return 1",
    "an alarm": "signal.setitimer(signal.ITIMER_REAL, 100.0); return 1",
    "other limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)); return 1",
    "lower its priority": "os.nice(1); return 1",
    "executable memory": "mmap.mmap(-1, 4096, prot=7).close(); return 1",
    "shared memory": LIBC + "return libc.shmget(0, 4096, 0o1600) >= 0",
    "a file in memory": "os.close(os.memfd_create('x')); return 1",
    "make memory executable": LIBC
    + "libc.mmap.restype = ctypes.c_void_p\n"
    + "page = libc.mmap(None, 4096, 3, 0x22, -1, 0)\n"
    + "return libc.mprotect(ctypes.c_void_p(page), 4096, 7) == 0",
    "open without Python": LIBC + "return libc.open(b'/', 0) >= 0",
    "prctl": LIBC + "return libc.prctl(15, b'x', 0, 0, 0) == 0",
    "leave its namespace": LIBC + "return libc.unshare(0x200) == 0",
    "a second pipe": "[os.close(end) for end in os.pipe()]; return 1",
    "copy a pipe": "os.close(os.dup(0)); return 1",
    "wait for events": "select.epoll().close(); return 1",
    "the name of the host": "return len(os.uname().nodename) > 0",
    "write to standard output": "os.write(1, b'\\n'); return 1",
    "import from disk": "import wave; return 1",
    "read variables": "return 'CANARY' in os.environ",
    "read variables in C": LIBC + "return libc.getenv(b'CANARY') != 0",
    "read arguments": "return len(sys.argv) > 0",
}


def modules_of(body):
    """Return the modules that a body mentions: importing takes most of a worker's start."""
    return tuple(name for name in MODULES if f"{name}." in body)


def program(body, host=0, canary=""):
    names = (
        f"HOST, CANARY = {host}, {str(canary)!r}\nimport {', '.join((*modules_of(body), 'sys'))}\n"
    )
    head = "def reward(obs, action, next_obs, info):\n"
    return names + head + textwrap.indent(body, "    ")


def outcome(worker):
    """Return the reward of a transition and None, or None and the error."""
    try:
        return float(worker.batch(None, [0.0], None, {})[0]), None
    except RewardProgramError as error:
        return None, error


@pytest.fixture
def canary(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY", "secret")
    path = tmp_path / "canary"
    path.write_text("secret")
    path.chmod(0o666)  # also for nobody
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.getuid() and str(folder) != "/":
            folder.chmod(0o777)
    return path


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_yields_nothing(start, unlocked, canary, tmp_path, name):
    source = program(ACTIONS[name], os.getpid(), canary)
    assert unlocked(source) == "1.0", "in a plain process it works"
    for left in tmp_path.iterdir():
        left.rmdir() if left.is_dir() else left.unlink()
    canary.write_text("secret")
    canary.chmod(0o666)

    worker = start(source, modules=modules_of(source))
    reward, error = outcome(worker)
    assert reward == 0.0 if error is None else error.code in ("refused", "exception", "import")
    assert worker.alive
    assert [path.name for path in tmp_path.iterdir()] == ["canary"]
    assert canary.read_text() == "secret"
    assert canary.stat().st_mode & 0o777 == 0o666


ENDLESS = {
    "a loop": "while True: pass",
    "a power": "return 10 ** 10 ** 9",
    "a regular expression": "re.match(r'(a+)+$', 'a' * 60 + 'b')",
    "a sum in C": "sum(range(10 ** 12))",
    "a lock twice": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "an error that is swallowed": "while True:\n    try: 1 / 0\n    except BaseException: pass",
    "a result": "class Slow:\n    def __float__(self):\n        while True: pass\nreturn Slow()",
    "an error's text": "class Slow(Exception):\n    def __str__(self):\n        while True: pass\n"
    "raise Slow",
    "the end of an object": "class Slow:\n    def __del__(self):\n        while True: pass\nSlow()",
    "generators": "any(x < 0 for x in iter(int, 1))",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_killed(start, unlocked, name):
    source = program(ENDLESS[name])
    with pytest.raises(subprocess.TimeoutExpired):
        unlocked(source, timeout=0.5)
    worker = start(source, modules=modules_of(source), timeout_s=0.25)
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, [0.0], None, {})
    assert caught.value.code in ("timeout", "memory", "overflow")
    if caught.value.code == "timeout":
        assert not worker.alive
        with pytest.raises(ProcessLookupError):
            os.kill(worker.pid, 0)


BOMBS = {
    "bytes": "return len(bytearray(200 << 20)) > 0",
    "a list": "return len([0] * (25 << 20)) > 0",
    "text": "return len('x' * (200 << 20)) > 0",
    "a mapping": "return len(mmap.mmap(-1, 200 << 20)) > 0",
}


@pytest.mark.parametrize("name", BOMBS)
def test_memory_is_limited(start, unlocked, name):
    source = program(BOMBS[name])
    assert unlocked(source) == "1.0"
    worker = start(source, modules=modules_of(source), memory_mib=128)
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, [0.0], None, {})
    assert caught.value.code in ("memory", "refused")
    assert worker.alive


DEATHS = {
    "os._exit(3)": "exit code 3",
    "os.abort()": "signal SIG",
    "ctypes.string_at(0)": "signal SIGSEGV",
    "ctypes.CDLL(None).exit(4)": "exit code 4",
}


@pytest.mark.parametrize("call", DEATHS)
def test_a_death_is_an_error_with_its_reason(start, call):
    worker = start(program(f"return {call}"), modules=modules_of(call))
    with pytest.raises(RewardProgramError, match=DEATHS[call]) as caught:
        worker.batch(None, [0.0], None, {})
    assert caught.value.code == "died"
    with pytest.raises(RewardProgramError, match=f"the worker is gone: .*{DEATHS[call]}"):
        worker.batch(None, [0.0], None, {})


TAMPERING = {
    "a descriptor closed": "for n in range(20): os.close(n)",
    "all descriptors closed": "os.closerange(0, 100)",
    "builtins deleted": "import builtins\nvars(builtins).clear()",
    "builtins replaced": "import builtins\nbuiltins.len = lambda *a: 0\nreturn 1.0",
    "os replaced": "os.write = os.read = lambda *a: 1 / 0\nreturn 1.0",
    "modules deleted": "sys.modules.clear()\nreturn 1.0",
    "the loop's variables": "f = sys._getframe(1)\nwhile f:\n    f.f_locals.clear(); f = f.f_back\n"
    "return 1.0",
    "the loop's program": "self = sys._getframe(1).f_locals['self']\nself.keys = None\nreturn 1.0",
    "the loop's memory": "import struct\n[ctypes.memset(id(x) + 8, 0, 8) for x in (1.5, (), b'')]",
    "recursion": "sys.setrecursionlimit(10 ** 9)\nreturn reward(0, 0, 0, 0)",
    "recursion of the loop": "sys.setrecursionlimit(60)\nreturn 1.0",
    "a trace": "sys.settrace(lambda *a: 1 / 0)\nreturn 1.0",
    "an audit hook": "def hook(*a): raise ValueError\nsys.addaudithook(hook)\nreturn 1.0",
    "atexit": "import atexit\natexit.register(print, 'bye')\nreturn 1.0",
    "sys.exit": "sys.exit('now')",
    "an interrupt": "raise KeyboardInterrupt",
    "the end of a generator": "raise GeneratorExit",
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_harms_the_program_alone(start, name):
    modules = ("atexit", *modules_of(TAMPERING[name]))
    worker = start(program(TAMPERING[name]), modules=modules, timeout_s=2.0)
    for _ in range(2):
        reward, error = outcome(worker)
        assert error is not None or reward == 1.0
        if not worker.alive:
            worker.restart()


def test_arguments_cannot_be_changed(start):
    info = {"a": np.array([1.0, 2.0])}
    obs, action = np.array([[1.0], [2.0]]), np.array([3.0, 4.0])
    body = "info['a'] = 9.0; info.clear(); action = 8\ntry: obs[0] = 7.0\nexcept Exception: pass"
    worker = start(program(body + "\nreturn obs[0]"), obs_size=1, features=("a",))
    assert worker.batch(obs, action, obs, info).tolist() == [1.0, 2.0]
    assert (obs.tolist(), action.tolist()) == ([[1.0], [2.0]], [3.0, 4.0])
    assert info["a"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("return float('nan')", "not_finite"),
        ("return 1e999", "not_finite"),
        ("return -1e7", "cap"),
        ("return 10 ** 400", "overflow"),
        ("return None", "result"),
        ("return '1.0'", "result"),
        ("return [1.0]", "result"),
        ("return 1j", "result"),
        ("return b'x' * 10**7", "result"),
        ("pass", "result"),
    ],
)
def test_what_is_no_reward_is_refused(start, body, code):
    worker = start(program(body))
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, [0.0, 0.0], None, {})
    assert (caught.value.code, caught.value.row) == (code, 0)
    assert worker.alive


def test_an_error_cannot_flood_or_control_a_terminal(start):
    worker = start(program("raise ValueError('\\x1b[2J\\u202e' + 'x' * 10**7)"))
    with pytest.raises(RewardProgramError) as caught:
        worker.batch(None, [0.0], None, {})
    assert len(caught.value.message) == 300
    assert caught.value.message.isprintable()
    assert worker.alive
