"""Rows of the credit designs."""

from __future__ import annotations

from operant.registry import Row

ROWS: list[Row] = [
    Row(
        id="lare",
        entry_point="operant.reward_design.credit.lare:LaRe",
        summary="a learned share of the episode's return, read off the factors of a program",
        tags=("credit", "learned"),
    ),
    Row(
        id="rd",
        entry_point="operant.reward_design.credit.decomposition:ReturnDecomposition",
        summary="a learned share of the episode's return, read off raw observation and action",
        tags=("credit", "learned", "baseline"),
    ),
    Row(
        id="ircr",
        entry_point="operant.reward_design.credit.decomposition:ReturnDecomposition",
        summary="the mean return per step of the episodes that came by: the simplest credit",
        kwargs={"loss": "uniform"},
        tags=("credit", "learned", "baseline"),
    ),
]
