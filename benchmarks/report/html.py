"""The leaderboard as one HTML file that needs nothing else: no network, no fonts, no scripts."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping, Sequence

import jinja2
from markupsafe import Markup

from operant.benchmarks.leaderboard import Leaderboard, Row
from operant.benchmarks.report import charts, text
from operant.benchmarks.report.theme import DARK, LIGHT, series_of


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        key: Name by which the template finds the cell.
        title: Header.
        hint: What it means, shown on hover.
        text: True if it sorts as text, False as numbers.
    """

    key: str
    title: str
    hint: str
    text: bool = False


COLUMNS = (
    Column(key="rank", title="#", hint="Rank by {score}; equal scores, equal rank"),
    Column(key="design", title="Design", hint="Reward design the agent was trained on", text=True),
    Column(
        key="score",
        title="{Score}",
        hint="At the end of training, {hint}: IQM over seeds, 95 % interval",
    ),
    Column(key="ties", title="Tie", hint="Rows sharing a letter cannot be told apart", text=True),
    Column(
        key="gap", title="Hacking gap", hint="Designed minus true return, normalised, 95 % interval"
    ),
    Column(
        key="improvement", title="Beats none", hint="Chance that a run beats one without a design"
    ),
    Column(key="auc", title="AUC", hint="Mean {score} over the whole training"),
    Column(
        key="solve", title="Steps to 80 %", hint="Median env steps to 80 % success (Kaplan-Meier)"
    ),
    Column(key="designed", title="Designed return", hint="Mean per episode, final policy"),
    Column(key="true", title="True return", hint="Mean per episode, final policy"),
    Column(key="seeds", title="Seeds", hint="Number of training runs"),
    Column(key="wall", title="Time", hint="Mean wall-clock and CPU time of a run"),
)


def render_html(leaderboard: Leaderboard, *, title: str, problems: Sequence[str] = ()) -> str:
    """Return the page.

    Args:
        leaderboard: What to show.
        title: Title and heading.
        problems: One line per run that was found but not counted.
    """
    # every label comes from a results folder, which may be foreign: all of it is escaped
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("operant.benchmarks.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(text=text, isnan=math.isnan)
    env.filters.update(drawing=_drawing, gif_uri=_gif_uri, sort_key=_sort_key)
    page: str = env.get_template("leaderboard.html.j2").render(
        title=title,
        problems=problems,
        light=LIGHT,
        dark=DARK,
        envs=[
            _env(number, env_id, rows)
            for number, (env_id, rows) in enumerate(leaderboard.by_env().items(), start=1)
        ],
        summary=_summary(leaderboard),
    )
    return page


def _env(number: int, env_id: str, rows: Sequence[Row]) -> dict[str, object]:
    series, metric = series_of(rows), rows[0].metric
    words = {"score": metric.title.lower(), "Score": metric.title, "hint": metric.hint}
    return {
        "id": env_id,
        "metric": metric,
        "columns": [
            dataclasses.replace(
                column, title=column.title.format(**words), hint=column.hint.format(**words)
            )
            for column in COLUMNS
        ],
        "findings": text.findings(rows),
        "charts": {
            "score": charts.score_panel(rows),
            "gap": charts.gap_panel(rows),
            "overlay": charts.overlay_panel(rows),
        },
        "rows": [
            {
                **_row(row, rows, series[row.design, row.agent]),
                "anchor": f"{number}-{index}",
                "places": _places(row, rows),
            }
            for index, row in enumerate(rows, start=1)
        ],
    }


def _row(row: Row, rows: Sequence[Row], series: int) -> dict[str, object]:
    return {
        "data": row,
        "label": text.label(row, rows),
        "series": series % len(LIGHT.series) if series >= 0 else "base",
        "sort": {
            "rank": row.rank,
            "design": text.label(row, rows),
            "score": row.score.value,
            "ties": row.ties,
            "gap": row.gap.value if row.gap else None,
            "improvement": row.improvement.value if row.improvement else None,
            "auc": row.auc.value,
            "solve": row.median_steps,
            "designed": row.designed_return,
            "true": row.true_return,
            "seeds": len(row.seeds),
            "wall": row.wall_s,
        },
        "charts": {
            column: charts.curve_panel(row, column, series)
            for column in ("score", "designed_return")
        },
        "provenance": text.provenance(row),
        "command": str(row.manifest.get("command", "")),
    }


def _places(row: Row, rows: Sequence[Row]) -> dict[str, object]:
    """Return where a row's numbers lie in its bar, in percent of its length."""
    low, high = charts.extent(rows)

    def place(value: float) -> float:
        return 100 * (value - low) / (high - low)

    band = None if math.isnan(row.score.low) else (place(row.score.low), place(row.score.high))
    return {
        "mark": place(row.score.value),
        "band": band,
        "seeds": [place(float(value)) for value in row.seed_score],
    }


def _summary(leaderboard: Leaderboard) -> list[tuple[str, str]]:
    rows = leaderboard.rows
    seeds = sorted({len(row.seeds) for row in rows})
    steps = sorted({row.total_steps for row in rows})
    return [
        ("Suite", ", ".join(sorted({row.suite for row in rows})) or text.MISSING),
        ("Environments", str(len(leaderboard.by_env()))),
        ("Designs", str(len({row.design for row in rows}))),
        ("Training runs", str(sum(len(row.seeds) for row in rows))),
        ("Seeds per row", _span([str(count) for count in seeds])),
        ("Env steps per run", _span([text.steps(count) for count in steps])),
    ]


def _span(values: Sequence[str]) -> str:
    if not values:
        return text.MISSING
    return values[0] if len(values) == 1 else f"{values[0]}{text.EN_DASH}{values[-1]}"


def _sort_key(value: float | str | None) -> str:
    """Return what the script sorts by; empty values stay at the end either way."""
    return "" if value is None else str(value)


def _drawing(drawing: Mapping[str, str], description: str) -> Markup:
    """Return both themes of a chart as one image with a description."""
    # the SVG is our own renderer's output, which escapes the labels inside
    parts = [
        Markup('<div class="theme-{}" role="img" aria-label="{}">{}</div>').format(
            name, description, Markup(svg)
        )
        for name, svg in drawing.items()
    ]
    return Markup("").join(parts)


def _gif_uri(gif: bytes) -> str:
    return f"data:image/gif;base64,{base64.b64encode(gif).decode('ascii')}"
