"""Seccomp: the kernel answers to a short list of calls of this process, and refuses all others.

Only the standard library: the worker imports this file, without the rest of the package.
Source: Seccomp BPF (Linux kernel documentation, userspace API).
"""

from __future__ import annotations

import ctypes
import errno
import os

from operant.reward_design.llm.worker.landlock import Missing, system_call

# What an interpreter needs that computes: its two pipes, memory, its lock, clocks, an end.
_ALLOWED = {  # name -> number on x86-64, on 64-bit ARM
    "read": (0, 63),
    "write": (1, 64),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigreturn": (15, 139),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "exit": (60, 93),
    "futex": (202, 98),
    "clock_gettime": (228, 113),
    "exit_group": (231, 94),
    "getrandom": (318, 278),
}
_MAPPING = {"mmap": (9, 222), "mprotect": (10, 226)}  # allowed without PROT_EXEC
_OWN_LIMIT = {"prlimit64": (302, 261)}  # allowed for the CPU time of this process
_SECCOMP = (317, 277)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, audit number

_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_PROT_EXEC, _RLIMIT_CPU = 4, 0
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | errno.EPERM
_LOAD, _IF_EQUAL, _IF_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: ld abs, jeq, jset, ret
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true, to skip if false, operand."""


def filter_of(machine: str) -> list[Instruction]:
    """Return the filter as instructions of classic BPF.

    Calls of another architecture end the process: their numbers mean other things. Calls of the
    x32 ABI have numbers of their own, so they are refused like everything that is not listed.

    Raises:
        Missing: If the numbers of its calls are not known.
    """
    if machine not in _MACHINES:
        raise Missing(f"the call numbers of {machine} are not known to this version")
    column, audit = _MACHINES[machine]
    rules = [
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for numbers in _ALLOWED.values():
        rules += [(_IF_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ALLOW)]
    for numbers in _MAPPING.values():
        rules += [
            (_IF_EQUAL, 0, 4, numbers[column]),
            (_LOAD, 0, 0, _argument(2)),
            (_IF_BITS, 0, 1, _PROT_EXEC),
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        ]
    for numbers in _OWN_LIMIT.values():
        rules += [
            (_IF_EQUAL, 0, 5, numbers[column]),
            (_LOAD, 0, 0, _argument(0)),
            (_IF_EQUAL, 0, 3, 0),
            (_LOAD, 0, 0, _argument(1)),
            (_IF_EQUAL, 0, 1, _RLIMIT_CPU),
            (_RETURN, 0, 0, _ALLOW),
        ]
    return [*rules, (_RETURN, 0, 0, _REFUSE)]


def _argument(index: int) -> int:
    """Return the offset of the lower half of an argument (both machines are little-endian)."""
    return _ARGUMENTS + 8 * index


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("true", ctypes.c_uint8),
        ("false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def give_up_calls(libc: ctypes.CDLL) -> None:
    """Set the filter, for all threads and for good. Needs ``no_new_privs``.

    Raises:
        Missing: If the kernel refuses it, or the machine is not known.
    """
    machine = os.uname().machine
    rules = filter_of(machine)
    program = _Program(
        len(rules), (_Instruction * len(rules))(*(_Instruction(*rule) for rule in rules))
    )
    number = _SECCOMP[_MACHINES[machine][0]]
    flags = ctypes.c_long(_SET_MODE_FILTER), ctypes.c_long(_ALL_THREADS)
    if system_call(libc, number, *flags, ctypes.byref(program)):
        raise Missing("a thread could not be included")
