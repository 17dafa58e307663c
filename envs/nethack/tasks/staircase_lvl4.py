"""StaircaseLvl4: go down to the fourth level of the dungeon."""

from __future__ import annotations

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.tasks.staircase_lvl3 import StaircaseLvl3World


class StaircaseLvl4World(StaircaseLvl3World):
    """Reach a level further down."""

    LEVEL = 4
    STORY = "Find the stairs down of one level after the other, until the fourth level."
    REWARD = StaircaseLvl3World.REWARD.replace("level 3", "level 4")
    TERMINATION = StaircaseLvl3World.TERMINATION.replace("level 3", "level 4")
    SUCCESS = StaircaseLvl3World.SUCCESS.replace("level 3", "level 4")


make, make_vector = nethack_makers(StaircaseLvl4World)
