"""Key presses, compiled: what one action of a player comes down to, without Python in between.

The engine of NLE is a C library. Its function ``nle_step`` takes the running game and a structure
that begins with two ints: the key to press, and whether the game is over.

Source: ``nle.h`` and ``nleobs.h`` of The NetHack Learning Environment (Kuettler et al., 2020).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.envs.nethack.jit import call, compiled
from operant.types import Int

KEY, DONE = 0, 1
"""Places in the structure's first two ints."""
STEP, GAME, OBSERVATION = 0, 1, 2
"""Places in the addresses of an engine: its function, the game, the structure; all are 0 while no
game can be played."""
ASKS, WANTS_LINE, WAITS = 1, 2, 3
"""Places in the buffer ``internal``."""
OVER, IN_MOVELOOP = 0, 3
"""Places in the buffer ``program_state``."""
SPACE, ESCAPE = ord(" "), 27


def words(*texts: bytes) -> npt.NDArray[np.uint8]:
    """Return texts for :func:`shows`: each is followed by a zero."""
    return np.frombuffer(b"".join(text + b"\0" for text in texts), np.uint8)


@compiled
def shows(message: npt.NDArray[np.uint8], texts: npt.NDArray[np.uint8]) -> bool:
    """Tell whether a message has one of some texts in it; see :func:`words`."""
    begin = 0
    for end in range(len(texts)):
        if texts[end] != 0:
            continue
        size = end - begin
        for at in range(len(message) - size + 1):
            same = 0
            while same < size and message[at + same] == texts[begin + same]:
                same += 1
            if same == size:
                return True
        begin = end + 1
    return False


@compiled
def act(
    key: int,
    engine: Int,
    order: npt.NDArray[np.int32],
    program: npt.NDArray[np.int32],
    internal: npt.NDArray[np.int32],
    message: npt.NDArray[np.uint8],
    answerable: npt.NDArray[np.uint8],
    stairs: npt.NDArray[np.uint8],
) -> tuple[bool, bool]:
    """Do what :meth:`NetHackGame.act` does.

    Args:
        key: The key's code.
        engine: (3,) addresses.
        order: (2,) the structure's first two ints.
        program: (6,) NLE's buffer ``program_state``.
        internal: (9,) NLE's buffer.
        message: (256,) NLE's buffer.
        answerable: Questions with one of these words stay open.
        stairs: Pages with one of these words tell of stairs.

    Returns:
        Whether the game is over, and whether a page told of stairs.
    """
    went_down = False
    _press(key, engine, order)
    while program[OVER] == 0 and order[DONE] == 0:
        if internal[WAITS] != 0:
            went_down |= shows(message, stairs)
            _press(SPACE, engine, order)
        elif internal[WANTS_LINE] != 0:
            _press(ESCAPE, engine, order)
        else:
            if internal[ASKS] != 0 and not shows(message, answerable):
                _press(ESCAPE, engine, order)
            break
    return program[OVER] == 1 or order[DONE] != 0, went_down


@compiled
def _press(key: int, engine: Int, order: npt.NDArray[np.int32]) -> None:
    if order[DONE] == 0:  # a finished game cannot be played on
        order[KEY] = key
        call(engine[STEP], engine[GAME], engine[OBSERVATION])
