"""The registered gridworlds: one row per id. Strings only; importing this loads no engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operant.registry import EnvRow

_WORLDS = "operant.envs.gridworld.worlds"


def _rows(
    module: str, summary: str, ids: Mapping[str, Mapping[str, Any]], tags: tuple[str, ...]
) -> list[EnvRow]:
    """Return the rows of one family: id -> options."""
    return [
        EnvRow(
            id=name,
            entry_point=f"{_WORLDS}.{module}:make",
            vector_entry_point=f"{_WORLDS}.{module}:make_vector",
            kwargs=options,
            summary=summary,
            tags=("gridworld", *tags),
            tier=0,
            checks_itself=True,
        )
        for name, options in ids.items()
    ]


def _twins(
    module: str, summary: str, ids: Mapping[str, Mapping[str, Any]], tags: tuple[str, ...] = ()
) -> list[EnvRow]:
    """Return the rows of a family whose ids, with ``MiniGrid-`` before them, are MiniGrid's."""
    return _rows(module, summary, ids, ("sparse", "minigrid", *tags))


def _sides(pattern: str, *sides: int, **options: Any) -> dict[str, dict[str, Any]]:
    """Return ids of square levels; ``{0}`` in the pattern is the side."""
    return {pattern.format(side): {"size": side, **options} for side in sides}


