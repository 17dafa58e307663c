"""Staircase: stand on stairs that lead down."""

from __future__ import annotations

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import ON_STAIRS
from operant.envs.nethack.judging import REACH
from operant.envs.nethack.world import NetHackWorld


class StaircaseWorld(NetHackWorld):
    """Find the stairs down of the first level."""

    STORY = "Find stairs that lead down and step onto them."
    REWARD = "1 on stairs down, and penalty_step (-0.01) if no game time passed; 0 on death"
    TERMINATION = "the hero stands on stairs down, or dies"
    SUCCESS = "the hero stands on stairs down"
    METRIC = "success"
    PAYS = (REACH, ON_STAIRS)
    SOURCE = "NetHackStaircase of The NetHack Learning Environment (Kuettler et al., 2020)"


make, make_vector = nethack_makers(StaircaseWorld)
