"""StaircaseLvl3: go down to the third level of the dungeon."""

from __future__ import annotations

from collections.abc import Sequence

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import DEPTH, DUNGEON, FLOOR
from operant.envs.nethack.world import NetHackWorld


class StaircaseLvl3World(NetHackWorld):
    """Reach a level of the main dungeon by its stairs."""

    LEVEL = 3
    STORY = "Find the stairs down of one level after the other, until the third level."
    REWARD = (
        "1 on walking down the stairs to level 3 of the main dungeon, and penalty_step (-0.01) if "
        "no game time passed; 0 on death"
    )
    TERMINATION = "the hero has walked down the stairs to level 3 of the main dungeon, or dies"
    SUCCESS = "the hero has walked down the stairs to level 3; falling down a hole does not count"
    METRIC = "success"
    SOURCE = "The task of Motif (Klissarov et al., 2023) and ONI (Zheng et al., 2024)"

    def _judge(self, row: int, before: Sequence[int], after: Sequence[int], over: bool) -> None:
        arrived = (
            after[FLOOR] == self.LEVEL and after[DUNGEON] == 0 and before[DEPTH] < after[DEPTH]
        )
        game = self.games[row]
        self._reach(row, arrived and game is not None and game.descended(), before, after, over)


make, make_vector = nethack_makers(StaircaseLvl3World)
