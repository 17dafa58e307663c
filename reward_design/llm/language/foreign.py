"""Foreign text meets Python's parser first in a process of its own.

The limits of the language keep its own code small and shallow, but the parser stands before them:
it has to read the text before anybody can count what is in it. No text within the limits of size
and characters that we know of stalls it, and on a stack of 8 MiB none crashes it; on a small stack,
as threads have on some systems, a few thousand signs in a row do, and the whole process dies of
it. So text from strangers is parsed by a child first, on a stack of 512 KiB: what survives there
survives on any larger one.
"""

from __future__ import annotations

import math
import signal
import subprocess
import sys

from operant.reward_design.llm.language.errors import MAX_CHARACTERS, Source

_STACK = 512 * 2**10  # bytes; the deepest programs of the language do with a quarter of it
_MEMORY = 512 * 2**20
_PATIENCE = 10  # wall-clock seconds per second of processor time: the host may be busy
_CHILD = """
import resource, signal, sys
if hasattr(signal, "SIGXCPU"):
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # who started us may have ignored it
most = dict(zip(("STACK", "AS", "CPU", "FSIZE", "CORE"), map(int, sys.argv[1:])))
for name, value in most.items():
    kind = getattr(resource, "RLIMIT_" + name)
    try:
        resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))
    except (ValueError, OSError):
        pass  # what is there is stricter, or this system has no such limit
text = sys.stdin.buffer.read().decode("ascii")
try:
    compile(text, "<foreign>", "exec", 0x400, True)  # a tree only, as ast.parse makes
except (SyntaxError, ValueError):
    pass  # the host will say where
"""


def require_parsable(source: str, *, seconds: float = 2.0) -> None:
    """Refuse a text on which Python's parser crashes or stalls.

    A text that is not Python passes: ``compile_reward`` says what is wrong with it. So does one
    that ``compile_reward`` refuses before it parses, and no child is started for it.

    Args:
        source: The text.
        seconds: Processor time that the child may take, > 0, but for a part of a second; ten times
            as much by the clock.

    Raises:
        UnsafeRewardCodeError: If the child died or took too long.
        OSError: If there is no interpreter to start.
        ValueError: If ``seconds`` is not positive.
    """
    if not seconds > 0.0:
        raise ValueError(f"seconds must be > 0, got {seconds}")
    if len(source) > MAX_CHARACTERS or not source.isascii():
        return
    limits = (_STACK, _MEMORY, math.ceil(seconds), 0, 0)
    message = "this nests too deep, or is too large, for Python's parser"
    try:
        child = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHILD, *map(str, limits)],
            input=source.encode("ascii"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=_PATIENCE * seconds,
            check=False,
        )
        if child.returncode == 0:
            return
        stalled = child.returncode == -getattr(signal, "SIGXCPU", 0)
    except subprocess.TimeoutExpired:
        stalled = True
    if stalled:
        message = f"Python's parser takes longer than {seconds:g} s for this text"
    raise Source(source).refusal("depth", message, "give parts a name", (1, 1))
