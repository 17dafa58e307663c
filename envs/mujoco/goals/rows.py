"""The registered goal worlds of MuJoCo. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.registry import EnvRow


def _row(env_id: str, module: str, summary: str, *tags: str, **options: Any) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point=f"operant.envs.mujoco.goals.{module}:make",
        vector_entry_point=f"operant.envs.mujoco.goals.{module}:make_vector",
        kwargs=options,
        summary=summary,
        tags=("mujoco", "goal", "continuous", "sparse", *tags),
        extra="mujoco",
        tier=1,
        checks_itself=True,
    )


ROWS = [
    *(
        _row(
            f"AntMaze-{maze}-v0",
            "ant_maze",
            f"walk the ant to a goal {where}",
            "maze",
            maze=maze,
            apart=apart,
            max_steps=steps,
        )
        for maze, apart, steps, where in (
            ("UMaze", 5, 700, "in a corridor with the shape of a U"),
            ("Medium", 8, 1000, "in a maze of 6 x 6 cells"),
            ("Large", 12, 1000, "in a maze of 10 x 7 cells"),
        )
    ),
    _row("GoalAnt-v0", "goal_ant", "walk the ant to a goal 2 to 5 m away"),
    _row("GoalReacher-v0", "goal_reacher", "bring the fingertip of Reacher-v5's arm to a point"),
    _row("GoalPusher-v0", "goal_pusher", "push an object to a place with Pusher-v5's arm"),
]
