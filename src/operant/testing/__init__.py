"""Checkers for envs and reward designs: ours pass them, and yours can be held against them too.

* :func:`check_env`: a scalar env;
* :func:`check_vector_env`: a batched env against scalar envs and Gymnasium's SyncVectorEnv;
* :func:`check_game`: a multi-agent env, and its batched form;
* :func:`check_design`: a reward design.

Each raises :class:`operant.errors.ContractError` naming the broken rule, what was seen and how to
fix it. A rule is one small function; the tuples below list them.
"""

from operant.testing.design import DESIGN_RULES, check_design
from operant.testing.env import ENV_RULES, check_env
from operant.testing.game import GAME_RULES, check_game
from operant.testing.vector import VECTOR_RULES, check_vector_env

__all__ = [
    "DESIGN_RULES",
    "ENV_RULES",
    "GAME_RULES",
    "VECTOR_RULES",
    "check_design",
    "check_env",
    "check_game",
    "check_vector_env",
]
