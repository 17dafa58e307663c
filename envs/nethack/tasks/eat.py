"""Eat: nutrition, of which only gains pay."""

from __future__ import annotations

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import NUTRITION
from operant.envs.nethack.judging import EAT
from operant.envs.nethack.world import NetHackWorld


class EatWorld(NetHackWorld):
    """Eat what can be eaten; hunger itself costs nothing."""

    STORY = "Find food and eat it; growing hungry costs nothing but, in the end, the hero's life."
    REWARD = (
        "nutrition gained in the step, 0 if it fell, and penalty_step (-0.01) if no game time "
        "passed; 0 for the step in which the hero dies"
    )
    SUCCESS = "at least goal (default 800, a food ration) nutrition was eaten in the episode"
    GOAL = 800.0
    PAYS = (EAT, NUTRITION)
    SOURCE = "NetHackEat of The NetHack Learning Environment (Kuettler et al., 2020)"


make, make_vector = nethack_makers(EatWorld)
