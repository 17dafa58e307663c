"""Colours of the page and of its charts, light and dark."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from operant.benchmarks.leaderboard import BASELINE, Row


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    """Colours of the drawings in one theme; series keep at least 3:1 contrast with the page.

    Attributes:
        name: CSS class of the drawings.
        text: Axis labels.
        grid: Grid lines.
        rule: Reference lines.
        warn: The limit of the hacking gap.
        baseline: The ``none`` design.
        series: All other designs, in turn.
    """

    name: str
    text: str
    grid: str
    rule: str
    warn: str
    baseline: str
    series: tuple[str, ...]

    def colour(self, series: int) -> str:
        """Return the colour of a series number of :func:`series_of`."""
        return self.baseline if series < 0 else self.series[series % len(self.series)]


LIGHT = Theme(
    name="light",
    text="#566072",
    grid="#e6e8ee",
    rule="#7d8697",
    warn="#b42318",
    baseline="#667085",
    series=(
        *("#2563c9", "#b8590a", "#0b8069", "#7a48c2"),
        *("#b02e7c", "#6f7010", "#1480ac", "#85583b"),
    ),
)
DARK = Theme(
    name="dark",
    text="#a7b0c0",
    grid="#2b313c",
    rule="#8a94a6",
    warn="#ff9285",
    baseline="#a3adbd",
    series=(
        *("#7fabff", "#f3a95f", "#4fd1b5", "#b99cff"),
        *("#f48cc6", "#cfcf5a", "#66c7ee", "#d1a285"),
    ),
)
THEMES = (LIGHT, DARK)


def series_of(rows: Sequence[Row]) -> dict[tuple[str, str], int]:
    """Give each (design, agent) a series number that does not depend on its rank; -1: baseline."""
    keys = sorted((row.design, row.agent) for row in rows)
    baseline = next((key for key in keys if key[0] == BASELINE), None)
    others = itertools.count()
    return {key: -1 if key == baseline else next(others) for key in keys}
