"""Gold: pieces of gold, which the hero picks up by walking over them."""

from __future__ import annotations

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import GOLD
from operant.envs.nethack.game import OPTIONS
from operant.envs.nethack.judging import COLLECT
from operant.envs.nethack.world import NetHackWorld


class GoldWorld(NetHackWorld):
    """Collect gold; nothing else is picked up on the way."""

    STORY = "Collect gold in the dungeon. The hero picks up gold, and nothing else, on the way."
    REWARD = (
        "gold pieces gained in the step (negative for lost ones), and penalty_step (-0.01) if no "
        "game time passed; 0 for the step in which the hero dies"
    )
    SUCCESS = "at least goal (default 100) more pieces are carried than at the start"
    GOAL = 100.0
    OPTIONS = tuple("pickup_types:$" if o.startswith("pickup_types") else o for o in OPTIONS)
    PAYS = (COLLECT, GOLD)
    SOURCE = "NetHackGold of The NetHack Learning Environment (Kuettler et al., 2020)"


make, make_vector = nethack_makers(GoldWorld)
