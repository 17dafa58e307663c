"""Rows of the suites."""

from __future__ import annotations

from operant.registry import Row

ROWS = [
    Row(
        id="demo",
        entry_point="operant.benchmarks.suites.demo:SUITE",
        summary="four reward designs on one sparse-reward level; which help, which is hacked",
        tags=("gridworld",),
    ),
]
