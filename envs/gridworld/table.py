"""The registered gridworlds: one row per id. Strings only; importing this loads no engine."""

from __future__ import annotations

from operant.registry import EnvRow

_SIZES = {"SparseKey-v0": 8} | {f"SparseKey-{n}x{n}-v0": n for n in (5, 6, 8, 16)}

ROWS = [
    EnvRow(
        id=name,
        entry_point="operant.envs.gridworld.sparse_key:make",
        vector_entry_point="operant.envs.gridworld.sparse_key:make_vector",
        kwargs={"size": size},
        summary=f"key, locked door, goal; pays 1 at the goal and nothing before ({size}x{size})",
        tags=("gridworld", "sparse"),
        tier=0,
    )
    for name, size in _SIZES.items()
]
