"""Rows of the reward distances.

Not called ``table.py``: those rows are designs. An entry point is a
:data:`~operant.reward_design.metrics.Metric`. The tag ``actual`` marks metrics that read rewards of
transitions that can happen only; the others also ask what a jump from anywhere to anywhere pays,
which an env does not tell.
"""

from __future__ import annotations

from operant.registry import Row

ROWS: list[Row] = [
    Row(
        id="starc",
        entry_point="operant.reward_design.metrics.starc:starc_matrix",
        summary="STARC with value-adjusted rewards; 0: same preferences, 2: opposite",
        tags=("actual",),
    ),
    Row(
        id="starc_minimal",
        entry_point="operant.reward_design.metrics.starc:minimal_starc_matrix",
        summary="STARC with the smallest equivalent rewards; 0 to 2",
        tags=("actual",),
    ),
    Row(
        id="epic",
        entry_point="operant.reward_design.metrics.epic:epic_matrix",
        summary="EPIC, Pearson distance without dynamics; 0 to 1",
    ),
    Row(
        id="dard",
        entry_point="operant.reward_design.metrics.dard:dard_matrix",
        summary="DARD, Pearson distance with the dynamics in the canonical form; 0 to 1",
    ),
]
