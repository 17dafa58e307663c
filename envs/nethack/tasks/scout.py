"""Scout: see as much of the dungeon as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import DUNGEON, FLOOR, KNOWN
from operant.envs.nethack.world import NetHackWorld


class ScoutWorld(NetHackWorld):
    """Explore; each level remembers how much of it was known when it was last looked at."""

    STORY = "Explore the dungeon: every place of a level that is no longer blank on the map counts."
    REWARD = (
        "places of this level that are not blank, less those of when it was last seen (so the "
        "first step pays for the first look too, and a level that is forgotten is paid back), and "
        "penalty_step (-0.01) if no game time passed; 0 for the step in which the hero dies"
    )
    SUCCESS = "at least goal (default 1000) places were discovered in the episode"
    GOAL = 1000.0
    SOURCE = "NetHackScout of The NetHack Learning Environment (Kuettler et al., 2020)"

    def __init__(self, **options: Any) -> None:
        """Take the arguments of :class:`NetHackWorld`."""
        super().__init__(**options)
        self._explored: list[dict[tuple[int, int], int]] = [{} for _ in range(self.num)]

    def _begin(self, row: int, start: Sequence[int]) -> None:
        super()._begin(row, start)
        self._explored[row] = {}

    def _judge(self, row: int, before: Sequence[int], after: Sequence[int], over: bool) -> None:
        gain = 0
        if not over:
            explored, level = self._explored[row], (after[DUNGEON], after[FLOOR])
            gain = after[KNOWN] - explored.get(level, 0)
            explored[level] = after[KNOWN]
        self._collect(row, gain, before, after, over)


make, make_vector = nethack_makers(ScoutWorld)
