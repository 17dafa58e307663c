"""NetHack for small networks: two rooms and four tasks of the dungeon's first levels."""

from __future__ import annotations

from operant.benchmarks.specs import Design, Evaluation, Suite
from operant.benchmarks.suites.settings import NETHACK, NETHACK_ROWS

ROOMS = ("HackRoom-5x5-v0", "KeyRoom-S5-v0")
DUNGEON = ("NLEStaircase-v0", "NLEGold-v0", "NLEScout-v0", "NLEScore-v0")
LIMIT = 1000
"""Time limit in the dungeon in env steps: a fifth of NLE's, or scoring would cost more than
training."""

SUITE = Suite(
    id="nethack-small",
    title="NetHack in small: does novelty help, or does a hint to explore?",
    env_ids=(*ROOMS, *DUNGEON),
    designs=(
        Design(id="none"),
        Design(id="count", kwargs={"key": ["dungeon_number", "depth", "x", "y"], "beta": 0.01}),
        Design(id="potential", kwargs={"potential": {"known_cells": 0.01}, "privileged": True}),
    ),
    agents=(NETHACK,),
    seeds=(0, 1, 2, 3, 4),
    total_steps=500_000,
    num_envs=NETHACK_ROWS,
    env_kwargs={"observation": "compact"},
    kwargs_of={env_id: {"max_steps": LIMIT} for env_id in DUNGEON},
    testing_kwargs={"max_steps": 20},
    evaluation=Evaluation(points=10, episodes=16, animated=False),
)
