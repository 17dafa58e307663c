"""HackLevel: any level that a user wrote in NetHack's level language."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from operant.envs.minihack import levels
from operant.envs.minihack.ground import Ground
from operant.envs.minihack.lock import APPLY, COMPASS
from operant.envs.minihack.texts import room
from operant.envs.minihack.ways import Ways
from operant.envs.minihack.world import (
    KICK,
    OPEN,
    PICK_UP,
    SEARCH,
    HackWorld,
)
from operant.envs.nethack.batch import nethack_makers


class HackLevel(HackWorld):
    """N games on a user's level, won on its stairs down."""

    STORY = (
        "A level of the user's own, in NetHack's level language. Where the text describes several, "
        "each episode plays one of them. apply_key unlocks and opens a door beside the hero, if a "
        "skeleton key is held; open and kick ask for a direction, which the next action gives."
    )
    SOURCE = "the level is the user's"
    OWN = HackWorld.OWN | {"des", "any_start"}
    ACTIONS = (*COMPASS, OPEN, KICK, SEARCH, PICK_UP, APPLY)

    def __init__(
        self,
        *,
        des: str | os.PathLike[str] | None = None,
        any_start: bool = False,
        max_steps: int = 500,
        actions: str | Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        """Compile a level.

        Args:
            des: Text or path of a des-file; None for an example, an empty room.
            any_start: True to also play levels on which no way leads to stairs down, for there
                may be other means; they are drawn again otherwise.
            max_steps: Time limit in env steps.
            actions: ``"task"``, ``"extended"`` or key codes; None for compass, open, kick, search,
                pick_up and apply_key.
            **options: See :class:`HackWorld`.

        Raises:
            LevelError: If it is no level; the message has the compiler's words and the line.
        """
        example = room(5, random=True, lit=True, monsters=0, traps=0)
        text = levels.des_text(example if des is None else des)
        self._any_start = any_start
        super().__init__(
            des=text,
            max_steps=max_steps,
            actions=actions,
            own={"des": text, "any_start": any_start},
            **options,
        )

    def _fair(self, ground: Ground, ways: Ways) -> bool:
        return self._any_start or super()._fair(ground, ways)


make, make_vector = nethack_makers(HackLevel)