ROWS = [
    *_rows(
        "door_key",
        "key, locked door, goal; pays 1 at the goal and nothing before",
        {"SparseKey-v0": {"size": 8}, **_sides("SparseKey-{0}x{0}-v0", 5, 6, 8, 16)},
        ("sparse",),
    ),
    *_twins(
        "door_key",
        "key, locked door, goal",
        _sides("DoorKey-{0}x{0}-v0", 5, 6, 8, 16),
    ),
    *_twins(
        "empty",
        "an empty room with a goal in the corner",
        _sides("Empty-{0}x{0}-v0", 5, 6, 8, 16),
        ("deterministic",),
    ),
    *_twins(
        "empty",
        "an empty room with a goal in the corner; the start varies",
        _sides("Empty-Random-{0}x{0}-v0", 5, 6, random_start=True),
    ),
    *_twins("four_rooms", "four rooms joined by gaps; goal anywhere", {"FourRooms-v0": {}}),
    *_twins("lava_gap", "one gap in a column of lava", _sides("LavaGapS{0}-v0", 5, 6, 7)),
    *_twins(
        "crossing",
        "rivers of lava with one safe path",
        {f"LavaCrossingS9N{n}-v0": {"size": 9, "crossings": n} for n in (1, 2, 3)}
        | {"LavaCrossingS11N5-v0": {"size": 11, "crossings": 5}},
    ),
    *_twins(
        "crossing",
        "walls with one opening each",
        {f"SimpleCrossingS9N{n}-v0": {"size": 9, "crossings": n, "lava": False} for n in (1, 2, 3)}
        | {"SimpleCrossingS11N5-v0": {"size": 11, "crossings": 5, "lava": False}},
    ),
    *_twins(
        "dist_shift",
        "lava strips between start and goal; a second layout shifts one",
        {"DistShift1-v0": {"strip_row": 2}, "DistShift2-v0": {"strip_row": 5}},
        ("deterministic",),
    ),
    *_twins(
        "dynamic_obstacles",
        "balls wander; bumping into anything costs 1 and ends the episode",
        {
            "Dynamic-Obstacles-5x5-v0": {"size": 5, "obstacles": 2},
            "Dynamic-Obstacles-Random-5x5-v0": {"size": 5, "obstacles": 2, "random_start": True},
            "Dynamic-Obstacles-6x6-v0": {"size": 6, "obstacles": 3},
            "Dynamic-Obstacles-Random-6x6-v0": {"size": 6, "obstacles": 3, "random_start": True},
            "Dynamic-Obstacles-8x8-v0": {"size": 8, "obstacles": 4},
            "Dynamic-Obstacles-16x16-v0": {"size": 16, "obstacles": 8},
        },
    ),
    *_twins(
        "fetch",
        "pick up the object that the mission names, and no other",
        {
            "Fetch-5x5-N2-v0": {"size": 5, "objects": 2},
            "Fetch-6x6-N2-v0": {"size": 6, "objects": 2},
            "Fetch-8x8-N3-v0": {"size": 8, "objects": 3},
        },
    ),
    *_twins(
        "go_to_door",
        "say done beside the door of the mission's colour",
        _sides("GoToDoor-{0}x{0}-v0", 5, 6, 8),
    ),
    *_twins(
        "go_to_object",
        "say done beside the object that the mission names",
        _sides("GoToObject-{0}x{0}-N2-v0", 6, 8, objects=2),
    ),
    *_twins(
        "put_near",
        "carry one named object next to another",
        {
            "PutNear-6x6-N2-v0": {"size": 6, "objects": 2},
            "PutNear-8x8-N3-v0": {"size": 8, "objects": 3},
        },
    ),
    *_twins(
        "red_blue_doors",
        "open the red door, then the blue one",
        _sides("RedBlueDoors-{0}x{0}-v0", 6, 8),
    ),
    *_twins("unlock", "find the key, open the door", {"Unlock-v0": {}}),
    *_twins("unlock_pickup", "unlock the door, pick up the box", {"UnlockPickup-v0": {}}),
    *_twins(
        "blocked_unlock_pickup",
        "move the ball from the door, unlock it, pick up the box",
        {"BlockedUnlockPickup-v0": {}},
    ),
    *_twins(
        "key_corridor",
        "find the key in a side room, unlock the room with the ball, take the ball",
        {
            f"KeyCorridorS{size}R{rows}-v0": {"room_size": size, "rows": rows}
            for size, rows in ((3, 1), (3, 2), (3, 3), (4, 3), (5, 3), (6, 3))
        },
    ),
    *_twins(
        "locked_room",
        "six rooms, one locked, its key in a room that the mission names",
        {"LockedRoom-v0": {}},
    ),
    *_twins(
        "memory",
        "remember the object in the first room, choose it at the end of the hall",
        {f"MemoryS{size}-v0": {"size": size} for size in (7, 9, 11, 13)}
        | {f"MemoryS{size}Random-v0": {"size": size, "random_length": True} for size in (13, 17)},
    ),
    *_twins(
        "multi_room",
        "a chain of rooms with closed doors; the goal is in the last",
        {
            "MultiRoom-N2-S4-v0": {"min_rooms": 2, "max_rooms": 2, "room_size": 4},
            "MultiRoom-N4-S5-v0": {"min_rooms": 6, "max_rooms": 6, "room_size": 5},
            "MultiRoom-N4-S5-v1": {"min_rooms": 4, "max_rooms": 4, "room_size": 5},
            "MultiRoom-N6-v0": {"min_rooms": 6, "max_rooms": 6, "room_size": 10},
        },
    ),
    *_twins(
        "obstructed_maze",
        "locked doors, keys hidden in boxes, balls in the way; take the blue ball",
        {
            "ObstructedMaze-1Dl-v0": {"quarters": 0, "key_in_box": False, "blocked": False},
            "ObstructedMaze-1Dlh-v0": {"quarters": 0, "blocked": False},
            "ObstructedMaze-1Dlhb-v0": {"quarters": 0},
            "ObstructedMaze-2Dl-v0": {
                "quarters": 1,
                "side_start": True,
                "key_in_box": False,
                "blocked": False,
            },
            "ObstructedMaze-2Dlh-v0": {"quarters": 1, "side_start": True, "blocked": False},
            "ObstructedMaze-2Dlhb-v0": {"quarters": 1, "side_start": True},
            "ObstructedMaze-1Q-v0": {"quarters": 1},
            "ObstructedMaze-2Q-v0": {"quarters": 2, "side_start": True},
            "ObstructedMaze-Full-v0": {"quarters": 4},
            "ObstructedMaze-2Dlhb-v1": {"quarters": 1, "side_start": True, "keys_last": True},
            "ObstructedMaze-1Q-v1": {"quarters": 1, "keys_last": True},
            "ObstructedMaze-2Q-v1": {"quarters": 2, "side_start": True, "keys_last": True},
            "ObstructedMaze-Full-v1": {"quarters": 4, "keys_last": True},
        },
    ),
    *_twins(
        "playground", "nine rooms full of things and no task", {"Playground-v0": {}}, ("no-task",)
    ),
    *_rows(
        "sparse_key_box",
        "SparseKey with the key hidden in a box",
        {"SparseKeyBox-v0": {"size": 8}},
        ("sparse",),
    ),
    *_rows(
        "key_loop",
        "SparseKey whose proxy reward pays for every pickup: dropping the key again is a hack",
        {"KeyLoop-v0": {"size": 8}},
        ("sparse", "proxy"),
    ),
]
