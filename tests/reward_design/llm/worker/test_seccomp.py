"""The filter, run by an interpreter of classic BPF that was written for this test."""

from __future__ import annotations

import struct

import pytest

from operant.reward_design.llm.worker.landlock import Missing
from operant.reward_design.llm.worker.seccomp import filter_of

ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050001, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386, X32 = 0x40000003, 0x40000000
# From the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and uapi/asm-generic/unistd.h.
NUMBERS = {
    "x86_64": {
        "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "poll": 7, "lseek": 8,
        "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
        "rt_sigprocmask": 14, "rt_sigreturn": 15, "ioctl": 16, "mremap": 25, "madvise": 28,
        "dup": 32, "nanosleep": 35,
        "getpid": 39, "socket": 41, "connect": 42, "clone": 56, "fork": 57, "vfork": 58,
        "execve": 59, "exit": 60, "kill": 62, "uname": 63, "fcntl": 72, "ptrace": 101, "prctl": 157,
        "setrlimit": 160, "futex": 202, "clock_gettime": 228, "exit_group": 231, "tgkill": 234,
        "openat": 257, "newfstatat": 262, "unshare": 272, "prlimit64": 302, "process_vm_readv": 310,
        "seccomp": 317, "getrandom": 318, "memfd_create": 319, "bpf": 321, "execveat": 322,
        "userfaultfd": 323, "pkey_mprotect": 329, "pidfd_send_signal": 424, "io_uring_setup": 425,
        "clone3": 435, "openat2": 437, "landlock_restrict_self": 446,
    },
    "aarch64": {
        "read": 63, "write": 64, "openat": 56, "close": 57, "newfstatat": 79, "fstat": 80,
        "lseek": 62, "dup": 23, "fcntl": 25, "ioctl": 29, "exit": 93, "exit_group": 94,
        "unshare": 97, "futex": 98, "nanosleep": 101, "clock_gettime": 113, "ptrace": 117,
        "kill": 129, "tgkill": 131, "rt_sigaction": 134, "rt_sigprocmask": 135,
        "rt_sigreturn": 139, "uname": 160, "setrlimit": 164, "prctl": 167, "getpid": 172,
        "socket": 198, "connect": 203, "brk": 214, "munmap": 215, "mremap": 216, "clone": 220,
        "execve": 221, "mmap": 222, "mprotect": 226, "madvise": 233, "prlimit64": 261,
        "process_vm_readv": 270, "seccomp": 277, "getrandom": 278, "memfd_create": 279, "bpf": 280,
        "execveat": 281, "userfaultfd": 282, "pkey_mprotect": 288, "pidfd_send_signal": 424,
        "io_uring_setup": 425, "clone3": 435, "openat2": 437, "landlock_restrict_self": 446,
    },
}  # fmt: skip
COMPUTING = {
    "read", "write", "munmap", "brk", "rt_sigreturn", "mremap", "madvise", "exit", "futex",
    "clock_gettime", "exit_group", "getrandom",
}  # fmt: skip


def answer(machine, number, *arguments, audit=None):
    """Return what the filter says of a call."""
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, audit or AUDIT[machine], 0, *words)
    program, at, accumulator = filter_of(machine), 0, None
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
            continue
        test = accumulator == operand if code == 0x15 else accumulator & operand
        assert code in (0x15, 0x45)
        at += if_true if test else if_false


@pytest.fixture(params=sorted(AUDIT))
def machine(request):
    return request.param


def test_what_computes_is_allowed_and_nothing_else(machine):
    numbers = NUMBERS[machine]
    by_argument = {"mmap", "mprotect", "prlimit64"}
    allowed = {name for name in numbers if answer(machine, numbers[name], 1, 1) == ALLOW}
    assert allowed - by_argument == COMPUTING
    known = {numbers[name] for name in COMPUTING | by_argument}
    others = set(range(1024)) - known
    assert {answer(machine, number, 7, 7, 7) for number in others} == {REFUSE}


@pytest.mark.parametrize("call", ["mmap", "mprotect"])
def test_memory_is_never_executable(machine, call):
    number = NUMBERS[machine][call]
    verdicts = [answer(machine, number, 0, 4096, protection) for protection in range(8)]
    assert verdicts == [ALLOW] * 4 + [REFUSE] * 4
    assert answer(machine, number, 4, 4, 3) == ALLOW  # the third argument counts


def test_only_the_own_cpu_limit_can_be_moved(machine):
    number = NUMBERS[machine]["prlimit64"]
    assert answer(machine, number, 0, 0) == ALLOW
    assert answer(machine, number, 0, 9) == REFUSE  # RLIMIT_AS
    assert answer(machine, number, 1, 0) == REFUSE  # another process


def test_other_architectures_end_the_process(machine):
    foreign = [I386, *set(AUDIT.values()) - {AUDIT[machine]}]
    assert {answer(machine, 1, audit=audit) for audit in foreign} == {KILL}
    assert {answer(machine, X32 + number) for number in range(600)} == {REFUSE}


def test_an_unknown_machine_is_said():
    with pytest.raises(Missing, match="the call numbers of riscv64 are not known"):
        filter_of("riscv64")
