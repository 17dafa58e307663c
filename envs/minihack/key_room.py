"""KeyRoom: take the key, unlock the closet, step onto the stairs in it.

The three deeds are true events, read off the game itself: what CALM asks language models to judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from operant.envs.minihack import texts
from operant.envs.minihack.ground import CLOSED, DOOR, LOCKED, Ground
from operant.envs.minihack.lock import APPLY, COMPASS, KEY
from operant.envs.minihack.ways import FAR, Place, Ways
from operant.envs.minihack.world import (
    PICK_UP,
    TO_STAIRS,
    HackWorld,
    flag,
    moves_to,
    number,
)
from operant.envs.nethack.batch import nethack_makers

TAKE_KEY, OPEN_DOOR, REACH_STAIRS = range(3)
"""Stages."""
_EXPERT = """\
def reward(obs, action, next_obs, info):
    advanced = info["subgoal"] - info["prev_subgoal"]
    closer = info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]
    stage = 0.5 * advanced
    approach = 0.02 * closer if advanced == 0 else 0.0
    arrival = 1.0 if info["steps_to_stairs"] == 0 else 0.0
    hurry = -0.002
    return stage + approach + arrival + hurry
"""


class KeyRoom(HackWorld):
    """N rooms with a key, each with a locked closet in which the stairs are."""

    STORY = "A skeleton key lies in a room; a locked closet in the room holds the stairs down."
    SOURCE = (
        "MiniHack's KeyRoom (Samvelyan et al., 2021) for the task, CALM (2024) for its subgoals; "
        "the level's text, its features and its events are ours"
    )
    OWN = HackWorld.OWN | {"size", "closet", "lit", "fixed"}
    ACTIONS = (*COMPASS, PICK_UP, APPLY)
    FEATURES = (
        TO_STAIRS,
        flag("has_key", "the hero carries the key"),
        flag("door_locked", "the closet's door is locked"),
        flag("door_open", "the closet's door stands open"),
        number("subgoal", "what is needed next: 0 take the key, 1 open the door, 2 the stairs", 2),
        moves_to("steps_to_subgoal", "the place where `subgoal` is settled"),
        moves_to("steps_to_key", "the key; 0 if held"),
        moves_to("steps_to_door", "the place from which the door opens; 0 if it is open"),
    )
    EXTRAS: ClassVar[Mapping[str, type[np.generic]]] = {
        **HackWorld.EXTRAS,
        "picked_up_key": np.bool_,
        "unlocked_door": np.bool_,
        "opened_door": np.bool_,
    }
    EXPERT = _EXPERT

    def __init__(
        self,
        *,
        size: int = 5,
        closet: int | None = None,
        lit: bool = True,
        fixed: bool = False,
        max_steps: int | None = None,
        **options: Any,
    ) -> None:
        """Build the level.

        Args:
            size: Cells along each side of the room, 5 to 15.
            closet: The same of the closet, from 1 to half the size; None for a third.
            lit: False for darkness, in which one sees the neighbouring cells only.
            fixed: True for the one level of size 5 in which nothing is random.
            max_steps: Time limit in env steps; None for 200, from size 10 on 400.
            **options: See :class:`HackWorld`.

        Raises:
            ValueError: If a number is outside its range.
        """
        if not 5 <= size <= 15:
            raise ValueError(f"size must lie in [5, 15], got {size!r}")
        inner = max(2, size // 3) if closet is None else closet
        if not 1 <= inner <= size // 2:
            raise ValueError(f"closet must lie in [1, {size // 2}], got {closet!r}")
        if fixed and (size != 5 or closet not in (None, 2) or not lit):
            raise ValueError("fixed=True has size 5, closet 2 and light; leave the others out")
        self._size, self._lit, self._fixed = size, lit, fixed
        self._doors: dict[int, Place] = {}
        self._keys: dict[int, Place | None] = {}
        text = texts.fixed_key_room() if fixed else texts.key_room(size, inner, lit=lit)
        super().__init__(
            des=text,
            max_steps=(200 if size < 10 else 400) if max_steps is None else max_steps,
            own={"size": size, "closet": closet, "lit": lit, "fixed": fixed},
            **options,
        )

    def _story(self) -> str:
        places = "always at the same places" if self._fixed else "all places are random"
        light = "lit" if self._lit else "dark: one sees only the cells around"
        return (
            f"{self.STORY} The room has {self._size}x{self._size} cells and is {light}; {places}, "
            "but the hero never starts in the closet. apply_key unlocks and opens a door beside "
            "the hero, if the key is held; otherwise nothing happens."
        )

    def _fair(self, ground: Ground, ways: Ways) -> bool:
        """Ask for one way to the stairs, which leads through the locked door, and for a key."""
        doors = np.argwhere((ground.terrain == DOOR) & (ground.doors >= CLOSED)).tolist()
        stairs, keys = ground.stairs, ground.places(KEY)
        if stairs is None or len(doors) != 1 or len(keys) != 1:
            return False
        door: Place = (doors[0][0], doors[0][1])
        return (
            ways.closed_doors(stairs, ground.hero) == [door]
            and not ways.closed_doors(keys[0], ground.hero)
            and ways.steps(keys[0], ground.hero) < FAR
        )

    def _begin(self, row: int, start: Sequence[int]) -> None:
        ground = self._grounds[row]
        assert ground is not None
        rows, columns = np.nonzero((ground.terrain == DOOR) & (ground.doors >= CLOSED))
        self._doors[row] = int(rows[0]), int(columns[0])
        self._keys[row] = ground.places(KEY)[0]
        super()._begin(row, start)

    def _survey(self, row: int, ground: Ground, ways: Ways) -> dict[str, int]:
        here, state = ground.hero, ground.door(*self._doors[row])
        held, opened = bool(ground.carried(KEY)), state < CLOSED
        to_key = 0 if held else ways.steps(self._keys[row], here)
        to_door = 0 if opened else max(ways.steps(self._doors[row], here) - 1, 0)
        to_stairs = ways.steps(ground.stairs, here)
        stage = REACH_STAIRS if opened else OPEN_DOOR if held else TAKE_KEY
        return {
            "steps_to_stairs": to_stairs,
            "has_key": held,
            "door_locked": state >= CLOSED and bool(state & LOCKED),
            "door_open": opened,
            "subgoal": stage,
            "steps_to_subgoal": (to_key, to_door, to_stairs)[stage],
            "steps_to_key": to_key,
            "steps_to_door": to_door,
        }

    def _events(self, row: int, before: dict[str, int], after: dict[str, int]) -> None:
        extras = self.out.extras
        extras["picked_up_key"][row] = after["has_key"] > before["has_key"]
        extras["unlocked_door"][row] = after["door_locked"] < before["door_locked"]
        extras["opened_door"][row] = after["door_open"] > before["door_open"]


make, make_vector = nethack_makers(KeyRoom)
