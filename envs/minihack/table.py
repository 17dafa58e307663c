"""The registered MiniHack-style worlds: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.registry import EnvRow


def _row(
    env_id: str, module: str, summary: str, tags: tuple[str, ...] = (), **options: Any
) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point=f"operant.envs.minihack.{module}:make",
        vector_entry_point=f"operant.envs.minihack.{module}:make_vector",
        kwargs=options,
        summary=summary,
        tags=("nethack", "minihack", "sparse", *tags),
        extra="nethack",
        tier=1,
        checks_itself=True,
    )


_KEY = "take the key, unlock the closet, step onto the stairs in it"
_ROOM = "reach the stairs of a room"
_RIVER = "push boulders into a river and cross it"
_CHAIN = "a chain of rooms with doors between; the stairs are in the last"


def _rooms(size: int, monsters: int, traps: int) -> list[EnvRow]:
    """Return the rows of HackRoom in one size."""
    name = f"{size}x{size}-v0"
    return [
        _row(f"HackRoom-{name}", "room", f"{_ROOM}, from corner to corner", size=size),
        _row(f"HackRoom-Random-{name}", "room", f"{_ROOM}, anywhere", size=size, random=True),
        _row(
            f"HackRoom-Dark-{name}",
            "room",
            f"{_ROOM}, in the dark",
            size=size,
            random=True,
            lit=False,
        ),
        _row(
            f"HackRoom-Monster-{name}",
            "room",
            f"{_ROOM}, with monsters",
            size=size,
            random=True,
            monsters=monsters,
        ),
        _row(
            f"HackRoom-Trap-{name}",
            "room",
            f"{_ROOM}, with traps",
            size=size,
            random=True,
            traps=traps,
        ),
        _row(
            f"HackRoom-Ultimate-{name}",
            "room",
            f"{_ROOM}, in the dark, with monsters and traps",
            size=size,
            random=True,
            lit=False,
            monsters=monsters,
            traps=traps,
        ),
    ]


ROWS = [
    _row("KeyRoom-S5-v0", "key_room", _KEY),
    _row("KeyRoom-S15-v0", "key_room", _KEY, size=15),
    _row("KeyRoom-Fixed-S5-v0", "key_room", f"{_KEY}; always the same level", fixed=True),
    _row("KeyRoom-Dark-S5-v0", "key_room", f"{_KEY}, in the dark", lit=False),
    _row("KeyRoom-Dark-S15-v0", "key_room", f"{_KEY}, in the dark", size=15, lit=False),
    *_rooms(5, monsters=1, traps=1),
    *_rooms(15, monsters=3, traps=15),
    *(
        _row(
            f"HackCorridor-R{rooms}-v0",
            "corridor",
            f"{rooms} rooms joined by corridors: find the stairs",
            rooms=rooms,
        )
        for rooms in (2, 3, 5)
    ),
    _row("HackRiver-v0", "river", _RIVER),
    _row("HackRiver-Narrow-v0", "river", f"{_RIVER}, a narrower one", width=2),
    _row("HackRiver-Monster-v0", "river", f"{_RIVER}, among monsters", monsters=5),
    _row("HackRiver-Lava-v0", "river", f"{_RIVER}, most of which is lava", lava=True),
    *(_row(f"HackMultiRoom-N{rooms}-v0", "multi_room", _CHAIN, rooms=rooms) for rooms in (2, 4, 6)),
    *(
        _row(
            f"HackMultiRoom-N{rooms}-Locked-v0",
            "multi_room",
            f"{_CHAIN}; the doors are locked",
            rooms=rooms,
            doors="locked",
        )
        for rooms in (2, 4)
    ),
    _row(
        "HackMultiRoom-N4-Monster-v0",
        "multi_room",
        f"{_CHAIN}; monsters are about",
        rooms=4,
        monsters=3,
    ),
    _row("HackLevel-v0", "custom", "any level that you wrote: the stairs down are the goal"),
]
