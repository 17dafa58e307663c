"""HackCorridor: rooms that corridors join; the stairs are in another room than the hero."""

from __future__ import annotations

from typing import Any

from operant.envs.minihack import texts
from operant.envs.minihack.ground import Ground
from operant.envs.minihack.lock import COMPASS
from operant.envs.minihack.ways import FAR, Ways
from operant.envs.minihack.world import KICK, OPEN, SEARCH, HackWorld
from operant.envs.nethack.batch import nethack_makers


class HackCorridor(HackWorld):
    """N levels of random rooms and corridors, some with locked or hidden doors."""

    OWN = HackWorld.OWN | {"rooms"}
    ACTIONS = (*COMPASS, OPEN, KICK, SEARCH)

    def __init__(self, *, rooms: int = 2, max_steps: int = 1000, **options: Any) -> None:
        """Build the level.

        Args:
            rooms: Number of rooms, 2 to 10; now and then one finds no place.
            max_steps: Time limit in env steps.
            **options: See :class:`HackWorld`.

        Raises:
            ValueError: If a number is outside its range.
        """
        if not 2 <= rooms <= 10:
            raise ValueError(f"rooms must lie in [2, 10], got {rooms!r}")
        self._rooms = rooms
        super().__init__(
            des=texts.corridor(rooms), max_steps=max_steps, own={"rooms": rooms}, **options
        )

    def _story(self) -> str:
        return (
            f"{self._rooms} lit rooms of random size at random places, joined by dark corridors; "
            "the stairs are not in the room where the hero starts. Doors open when one walks into "
            "them, but some stick, are locked (kick) or hidden (search). open and kick ask for a "
            "direction, which the next action gives."
        )

    def _fair(self, ground: Ground, ways: Ways) -> bool:
        """Ask for a start in another room than the stairs'."""
        if ground.stairs is None:
            return False
        rooms = ground.rooms
        return bool(
            ways.steps(ground.stairs, ground.hero) < FAR
            and rooms[ground.hero] != rooms[ground.stairs]
        )


make, make_vector = nethack_makers(HackCorridor)
