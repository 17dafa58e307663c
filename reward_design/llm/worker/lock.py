"""The lock: a process gives up what it can, in order, and finds out whether that holds.

Only the standard library: the worker imports this file, without the rest of the package.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import sys
import time

from operant.reward_design.llm.worker.landlock import Missing, give_up_files
from operant.reward_design.llm.worker.levels import LEVELS, Level
from operant.reward_design.llm.worker.seccomp import give_up_calls

_NOBODY = 65534
_NO_NEW_PRIVS = 38  # option of prctl
_LIFE_S = 24 * 3600  # CPU seconds of a worker's whole life


def lock(memory: int) -> tuple[Level, int, str]:
    """Lock this process as far as the host allows.

    Args:
        memory: Address space, bytes.

    Returns:
        The level that was reached and holds, the ABI of Landlock (0 without), and what is missing
        for more, in words.
    """
    _leave_root()
    try:
        _limit(memory)
    except (OSError, ValueError) as error:  # a limit that the system does not know, or refuses
        return "none", 0, f"rlimits: {error}"
    try:
        libc = _give_up_privileges()
    except Missing as missing:
        return "rlimits", 0, f"landlock and seccomp: {missing}"
    lacking, abi = [], 0
    try:
        abi = give_up_files(libc)
        _require_refusal(errno.EACCES)
    except Missing as missing:
        lacking.append(f"landlock: {missing}")
    try:
        give_up_calls(libc)  # without Landlock too: it counts for nothing, but it is better
        _require_refusal(errno.EPERM)
    except Missing as missing:
        lacking.append(f"seccomp: {missing}")
    return _level(lacking), abi, "; ".join(lacking)


def _level(lacking: list[str]) -> Level:
    if not lacking:
        return LEVELS[-1]
    return "landlock" if lacking[0].startswith("seccomp") else "rlimits"


def allow_cpu(seconds: int) -> None:
    """Let this process compute for some seconds from now; then SIGXCPU ends it."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    limit = int(time.process_time()) + seconds + 1  # the kernel counts whole seconds
    resource.setrlimit(resource.RLIMIT_CPU, (min(limit, most), most))


def _leave_root() -> None:
    """Become nobody; stay who we are where that is not allowed."""
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        except (AttributeError, OSError):  # not known to this system, or not allowed
            return


def _limit(memory: int) -> None:
    """Set the limits that never change; those in force may be lower already."""
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # the host may ignore it, and that is inherited
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGXCPU])
    limits = {"AS": memory, "CPU": _LIFE_S, "NOFILE": 16, "FSIZE": 0, "NPROC": 0, "CORE": 0}
    for name, wanted in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        _, most = resource.getrlimit(kind)
        value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(kind, (value, value))


def _give_up_privileges() -> ctypes.CDLL:
    """Set no_new_privs, which the kernel wants first, and return the C library.

    Raises:
        Missing: If this is not Linux, or the kernel refuses.
    """
    if not sys.platform.startswith("linux"):
        raise Missing(f"{sys.platform} has neither Landlock nor seccomp")
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError as error:
        raise Missing(f"threads cannot be counted: {error}") from None
    if threads != 1:  # Landlock binds only the thread that asks for it
        raise Missing("a module that was imported has started threads")
    libc = ctypes.CDLL(None, use_errno=True)
    one, zero = ctypes.c_ulong(1), ctypes.c_ulong(0)
    if libc.prctl(_NO_NEW_PRIVS, one, zero, zero, zero):
        raise Missing(os.strerror(ctypes.get_errno()))
    return libc


def _require_refusal(error: int) -> None:
    """Try to open a folder that everybody may read.

    Raises:
        Missing: If that is possible, or refused with another error.
    """
    try:
        os.close(os.open("/", os.O_RDONLY))
    except OSError as refusal:
        if refusal.errno == error:
            return
        raise Missing(f"it is set, but a file is refused with: {refusal.strerror}") from None
    raise Missing("it is set, but files can be opened")
