"""A matrix of reward distances as a picture: a number and a colour in every cell."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

from operant.benchmarks.files import write_atomic
from operant.benchmarks.report.charts import FONT
from operant.benchmarks.report.theme import LIGHT
from operant.types import Float

SUFFIXES = (".svg", ".png", ".html")
CELL = 62
"""Side of a cell in pixels."""
_UNRELATED = 2**0.5
"""Distance of two rewards at right angles."""
_SCALE = {
    0.0: "#2166ac",
    _UNRELATED / 2: "#92c5de",
    _UNRELATED: "#f7f7f7",
    (2.0 + _UNRELATED) / 2: "#fdb863",
    2.0: "#b35806",
}
"""From "same" over "unrelated" to "opposite": blue and orange, which every eye tells apart."""
_VEGALITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])


def write_matrix(
    path: Path, labels: Sequence[str], matrix: Float, *, title: str, subtitle: str = ""
) -> None:
    """Draw distances between 0 and 2; the colour scale is the same in every picture.

    Args:
        path: Where to; ``.svg``, ``.png`` or ``.html`` decides the format.
        labels: K names.
        matrix: (K, K) distances in [0, 2].
        title: Heading.
        subtitle: Line below it.

    Raises:
        ValueError: If the suffix is another one.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"the name of a picture must end in {', '.join(SUFFIXES)}, got {path}")
    spec = _spec(labels, matrix, title, subtitle)
    if path.suffix == ".png":
        write_atomic(path, vl_convert.vegalite_to_png(spec, vl_version=_VEGALITE, scale=2))
        return
    svg = vl_convert.vegalite_to_svg(spec, vl_version=_VEGALITE)
    page = f"<!doctype html><meta charset='utf-8'><title>{html.escape(title)}</title>\n{svg}\n"
    write_atomic(path, page if path.suffix == ".html" else svg)


def _spec(labels: Sequence[str], matrix: Float, title: str, subtitle: str) -> dict[str, Any]:
    """Return the picture as a Vega-Lite specification."""
    values = [
        {"row": row, "column": column, "distance": float(matrix[i, j])}
        for i, row in enumerate(labels)
        for j, column in enumerate(labels)
    ]
    axis = alt.Axis(title=None, domain=False, ticks=False, labelPadding=8, labelLimit=220)
    order = list(labels)
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("column:N", sort=order, axis=axis.copy(), scale=alt.Scale(paddingInner=0.04)),
        y=alt.Y("row:N", sort=order, axis=axis.copy(), scale=alt.Scale(paddingInner=0.04)),
    )
    scale = alt.Scale(domain=[*_SCALE], range=[*_SCALE.values()], clamp=True)
    words = "datum.value == 0 ? '0 same' : datum.value == 2 ? '2 opposite' : '1.41 unrelated'"
    legend = alt.Legend(
        title=None, values=[0.0, _UNRELATED, 2.0], labelExpr=words, gradientLength=150
    )
    cells = base.mark_rect().encode(color=alt.Color("distance:Q", scale=scale, legend=legend))
    dark = (alt.datum.distance < 0.4) | (alt.datum.distance > 1.85)
    numbers = base.mark_text(fontSize=13).encode(
        text=alt.Text("distance:Q", format=".2f"),
        color=alt.condition(dark, alt.value("white"), alt.value("black")),
    )
    side = CELL * len(labels)
    heading = alt.TitleParams(title, subtitle=subtitle, anchor="start", offset=14)
    chart = (cells + numbers).properties(width=side, height=side, title=heading)
    spec: dict[str, Any] = chart.to_dict()
    spec["config"] = {
        "background": "white",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {"labelFontSize": 12, "labelColor": LIGHT.text},
        "axisX": {"orient": "top", "labelAngle": -30},
        "legend": {"labelFontSize": 12, "labelColor": LIGHT.text},
        "title": {"fontSize": 15, "subtitleFontSize": 12, "subtitleColor": LIGHT.text},
    }
    return spec
