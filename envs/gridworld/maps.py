"""Levels as text: two characters per cell, written by the ``ansi`` mode and read for own maps.

Cells without a colour of their own::

    ##  wall     .  empty     G  goal     ~  lava     >  the agent; v < ^ are its other directions

Each of them but the wall begins with a space. In the other cells the first character is a colour,
``r g b p y e`` for red, green, blue, purple, yellow and grey, and the second is the thing::

    rk  key     r_  open door       r.  floor
    ro  ball    rD  closed door     r#  wall
    rb  box     rL  locked door     Ry  red box in which a yellow key lies

Lines below the map say what the agent carries and stands on, where that is something, and what its
task is::

    carries: yk (yellow key)
    stands on: b_ (open blue door)
    mission: use the key to open the door and then get to the goal
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    CLOSED,
    COLORS,
    EMPTY,
    GOAL,
    INSIDE,
    LAVA,
    LOCKED,
    OBJECTS,
    OPEN,
    TRIPLES,
    UNSEEN,
    WALL,
    box,
    code,
)
from operant.envs.gridworld.world import CARRY, DIRECTION, PAD, Size, World, X, Y

ARROWS = (" >", " v", " <", " ^")
"""Glyphs of the agent by direction."""
LETTERS = dict(zip(COLORS, "rgbpye", strict=True))
_KINDS = {"wall": "#", "floor": ".", "key": "k", "ball": "o", "box": "b", "goal": "G", "lava": "~"}
_DOORS = {OPEN: "_", CLOSED: "D", LOCKED: "L"}
_STATES = {OPEN: "open ", CLOSED: "closed ", LOCKED: "locked "}
_LINES = ("carries", "stands on", "mission")


def _glyphs() -> dict[int, str]:
    """Return the two characters of every cell code; no two cells share them."""
    glyphs: dict[int, str] = {}
    for color, letter in LETTERS.items():
        glyphs |= {code(kind, color): letter + sign for kind, sign in _KINDS.items()}
        glyphs |= {code("door", color, state): letter + sign for state, sign in _DOORS.items()}
        glyphs |= {box(color, key): letter.upper() + LETTERS[key] for key in COLORS}
    return glyphs | {UNSEEN: " ?", EMPTY: " .", WALL: "##", GOAL: " G", LAVA: " ~"}


GLYPHS = _glyphs()
"""Cell code -> two characters."""
_CODES = {
    glyph: cell
    for cell, glyph in GLYPHS.items()
    if OBJECTS[TRIPLES[cell, 0]] not in ("unseen", "goal", "lava") or cell in (GOAL, LAVA)
}
"""Two characters -> cell code, for the cells of maps: goals are green, and lava is red."""


class Scene(NamedTuple):
    """What one level looks like.

    Attributes:
        cells: (height, width) uint8 codes.
        x: Column of the agent.
        y: Row of the agent.
        direction: Of the agent: 0 right, 1 down, 2 left, 3 up.
        carried: Code of what it carries, ``EMPTY`` for nothing.
    """

    cells: npt.NDArray[np.uint8]
    x: int
    y: int
    direction: int
    carried: int


def scene_of(world: World, n: int, size: Size) -> Scene:
    """Return what row n looks like."""
    padded = world.grid[n, : size.stride * (size.height + 2 * PAD)].reshape(-1, size.stride)
    agent = world.agent[n].tolist()
    return Scene(
        padded[PAD : PAD + size.height, PAD : PAD + size.width].copy(),
        agent[X],
        agent[Y],
        agent[DIRECTION],
        agent[CARRY],
    )


def describe(cell: int) -> str:
    """Return a cell in words.

    >>> describe(code("door", "blue", LOCKED)), describe(box("red", "yellow"))
    ('locked blue door', 'red box with a yellow key')
    """
    kind, color, state = (int(part) for part in TRIPLES[cell])
    if OBJECTS[kind] in ("unseen", "empty"):
        return OBJECTS[kind]
    words = f"{_STATES[state] if OBJECTS[kind] == 'door' else ''}{COLORS[color]} {OBJECTS[kind]}"
    if INSIDE[cell] != EMPTY:
        words += f" with a {describe(int(INSIDE[cell]))}"
    return words


def write_map(scene: Scene) -> str:
    """Return a scene as text, without a mission."""
    rows = [[GLYPHS[cell] for cell in row] for row in scene.cells.tolist()]
    rows[scene.y][scene.x] = ARROWS[scene.direction]
    lines = ["".join(row) for row in rows]
    if scene.carried != EMPTY:
        lines.append(f"carries: {GLYPHS[scene.carried]} ({describe(scene.carried)})")
    below = int(scene.cells[scene.y, scene.x])
    if below != EMPTY:
        lines.append(f"stands on: {GLYPHS[below]} ({describe(below)})")
    return "\n".join(lines)


def read_map(text: str) -> Scene:
    """Return the scene that a text shows; the inverse of :func:`write_map`.

    Empty lines around it, its common indentation and a mission do not matter.

    Raises:
        TypeError: If it is no text.
        ValueError: If a cell is unknown, lines differ in length, or there is not one agent; says
            where, counting the map's lines and columns from 1.
    """
    rows, notes = _split(text)
    cells = np.array([_codes(row, number) for number, row in enumerate(rows, 1)], np.uint8)
    agents = [
        (x, y, ARROWS.index(glyph))
        for y, row in enumerate(rows)
        for x, glyph in enumerate(row)
        if glyph in ARROWS
    ]
    if len(agents) != 1:
        places = ", ".join(f"line {y + 1} column {2 * x + 1}" for x, y, _ in agents) or "nowhere"
        raise ValueError(f"a map needs one agent (' >', ' v', ' <' or ' ^'), found: {places}")
    x, y, direction = agents[0]
    cells[y, x] = _noted(notes, "stands on")
    return Scene(cells, x, y, direction, _noted(notes, "carries"))


def _split(text: str) -> tuple[list[list[str]], dict[str, str]]:
    """Return the glyphs of each line of the map, and the lines below it by what they tell."""
    if not isinstance(text, str):
        raise TypeError(f"a map is a text, got {type(text).__name__}")
    lines = [line.rstrip() for line in text.expandtabs().split("\n")]
    lines = [line for line in lines if line]
    if not lines:
        raise ValueError("a map needs at least one line of cells, got none")
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    if indent and (len(lines[0]) - indent) % 2:
        indent -= 1  # all cells of the first column begin with a space
    notes = {}
    while lines and lines[-1].strip().partition(": ")[0] in _LINES:
        name, _, value = lines.pop()[indent:].partition(": ")
        if name in notes:
            raise ValueError(f"the map has two lines {name!r}; one is enough")
        notes[name] = value
    rows = [line[indent:] for line in lines]
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]) or len(row) % 2:
            raise ValueError(
                f"line {number} of the map has {len(row)} characters, line 1 has {len(rows[0])}: "
                "all need the same even number, two per cell"
            )
    return [[row[i : i + 2] for i in range(0, len(row), 2)] for row in rows], notes


def _codes(row: list[str], number: int) -> list[int]:
    """Return the cells of a line; the agent's is empty for now."""
    for column, glyph in enumerate(row):
        if glyph not in _CODES and glyph not in ARROWS:
            raise ValueError(
                f"line {number} column {2 * column + 1} of the map: unknown cell {glyph!r}; "
                f"{_ALLOWED}"
            )
    return [_CODES.get(glyph, EMPTY) for glyph in row]


def _noted(notes: dict[str, str], name: str) -> int:
    """Return the cell that a line below the map names."""
    note = notes.get(name, GLYPHS[EMPTY])
    glyph = note[:2]
    if glyph not in _CODES or note[2:3] not in ("", " "):  # what follows is for people
        raise ValueError(f"the map's line {name!r}: unknown cell {note!r}; {_ALLOWED}")
    return _CODES[glyph]


_ALLOWED = (
    "cells are '##' wall, ' .' empty, ' G' goal, ' ~' lava, the agent ' >', ' v', ' <' or ' ^', or "
    f"a colour ({', '.join(f'{letter} {name}' for name, letter in LETTERS.items())}) and one of "
    "'k' key, 'o' ball, 'b' box, '_' open, 'D' closed, 'L' locked door, '.' floor, '#' wall, or a "
    "box's colour in upper case and the colour of the key in it"
)
