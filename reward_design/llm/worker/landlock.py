"""Landlock: this process gives up files, TCP ports, and signals to others, for good.

Only the standard library: the worker imports this file, without the rest of the package.
Source: Landlock: unprivileged access control (Linux kernel documentation, userspace API).
"""

from __future__ import annotations

import ctypes
import os

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same numbers on every architecture
_VERSION = 1  # flag of the first: return the ABI
_FILES = ((1, 0x1FFF), (2, 0x3FFF), (3, 0x7FFF), (5, 0xFFFF))  # since this ABI, these rights
_NETWORK = ((4, 0b11),)  # bind and connect TCP
_SCOPES = ((6, 0b11),)  # abstract unix sockets, signals


class Missing(Exception):
    """The host does not offer this part of the lock; the text says why."""


class _Handled(ctypes.Structure):
    """What the rules handle; what is handled and not allowed by a rule is refused."""

    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


def system_call(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    """Make a system call and return its result.

    Raises:
        Missing: If the kernel refuses it.
    """
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise Missing(os.strerror(ctypes.get_errno()).lower())
    return result


def give_up_files(libc: ctypes.CDLL) -> int:
    """Handle all rights that the kernel knows, allow none, and return the ABI of Landlock.

    Needs ``no_new_privs``. Files that are open stay usable.

    Raises:
        Missing: If the kernel has no Landlock, or it is switched off.
    """
    version = (None, ctypes.c_size_t(0), ctypes.c_long(_VERSION))
    abi = system_call(libc, _CREATE_RULESET, *version)
    handled = _Handled(_known(_FILES, abi), _known(_NETWORK, abi), _known(_SCOPES, abi))
    size = 8 if abi < 4 else 16 if abi < 6 else 24  # older kernels know a shorter record
    rules = system_call(
        libc, _CREATE_RULESET, ctypes.byref(handled), ctypes.c_size_t(size), ctypes.c_long(0)
    )
    try:
        system_call(libc, _RESTRICT_SELF, ctypes.c_long(rules), ctypes.c_long(0))
    finally:
        os.close(rules)
    return abi


def _known(rights: tuple[tuple[int, int], ...], abi: int) -> int:
    return max((mask for since, mask in rights if since <= abi), default=0)
