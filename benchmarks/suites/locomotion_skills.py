"""Six skills of two robots, each with a success predicate of its own."""

from __future__ import annotations

from operant.benchmarks.specs import Design, Evaluation, Suite
from operant.benchmarks.suites.settings import CONTROL, CONTROL_ROWS

SUITE = Suite(
    id="locomotion-skills",
    title="Locomotion skills: flips, a wave, a rest",
    env_ids=(
        "HopperForward-v0",
        "HopperFrontFlip-v0",
        "HopperBackFlip-v0",
        "AntForward-v0",
        "AntWaveLeg-v0",
        "AntLieDown-v0",
    ),
    designs=(Design(id="none"), Design(id="expert")),
    agents=(CONTROL,),
    seeds=(0, 1, 2, 3, 4),
    total_steps=1_000_000,
    num_envs=CONTROL_ROWS,
    testing_kwargs={"max_steps": 20},
    # Drawing needs OpenGL, which a machine that runs suites may lack.
    evaluation=Evaluation(points=10, episodes=16, animated=False),
)
