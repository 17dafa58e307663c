"""Oracle: stand next to the Oracle, or next to what looks like her."""

from __future__ import annotations

from operant.envs.nethack.batch import nethack_makers
from operant.envs.nethack.facts import ORACLE
from operant.envs.nethack.judging import REACH
from operant.envs.nethack.world import NetHackWorld


class OracleWorld(NetHackWorld):
    """Find the Oracle, as published: what the hero sees decides."""

    STORY = (
        "Find the Oracle, who lives on one of the levels 5 to 9, and stand next to her. What "
        "counts is the picture: a hero who hallucinates may see an Oracle in any monster, so this "
        "reward can be hacked. NLEOracleSober-v0 is the task that was meant."
    )
    REWARD = (
        "1 with the Oracle's picture next to the hero, and penalty_step (-0.01) if no game time "
        "passed; 0 on death"
    )
    TERMINATION = "the Oracle's picture is next to the hero, or the hero dies"
    SUCCESS = "the Oracle's picture is next to the hero"
    METRIC = "success"
    PAYS = (REACH, ORACLE)
    SOURCE = "NetHackOracle of The NetHack Learning Environment (Kuettler et al., 2020)"


make, make_vector = nethack_makers(OracleWorld)
