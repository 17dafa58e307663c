"""The plots of the studies, as PNG pictures for the docs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert
from PIL import Image

from operant.benchmarks.report.charts import FONT
from operant.benchmarks.report.theme import LIGHT

WIDTH, HEIGHT = 400, 270
DASHES = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 2])
"""A second cue beside colour."""
_KEY = alt.Legend(symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=2.5)
_EPISODES = alt.Axis(format=",d", grid=False, tickCount=5)
_CONFIG: dict[str, Any] = {
    "background": "white",
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "gridColor": LIGHT.grid,
        "tickColor": LIGHT.grid,
        "labelColor": LIGHT.text,
        "titleColor": LIGHT.text,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
    },
    "legend": {"labelFontSize": 12, "labelColor": LIGHT.text, "symbolSize": 500, "labelLimit": 220},
    "title": {"anchor": "start", "fontSize": 14, "color": LIGHT.text},
}


def draw_curves(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw learning curves with their bands, a panel per world, a legend for all.

    Args:
        results: As :func:`~operant.benchmarks.studies.thesis.run` returns them.
        path: A ``.png`` file.
    """
    names = list(results[0]["designs"])
    _save(alt.hconcat(*(_curve_panel(result, names) for result in results)), path)


def draw_informativeness(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw what ExpRD gains by each further state, a panel per world.

    Args:
        results: As :func:`~operant.benchmarks.studies.thesis.informativeness_curve` returns them.
        path: A ``.png`` file.
    """
    _save(alt.hconcat(*(_budget_panel(result) for result in results)), path)


def small_png(chart: Any) -> bytes:
    """Return a chart as a PNG picture of 256 colours, a fifth of the size."""
    drawn = Image.open(io.BytesIO(vl_convert.vegalite_to_png(chart.to_dict(), scale=2)))
    png = io.BytesIO()
    drawn.convert("RGB").quantize(256).save(png, "PNG", optimize=True)
    return png.getvalue()


def _curve_panel(result: dict[str, Any], names: Sequence[str]) -> Any:
    points = [
        {"episode": episode, "value": value, "low": low, "high": high, "design": name}
        for name in names
        for episode, value, low, high in zip(
            result["episodes"],
            *(result["designs"][name][column] for column in ("value", "low", "high")),
            strict=True,
        )
    ]
    paints = [LIGHT.colour(number) for number in range(-1, len(names) - 1)]
    dashes = [DASHES[number % len(DASHES)] for number in range(len(names))]
    key: dict[str, Any] = {"title": None, "legend": _KEY}
    colour = alt.Color("design:N", scale=alt.Scale(domain=names, range=paints), **key)
    dash = alt.StrokeDash("design:N", scale=alt.Scale(domain=names, range=dashes), **key)
    y: dict[str, Any] = {
        "scale": alt.Scale(domain=[0, 1]),
        "axis": alt.Axis(format="%", tickCount=5, title="share of the best true return"),
    }
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("episode:Q", title="episodes", axis=_EPISODES),
        color=colour,
    )
    band = base.mark_area(opacity=0.15, clip=True).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    line = base.mark_line(strokeWidth=2.2, clip=True).encode(
        y=alt.Y("value:Q", **y), strokeDash=dash
    )
    return _titled(alt.layer(band, line), result["world"])


def _budget_panel(result: dict[str, Any]) -> Any:
    points = [
        {"budget": budget, "value": value}
        for budget, value in zip(result["budget"], result["value"], strict=True)
    ]
    y: dict[str, Any] = {"axis": alt.Axis(title="informativeness I(R)", tickCount=6)}
    low = 1.1 * min(result["true_reward"], *result["value"])
    y["scale"] = alt.Scale(domain=[low, 0], nice=False)
    x = alt.X("budget:O", title="rewarded states", axis=alt.Axis(labelAngle=0))
    curve = alt.Chart(alt.InlineData(values=points)).encode(x=x, y=alt.Y("value:Q", **y))
    rules = [
        {"value": result["true_reward"], "label": "true reward"},
        {"value": 0.0, "label": "PBRS with V*: every state"},
    ]
    rule = alt.Chart(alt.InlineData(values=rules)).encode(y=alt.Y("value:Q", **y))
    label = rule.mark_text(align="left", dx=4, dy=9, color=LIGHT.text, fontSize=11)
    return _titled(
        alt.layer(
            rule.mark_rule(color=LIGHT.rule, strokeDash=[4, 3]),
            label.encode(text="label:N", x=alt.value(0)),
            curve.mark_line(color=LIGHT.colour(0), point={"color": LIGHT.colour(0), "size": 45}),
        ),
        result["world"],
    )


def _titled(chart: Any, title: str) -> Any:
    return chart.properties(width=WIDTH, height=HEIGHT, title=title)


def _save(chart: alt.HConcatChart, path: Path) -> None:
    spec = {**chart.to_dict(), "config": _CONFIG}
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    path.write_bytes(vl_convert.vegalite_to_png(spec, vl_version=version, scale=2))
