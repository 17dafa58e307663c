"""Rows of the tabular planners."""

from __future__ import annotations

from operant.registry import AgentRow

ROWS = [
    AgentRow(
        id="value-iteration",
        entry_point="operant.agents.tabular.value_iteration:value_iteration",
        summary="exact planner for an explicit deterministic MDP",
        kind="planner",
        tags=("tabular",),
    ),
]
