"""The registered goal worlds that need no physics engine. Strings only; this loads no engine."""

from __future__ import annotations

from operant.registry import EnvRow

_MODULE = "operant.envs.goals.point_maze"

ROWS = [
    EnvRow(
        id=f"PointMaze-{maze}-v0",
        entry_point=f"{_MODULE}:make",
        vector_entry_point=f"{_MODULE}:make_vector",
        kwargs={"maze": maze, "apart": apart, "max_steps": steps},
        summary=f"push a puck to a goal {where}",
        tags=("goal", "continuous", "sparse"),
        tier=0,
        checks_itself=True,
    )
    for maze, apart, steps, where in (
        ("Open", 2, 60, "on an open field"),
        ("UMaze", 5, 100, "in a corridor with the shape of a U"),
        ("Medium", 8, 200, "in a maze of 6 x 6 cells"),
        ("Large", 12, 300, "in a maze of 10 x 7 cells"),
    )
]
