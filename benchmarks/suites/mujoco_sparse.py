"""Sparse versions of MuJoCo's walkers: does a dense reward get them going?"""

from __future__ import annotations

from operant.benchmarks.specs import Design, Evaluation, Suite
from operant.benchmarks.suites.settings import CONTROL, CONTROL_ROWS

SUITE = Suite(
    id="mujoco-sparse",
    title="Sparse MuJoCo: what gets a robot going",
    env_ids=(
        "SparseHopper-v0",
        "SparseWalker2d-v0",
        "SparseHalfCheetah-v0",
        "SparseAnt-v0",
        "SparseHumanoid-v0",
    ),
    designs=(
        Design(id="none"),
        Design(id="expert"),
        Design(id="potential", kwargs={"potential": {"x_position": 1.0}, "privileged": True}),
    ),
    agents=(CONTROL,),
    seeds=(0, 1, 2, 3, 4),
    total_steps=1_000_000,
    num_envs=CONTROL_ROWS,
    testing_kwargs={"max_steps": 20},
    # Drawing needs OpenGL, which a machine that runs suites may lack.
    evaluation=Evaluation(points=10, episodes=16, animated=False),
)
