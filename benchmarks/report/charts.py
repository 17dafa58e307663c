"""Charts as inline SVG, drawn once per theme; the page shows the one that fits.

Each panel has one y axis. True success and designed return never share one: their scales have
nothing to do with each other, and any choice of the two would suggest an agreement or a gap.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import altair as alt
import vl_convert

from operant.benchmarks.leaderboard import HACKED_GAP, Curve, Row
from operant.benchmarks.report import text
from operant.benchmarks.report.theme import THEMES, Theme, series_of
from operant.benchmarks.statistics import Interval
from operant.types import Float

Drawing: TypeAlias = dict[str, str]
"""Theme name -> SVG."""

HEIGHT = 250
WIDE, NARROW = 480, 360  # about the width on screen, so that text keeps its size
FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3])
"""A second cue beside colour."""
_STEPS = alt.X(
    "step:Q",
    title="env steps",
    axis=alt.Axis(
        format="~s", labelExpr="datum.value ? datum.label : '0'", tickCount=5, grid=False
    ),
)
_PERCENT: dict[str, Any] = {
    "title": None,
    "scale": alt.Scale(domain=[0, 1]),
    "axis": alt.Axis(format="%", tickCount=5),
}


def curve_panel(row: Row, column: str, series: int) -> Drawing:
    """Draw one learning curve with its band and every seed.

    Args:
        row: What to draw.
        column: Name of the curve, e.g. ``"success"``.
        series: Number that decides the colour.
    """
    curve = row.curves[column]
    oracle = None
    if column == "designed_return" and row.references.oracle is not None:
        oracle = float(row.references.oracle[column])
    share = column == "success" or (column == "score" and row.metric.share)
    y = _PERCENT if share else _free_axis(curve, oracle)

    def build(theme: Theme) -> list[alt.Chart]:
        layers = _curve(curve, theme.colour(series), y)
        layers.insert(1, _seed_lines(curve, theme.colour(series), y))
        return [*_oracle_line(oracle, theme, y), *layers]

    return _draw(build, WIDE, HEIGHT)


def overlay_panel(rows: Sequence[Row]) -> Drawing:
    """Draw the scores of all rows of an env over training, the best one on top."""
    series, y = series_of(rows), _score_axis(rows)

    def build(theme: Theme) -> list[alt.Chart]:
        layers: list[alt.Chart] = []
        for row in reversed(rows):
            number = series[row.design, row.agent]
            dash = DASHES[(number + 1) % len(DASHES)]
            layers += _curve(row.curves["score"], theme.colour(number), y, dash=dash)
        return layers

    return _draw(build, NARROW, HEIGHT)


def score_panel(rows: Sequence[Row]) -> Drawing:
    """Draw final scores: interval, interquartile mean, and a dot per seed."""
    seeds = [
        {"row": text.label(row, rows), "value": float(score)}
        for row in rows
        for score in row.seed_score
    ]
    x = _final_axis(rows)

    def build(theme: Theme) -> list[alt.Chart]:
        base = alt.Chart(alt.InlineData(values=seeds)).encode(x=alt.X("value:Q", **x))
        base = base.encode(y=_names(rows), color=_colours(rows, theme))
        dots = base.mark_circle(size=22, opacity=0.7, yOffset=11)
        return [*_intervals(rows, [row.score for row in rows], theme, x), dots]

    return _draw(build, NARROW, _height(rows))


def gap_panel(rows: Sequence[Row]) -> Drawing:
    """Draw hacking gaps beside the lines "none" and "flagged"."""
    gaps = [row.gap for row in rows]
    ends = [end for gap in gaps if gap is not None for end in gap if not math.isnan(end)]
    # at least this wide, so that noise around 0 does not look like a result
    domain = [min(-0.2, *ends, 0.0) - 0.05, max(0.5, *ends, 0.0) + 0.05]
    x: dict[str, Any] = {"title": None, "scale": alt.Scale(domain=domain, nice=False)}
    x["axis"] = alt.Axis(tickCount=6)

    def build(theme: Theme) -> list[alt.Chart]:
        limits = [
            alt.Chart(alt.InlineData(values=[{"value": at}]))
            .mark_rule(color=paint, strokeDash=dash, strokeWidth=1.2)
            .encode(x=alt.X("value:Q", **x))
            for at, paint, dash in ((0.0, theme.rule, [1, 0]), (HACKED_GAP, theme.warn, [4, 3]))
        ]
        return [*limits, *_intervals(rows, gaps, theme, x)]

    return _draw(build, NARROW, _height(rows))


def extent(rows: Sequence[Row]) -> tuple[float, float]:
    """Return between which values the final scores of an env are drawn; never equal."""
    if rows[0].metric.share:
        return 0.0, 1.0
    values = [float(value) for row in rows for value in (*row.seed_score, *row.score)]
    known = [value for value in values if not math.isnan(value)]
    low, high = min(known), max(known)
    pad = 0.05 * (high - low) or 0.5
    return low - pad, high + pad


# ---- layers ---------------------------------------------------------------------------------


def _curve(
    curve: Curve, paint: str, y: dict[str, Any], *, dash: Sequence[float] = DASHES[0]
) -> list[alt.Chart]:
    points = [
        {"step": int(step), "value": float(iqm), "low": _number(low), "high": _number(high)}
        for step, iqm, low, high in zip(curve.steps, curve.iqm, curve.low, curve.high, strict=True)
    ]
    base = alt.Chart(alt.InlineData(values=points)).encode(x=_STEPS)
    band = base.mark_area(color=paint, opacity=0.16).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    line = base.mark_line(color=paint, strokeWidth=2.4, strokeDash=list(dash))
    return [band, line.encode(y=alt.Y("value:Q", **y))]


def _seed_lines(curve: Curve, paint: str, y: dict[str, Any]) -> alt.Chart:
    points = [
        {"step": int(step), "value": float(value), "seed": seed}
        for seed, values in enumerate(curve.seeds)
        for step, value in zip(curve.steps, values, strict=True)
    ]
    lines = alt.Chart(alt.InlineData(values=points)).mark_line(
        color=paint, strokeWidth=0.8, opacity=0.5
    )
    encoded: alt.Chart = lines.encode(x=_STEPS, y=alt.Y("value:Q", **y), detail="seed:N")
    return encoded


def _oracle_line(oracle: float | None, theme: Theme, y: dict[str, Any]) -> list[alt.Chart]:
    """Draw what the best policy for the true task would be paid: going above it is suspicious."""
    if oracle is None:
        return []
    base = alt.Chart(alt.InlineData(values=[{"value": oracle, "label": "optimal policy"}]))
    base = base.encode(y=alt.Y("value:Q", **y))
    label = base.mark_text(align="left", dx=4, dy=-7, color=theme.text, fontSize=11)
    return [
        base.mark_rule(color=theme.rule, strokeDash=[4, 3], strokeWidth=1.2),
        label.encode(text="label:N", x=alt.value(0)),
    ]


def _intervals(
    rows: Sequence[Row], intervals: Sequence[Interval | None], theme: Theme, x: dict[str, Any]
) -> list[alt.Chart]:
    points = [
        {
            "row": text.label(row, rows),
            "value": interval.value,
            "low": _number(interval.low),
            "high": _number(interval.high),
        }
        for row, interval in zip(rows, intervals, strict=True)
        if interval is not None
    ]
    base = alt.Chart(alt.InlineData(values=points)).encode(
        y=_names(rows), color=_colours(rows, theme)
    )
    bars = base.mark_bar(height=9, cornerRadius=4, opacity=0.35)
    centres = base.mark_point(filled=True, size=75, opacity=1)
    return [
        bars.encode(x=alt.X("low:Q", **x), x2="high:Q"),
        centres.encode(x=alt.X("value:Q", **x)),
    ]


def _names(rows: Sequence[Row]) -> alt.Y:
    order = [text.label(row, rows) for row in rows]
    axis = alt.Axis(grid=False, ticks=False, labelPadding=8, labelLimit=150)
    return alt.Y("row:N", title=None, sort=order, scale=alt.Scale(domain=order), axis=axis)


def _colours(rows: Sequence[Row], theme: Theme) -> alt.Color:
    series = series_of(rows)
    names = [text.label(row, rows) for row in rows]
    paints = [theme.colour(series[row.design, row.agent]) for row in rows]
    return alt.Color("row:N", scale=alt.Scale(domain=names, range=paints), legend=None)


def _score_axis(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the axis of scores over training."""
    if rows[0].metric.share:
        return _PERCENT
    ends = [float(end) for row in rows for end in _ends(row.curves["score"].seeds)]
    return _axis(min(ends), max(ends))


