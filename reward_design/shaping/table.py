"""Rows of the shaping designs."""

from __future__ import annotations

from operant.registry import Row

ROWS: list[Row] = [
    Row(
        id="none",
        entry_point="operant.reward_design.shaping.none:TrueReward",
        summary="the true reward alone; the baseline",
        tags=("baseline",),
    ),
    Row(
        id="potential",
        entry_point="operant.reward_design.shaping.potential:PotentialShaping",
        summary="difference of a potential (progress to the goal); keeps the optimal policy",
        tags=("shaping",),
    ),
    Row(
        id="naive",
        entry_point="operant.reward_design.shaping.naive:EventBonus",
        summary="a bonus for each useful event; farmable, here to be hacked",
        tags=("shaping", "hackable"),
    ),
]
