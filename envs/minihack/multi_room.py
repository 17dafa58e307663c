"""HackMultiRoom: a chain of rooms with doors between; the stairs are in the last one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from operant.envs.minihack import texts
from operant.envs.minihack.chains import chains
from operant.envs.minihack.ground import CLOSED, DOOR, Ground
from operant.envs.minihack.lock import COMPASS
from operant.envs.minihack.ways import Ways
from operant.envs.minihack.world import KICK, TO_STAIRS, HackWorld, moves_to, number
from operant.envs.nethack.batch import nethack_makers

MOST_ROOMS = 10
LAYOUTS = 100
STATES = ("closed", "locked", "open")
STEPS = {2: 40, 4: 120, 6: 240}
"""Rooms -> time limit, as in MiniHack; 60 per room less one for others."""


class HackMultiRoom(HackWorld):
    """N chains of rooms."""

    OWN = HackWorld.OWN | {"rooms", "size", "doors", "monsters"}
    FEATURES = (
        TO_STAIRS,
        number("closed_doors_left", "closed doors on the shortest way to the stairs", MOST_ROOMS),
        number("doors_open", "doors that are no longer closed", MOST_ROOMS),
        number("subgoal", "doors on the way that need no opening any more", MOST_ROOMS - 1),
        moves_to(
            "steps_to_subgoal", "the place from which the next closed door opens, or the stairs"
        ),
    )
    EXTRAS: ClassVar[Mapping[str, type[np.generic]]] = {
        **HackWorld.EXTRAS,
        "door_opened": np.int64,
    }

    def __init__(
        self,
        *,
        rooms: int = 2,
        size: int = 4,
        doors: str = "closed",
        monsters: int = 0,
        max_steps: int | None = None,
        actions: Any = None,
        **options: Any,
    ) -> None:
        """Build the levels: up to 100 layouts, of which an episode plays one.

        Args:
            rooms: Rooms of a chain, 2 to 10.
            size: Longest side of a room, 2 to 8 cells; the shortest is 2.
            doors: ``"closed"``, ``"locked"`` (then one can kick) or ``"open"``.
            monsters: Random monsters, 0 to 50.
            max_steps: Time limit in env steps; None for 40, 120 and 240 with 2, 4 and 6 rooms.
            actions: As in :class:`HackWorld`.
            **options: See :class:`HackWorld`.

        Raises:
            ValueError: If an argument is outside its range.
        """
        for name, value, least, most in (
            ("rooms", rooms, 2, MOST_ROOMS),
            ("size", size, 2, 8),
            ("monsters", monsters, 0, 50),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} must lie in [{least}, {most}], got {value!r}")
        if doors not in STATES:
            raise ValueError(f"doors must be one of {STATES}, got {doors!r}")
        if actions is None and doors == "locked":
            actions = (*COMPASS, KICK)
        self._rooms, self._state, self._monsters = rooms, doors, monsters
        limit = STEPS.get(rooms, 60 * (rooms - 1)) if max_steps is None else max_steps
        super().__init__(
            des=texts.rooms(chains(rooms, size, LAYOUTS), door=doors, monsters=monsters),
            max_steps=limit,
            actions=actions,
            own={"rooms": rooms, "size": size, "doors": doors, "monsters": monsters},
            **options,
        )
        self._shut: dict[int, int] = {}

    def _story(self) -> str:
        others = f" {self._monsters} random monsters are about." if self._monsters else ""
        how = {
            "closed": "A closed door opens when one walks into it, unless it sticks.",
            "locked": "The doors are locked; kick, then a direction, breaks them with some luck.",
            "open": "The doors stand open.",
        }[self._state]
        return (
            f"{self._rooms} rooms in a chain, each sharing a wall with the next, in which there "
            f"is a door. The hero starts in the first, the stairs are in the last. {how}{others}"
        )

    def _survey(self, row: int, ground: Ground, ways: Ways) -> dict[str, int]:
        del row
        here, stairs = ground.hero, ground.stairs
        steps = ways.steps(stairs, here)
        closed = ways.closed_doors(stairs, here) if stairs is not None else []
        ahead = max(ways.steps(closed[0], here) - 1, 0) if closed else steps
        shut = int(((ground.terrain == DOOR) & (ground.doors >= CLOSED)).sum())
        return {
            "steps_to_stairs": steps,
            "closed_doors_left": len(closed),
            "doors_open": self._rooms - 1 - shut,
            "subgoal": self._rooms - 1 - len(closed),
            "steps_to_subgoal": ahead,
        }

    def _events(self, row: int, before: dict[str, int], after: dict[str, int]) -> None:
        self.out.extras["door_opened"][row] = max(after["doors_open"] - before["doors_open"], 0)


make, make_vector = nethack_makers(HackMultiRoom)
