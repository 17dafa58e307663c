"""How far a worker can be locked."""

from __future__ import annotations

from typing import Literal, TypeAlias

Level: TypeAlias = Literal["none", "rlimits", "landlock", "landlock+seccomp"]
LEVELS: tuple[Level, ...] = ("none", "rlimits", "landlock", "landlock+seccomp")
"""Weakest first; each one includes those before it.

* ``rlimits``: memory, CPU time, file size and processes are limited. Stops accidents, nothing else.
* ``landlock``: no file can be opened, no TCP port used, no process outside signalled.
* ``landlock+seccomp``: the kernel answers to fifteen calls and refuses all others.
"""
