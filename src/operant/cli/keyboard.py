"""Keys as they are pressed, or as a script pipes them in."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

_KEY = re.compile(r"\x1b[\[O]([A-D])|([^\x1b\x04\r\n])")
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}


def keys() -> Iterator[str]:
    """Iterate over keys from standard input: characters, and ``up``, ``down``, ``left``, ``right``.

    On a terminal a key counts when it is pressed, until Ctrl-C or Ctrl-D. Otherwise all of the
    input is read; its line breaks are no keys.
    """
    if sys.stdin.isatty():
        yield from _pressed(sys.stdin.fileno())
    else:
        yield from _parsed(sys.stdin.read())


def _pressed(terminal: int) -> Iterator[str]:
    """Iterate over keys of a terminal, which shows no key and waits for no Enter meanwhile."""
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)  # keeps what was typed ahead
        while typed := os.read(terminal, 64):
            yield from _parsed(typed.decode(errors="ignore"))
            if b"\x04" in typed:
                return
    except KeyboardInterrupt:
        return
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _parsed(text: str) -> Iterator[str]:
    for match in _KEY.finditer(text):
        yield _ARROWS[match[1]] if match[1] else match[2]
