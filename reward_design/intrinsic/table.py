"""Rows of the intrinsic designs."""

from __future__ import annotations

from operant.registry import Row

ROWS: list[Row] = [
    Row(
        id="count",
        entry_point="operant.reward_design.intrinsic.count:FirstVisitBonus",
        summary="a bonus for each observation seen for the first time in an episode",
        tags=("intrinsic",),
    ),
]
