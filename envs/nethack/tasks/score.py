"""Score: NetHack's own points, which come from gold, depth, kills and experience."""

from __future__ import annotations

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import SCORE
from operant.envs.nethack.judging import COLLECT
from operant.envs.nethack.world import NetHackWorld


class ScoreWorld(NetHackWorld):
    """Earn points; they are what the game shows in its status line."""

    STORY = "A whole game of NetHack: explore, fight and descend for points."
    REWARD = (
        "points gained in the step, and penalty_step (-0.01) if no game time passed; 0 for the "
        "step in which the hero dies"
    )
    SUCCESS = "at least goal (default 1000) points were gained in the episode, so far"
    GOAL = 1000.0
    PAYS = (COLLECT, SCORE)
    SOURCE = "NetHackScore of The NetHack Learning Environment (Kuettler et al., 2020)"


make, make_vector = nethack_makers(ScoreWorld)
