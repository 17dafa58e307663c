"""HackRiver: boulders pushed into the water make the ford to the stairs beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from operant.envs.minihack import texts
from operant.envs.minihack.ground import KINDS, LAVA, MOAT, POOL, WATER, Ground
from operant.envs.minihack.ways import FAR, Ways
from operant.envs.minihack.world import TO_STAIRS, HackWorld, flag, moves_to, number
from operant.envs.nethack.batch import nethack_makers

FORD, CROSS = range(2)
"""Stages."""
BOULDER = KINDS["boulder"]


class HackRiver(HackWorld):
    """N rivers."""

    OWN = HackWorld.OWN | {"width", "boulders", "monsters", "lava"}
    FEATURES = (
        TO_STAIRS,
        number("boulders", "boulders that lie about", 50),
        number("fords", "cells of the river that boulders have filled", 50, "cells"),
        flag("beyond", "the hero stands beyond the river"),
        number("subgoal", "what is needed next: 0 a ford, 1 to cross it to the stairs", 1),
        moves_to(
            "steps_to_subgoal",
            "the stairs, or as long as there is no ford: to the place behind a boulder and on, "
            "pushing it straight into the river, had nothing been in its way, for the best boulder",
        ),
    )
    EXTRAS: ClassVar[Mapping[str, type[np.generic]]] = {
        **HackWorld.EXTRAS,
        "boulder_in_water": np.int64,
        "made_ford": np.int64,
        "crossed": np.bool_,
    }

    def __init__(
        self,
        *,
        width: int = 3,
        boulders: int = 5,
        monsters: int = 0,
        lava: bool = False,
        max_steps: int = 350,
        **options: Any,
    ) -> None:
        """Build the level.

        Args:
            width: Columns of the river, 1 to 5.
            boulders: Boulders on the hero's side, 1 to 50.
            monsters: Random monsters, 0 to 50.
            lava: True for five rows of lava, which kills; two remain water.
            max_steps: Time limit in env steps.
            **options: See :class:`HackWorld`.

        Raises:
            ValueError: If a number is outside its range.
        """
        for name, value, least, most in (
            ("width", width, 1, 5),
            ("boulders", boulders, 1, 50),
            ("monsters", monsters, 0, 50),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name} must lie in [{least}, {most}], got {value!r}")
        self._width, self._boulders, self._monsters = width, boulders, monsters
        self._lava = lava
        self._shore: dict[int, tuple[int, int, int]] = {}
        own = {"width": width, "boulders": boulders, "monsters": monsters, "lava": lava}
        super().__init__(
            des=texts.river(width, boulders=boulders, monsters=monsters, lava=lava),
            max_steps=max_steps,
            own=own,
            **options,
        )

    def _story(self) -> str:
        of = " of lava and water" if self._lava else ""
        others = f", {self._monsters} random monsters" if self._monsters else ""
        return (
            f"A river{of}, {self._width} columns wide, between the hero with {self._boulders} "
            f"boulders{others} and the stairs. A boulder that is pushed into the water fills it, "
            "nine times out of ten; who walks into water crawls out again, to any cell beside it; "
            "lava kills."
        )

    def _fair(self, ground: Ground, ways: Ways) -> bool:
        """Accept all: the way is yet to be made."""
        del ways
        return ground.stairs is not None and bool(_wet(ground).any())

    def _begin(self, row: int, start: Sequence[int]) -> None:
        ground = self._grounds[row]
        assert ground is not None
        columns = np.nonzero(_wet(ground))[1]
        self._shore[row] = int(columns.min()), int(columns.max()), len(columns)
        super()._begin(row, start)

    def _survey(self, row: int, ground: Ground, ways: Ways) -> dict[str, int]:
        first, last, cells = self._shore[row]
        here, wet = ground.hero, _wet(ground)
        to_stairs = ways.steps(ground.stairs, here)
        boulders = ground.places(BOULDER)
        stage = FORD if to_stairs >= FAR else CROSS
        ahead = FAR
        for down, right in boulders if stage == FORD else ():
            if right < first and right > 0:
                pushes = int(np.argmax(wet[down])) - right
                ahead = min(ahead, ways.steps((down, right - 1), here) + pushes)
        return {
            "steps_to_stairs": to_stairs,
            "boulders": min(len(boulders), 50),
            "fords": cells - int(wet.sum()),
            "beyond": here[1] > last,
            "subgoal": stage,
            "steps_to_subgoal": ahead if stage == FORD else to_stairs,
        }

    def _events(self, row: int, before: dict[str, int], after: dict[str, int]) -> None:
        extras = self.out.extras
        sunk = max(before["boulders"] - after["boulders"], 0)
        extras["boulder_in_water"][row] = sunk
        extras["made_ford"][row] = max(after["fords"] - before["fords"], 0)
        extras["crossed"][row] = after["beyond"] > before["beyond"]


def _wet(ground: Ground) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell which cells are water or lava."""
    return np.isin(ground.terrain, (POOL, MOAT, WATER, LAVA))


make, make_vector = nethack_makers(HackRiver)
