"""The levels as texts in NetHack's level language.

Source: the language is described in lev_comp's manual page and the NetHack wiki ("des-file
format"). The tasks are MiniHack's (Samvelyan et al., 2021); the texts are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

RIVER_HEIGHT, BANK, BEYOND = 7, 18, 4
"""Of the river's level: rows, columns before the river, columns beyond it."""


def _box(width: int, height: int) -> str:
    """Return the map of a walled room with an inside of so many cells."""
    edge = "-" * (width + 2)
    return "\n".join([edge, *(["|" + "." * width + "|"] * height), edge])


def _mapped(rows: str, *rest: str, name: str = "level") -> str:
    """Return a level with one map in the middle of the screen."""
    head = [f"MAZE:\"{name}\",' '", "FLAGS:hardfloor", "GEOMETRY:center,center", "MAP", rows]
    return "\n".join([*head, "ENDMAP", *rest, ""])


def _light(lit: bool) -> str:
    return "lit" if lit else "unlit"


def room(size: int, *, random: bool, lit: bool, monsters: int, traps: int) -> str:
    """Return a square room; the hero starts in one corner and the stairs are in the other one.

    Args:
        size: Cells along each side of its inside.
        random: Put hero and stairs anywhere instead.
        lit: Let there be light.
        monsters: Number of random monsters.
        traps: Number of random traps.
    """
    start, floor = f"(1,1,{size},{size})", f"fillrect(1,1,{size},{size})"
    return _mapped(
        _box(size, size),
        f'REGION:(0,0,{size + 1},{size + 1}),{_light(lit)},"ordinary"',
        f"STAIR:rndcoord({floor}),down" if random else f"STAIR:({size},{size}),down",
        f"TELEPORT_REGION:{start if random else '(1,1,1,1)'},(0,0,0,0),down",
        *[f"MONSTER:random,rndcoord({floor})"] * monsters,
        *[f"TRAP:random,rndcoord({floor})"] * traps,
    )


def key_room(size: int, closet: int, *, lit: bool) -> str:
    """Return a room with a key, and a closet inside it, locked, with the stairs.

    Args:
        size: Cells along each side of the room's inside.
        closet: The same of the closet, whose place and door are random.
        lit: Let there be light.
    """
    light = _light(lit)
    return f"""LEVEL:"level"
FLAGS:hardfloor
ROOM:"ordinary",{light},(3,3),(center,center),({size},{size}) {{
  SUBROOM:"ordinary",{light},random,({closet},{closet}) {{
    STAIR:random,down
    ROOMDOOR:false,locked,random,random
  }}
  OBJECT:('(',"skeleton key"),random,uncursed,0
}}
"""


def fixed_key_room() -> str:
    """Return the key room of five by five cells in which nothing is random.

    The hero starts in a corner, the key lies in another one; the closet's door looks down.
    """
    rows = "\n".join(["-------", "|..|..|", "|..|..|", "|-+-..|", "|.....|", "|.....|", "-------"])
    return _mapped(
        rows,
        "WALLIFY",
        'REGION:(0,0,6,6),lit,"ordinary"',
        "DOOR:locked,(2,3)",
        "STAIR:(1,1),down",
        "OBJECT:('(',\"skeleton key\"),(5,1),uncursed,0",
        "TELEPORT_REGION:(5,5,5,5),(0,0,0,0),down",
    )


def corridor(rooms: int) -> str:
    """Return so many random rooms, joined by corridors; the stairs are in one of them."""
    plain = 'ROOM:"ordinary",lit,random,random,random {'
    lines = ['LEVEL:"level"', "FLAGS:hardfloor", plain + " STAIR:random,down }"]
    return "\n".join([*lines, *[plain + " }"] * (rooms - 1), "RANDOM_CORRIDORS", ""])


def river(width: int, *, boulders: int, monsters: int, lava: bool) -> str:
    """Return a river between the hero with some boulders and the stairs.

    Args:
        width: Columns of the river.
        boulders: Boulders on the hero's side, never at the edge, from which they cannot be pushed.
        monsters: Number of random monsters.
        lava: Let five of its seven rows be lava.
    """
    wet = ["}" if not lava or row in (2, 4) else "L" for row in range(RIVER_HEIGHT)]
    rows = "\n".join("." * BANK + kind * width + "." * BEYOND for kind in wet)
    last, right = RIVER_HEIGHT - 1, BANK + width + BEYOND - 1
    bank = f"fillrect(1,1,{BANK - 1},{last - 1})"
    return _mapped(
        rows,
        f'REGION:(0,0,{right},{last}),lit,"ordinary"',
        f"LOOP [{boulders}] {{",
        f"  OBJECT:('`',\"boulder\"),rndcoord({bank})",
        "}",
        f"STAIR:({right},{last // 2}),down",
        f"TELEPORT_REGION:(0,0,{BANK - 1},{last}),(0,0,0,0),down",
        *["MONSTER:random,random"] * monsters,
    )


Room = tuple[int, int, int, int]
"""First column, first row, last column, last row of a room's inside."""


def rooms(
    layouts: Sequence[tuple[str, Sequence[Room], Sequence[tuple[int, int]]]],
    *,
    door: str,
    monsters: int,
) -> str:
    """Return one level per layout.

    Args:
        layouts: Map, rooms in the order in which they hang together, (column, row) of the doors.
        door: State of the doors: ``"closed"``, ``"locked"`` or ``"open"``.
        monsters: Number of random monsters.
    """
    levels = []
    for number, (rows, chain, doors) in enumerate(layouts):
        box = rows.split("\n")
        level = _mapped(
            rows,
            "WALLIFY",
            f'REGION:(0,0,{len(box[0]) - 1},{len(box) - 1}),lit,"ordinary"',
            *(f"DOOR:{door},({column},{row})" for column, row in doors),
            f"STAIR:rndcoord(fillrect({_corners(chain[-1])})),down",
            f"TELEPORT_REGION:({_corners(chain[0])}),(0,0,0,0),down",
            *["MONSTER:random,random"] * monsters,
            name=f"layout{number}",
        )
        levels.append(level)
    return "".join(levels)


def _corners(place: Room) -> str:
    return ",".join(str(number) for number in place)
