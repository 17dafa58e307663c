"""The registered MuJoCo worlds: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.envs.mujoco.goals.rows import ROWS as GOALS
from operant.envs.mujoco.skills.rows import ROWS as SKILLS
from operant.registry import EnvRow

ROBOTS = {
    "Hopper": "hopper",
    "Walker2d": "walker2d",
    "HalfCheetah": "half_cheetah",
    "Ant": "ant",
    "Humanoid": "humanoid",
}
"""Gymnasium's names of the robots -> ours."""


def _row(env_id: str, module: str, summary: str, *tags: str, **options: Any) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point=f"operant.envs.mujoco.{module}:make",
        vector_entry_point=f"operant.envs.mujoco.{module}:make_vector",
        kwargs=options,
        summary=summary,
        tags=("mujoco", *tags),
        extra="mujoco",
        tier=1,
        checks_itself=True,
    )


ROWS = [
    *(
        _row(f"Sparse{name}-v0", "sparse", "run: 1 per stride, nothing else", "sparse", robot=robot)
        for name, robot in ROBOTS.items()
    ),
    *(
        _row(
            f"Delayed{name}-v0",
            "delayed",
            "run for Gymnasium's reward, all paid with the last step",
            "delayed",
            robot=robot,
        )
        for name, robot in ROBOTS.items()
    ),
    *(
        _row(
            f"VelHalfCheetah-{speed}-v0",
            "velocity",
            f"keep a speed of {speed} m/s: 1 within 0.2 m/s of it, else 0",
            "sparse",
            target=float(speed),
        )
        for speed in (1, 2, 3)
    ),
    *SKILLS,
    *GOALS,
]
