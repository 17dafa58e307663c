"""Descend: get as deep into the dungeon as possible."""

from __future__ import annotations

from collections.abc import Sequence

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import DEEPEST
from operant.envs.nethack.world import NetHackWorld


class DescendWorld(NetHackWorld):
    """Reach new depths; going up and down again pays nothing."""

    STORY = "Descend: every level of the dungeon that is deeper than all before pays."
    REWARD = (
        "1 for each level that the hero is deeper than ever before in this game, and penalty_step "
        "(-0.01) if no game time passed; 0 for the step in which the hero dies"
    )
    SUCCESS = "the greatest depth of the game is at least goal (default 5)"
    GOAL = 5.0
    SOURCE = "Ours; the depth reached is how players compare games that were lost"

    def _judge(self, row: int, before: Sequence[int], after: Sequence[int], over: bool) -> None:
        self._collect(row, after[DEEPEST] - before[DEEPEST], before, after, over)
        self.out.success[row] = after[DEEPEST] >= self.goal


make, make_vector = nethack_makers(DescendWorld)