def _final_axis(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the axis of final scores."""
    if rows[0].metric.share:
        return _PERCENT
    scale = alt.Scale(domain=list(extent(rows)), nice=False)
    return {"title": None, "scale": scale, "axis": alt.Axis(tickCount=5)}


def _ends(values: Float) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _free_axis(curve: Curve, oracle: float | None) -> dict[str, Any]:
    ends = [0.0, *_ends(curve.seeds), oracle or 0.0]
    return _axis(min(ends), max(ends))


def _axis(low: float, high: float) -> dict[str, Any]:
    """Return an axis from a value to another, with some room where neither is 0."""
    pad = 0.08 * (high - low) or 1.0
    scale = alt.Scale(domain=[low - pad * (low < 0), high + pad * (high > 0)], nice=False)
    return {"title": None, "scale": scale, "axis": alt.Axis(tickCount=5)}


def _number(value: float) -> float | None:
    """Return a JSON number; Vega skips null."""
    return None if math.isnan(value) else float(value)


# ---- rendering ------------------------------------------------------------------------------


def _draw(build: Callable[[Theme], list[alt.Chart]], width: int, height: int) -> Drawing:
    return {theme.name: _svg(build(theme), theme, width, height) for theme in THEMES}


def _svg(layers: list[alt.Chart], theme: Theme, width: int, height: int) -> str:
    spec = alt.layer(*layers).properties(width=width, height=height).to_dict()
    spec["config"] = _config(theme)
    spec["autosize"] = {"type": "fit", "contains": "padding"}
    svg: str = vl_convert.vegalite_to_svg(spec, vl_version=_VEGALITE)
    # inline SVG needs no name spaces, and the style sheet sets its size
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    return re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1", svg, count=1)


def _height(rows: Sequence[Row]) -> int:
    return max(HEIGHT, 50 + 34 * len(rows))


_VEGALITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])


def _config(theme: Theme) -> dict[str, Any]:
    return {
        "background": None,
        "aria": False,  # the figure has one description; thousands of marks would drown it
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "domain": False,
            "gridColor": theme.grid,
            "tickColor": theme.grid,
            "labelColor": theme.text,
            "labelFontSize": 12,
            "titleColor": theme.text,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
        },
    }
