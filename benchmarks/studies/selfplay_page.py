"""What the study of self-play found, as tables and drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from operant.benchmarks.report.theme import LIGHT
from operant.benchmarks.studies.plots import small_png
from operant.benchmarks.studies.selfplay_tasks import LABELS, METHODS, TASKS, Training


def training_table(trainings: Sequence[Training]) -> str:
    """Return the final scores as Markdown: the mean over seeds, the best and the worst."""
    lines = ["| game | score | mean | seeds | bar |", "| --- | --- | --- | --- | --- |"]
    for game, task in TASKS.items():
        mine = [run for run in trainings if run.game == game]
        for name in mine[0].scores if mine else ():
            values = [run.scores[name][-1] for run in mine]
            bar = f"<= {task.bar:g}" if name == task.score else ""
            seeds = ", ".join(f"{value:.4f}" for value in values)
            lines.append(f"| {game} | {name} | {np.mean(values):.4f} | {seeds} | {bar} |")
    return "\n".join(lines)


def variance_table(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the variances as Markdown, relative to one mean for all roles."""
    head = "| game | moves | value of the roles | " + " | ".join(LABELS[m] for m in METHODS) + " |"
    lines = [head, "| --- " * (3 + len(METHODS)) + "|"]
    for game in TASKS:
        mine = [run for run in found if run["game"] == game]
        for point in range(len(mine[0]["steps"]) if mine else 0):
            base = np.array([run["global"][point] for run in mine])
            shares = [np.mean([run[m][point] for run in mine] / base) for m in METHODS]
            roles = np.mean([run["roles"][point] for run in mine], 0)
            cells = [f"{share:.3f}" for share in shares]
            values = ", ".join(f"{value:+.2f}" for value in roles)
            lines.append(
                f"| {game} | {mine[0]['steps'][point]:,} | {values} | {' | '.join(cells)} |"
            )
    return "\n".join(lines)


def draw_trainings(trainings: Sequence[Training]) -> bytes:
    """Return the scores over training as PNG, a panel per game, a line per seed."""
    panels = [_score_panel([r for r in trainings if r.game == game], game) for game in TASKS]
    return small_png(alt.hconcat(*panels).resolve_scale(color="independent"))


def draw_variances(found: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the variances as PNG, a panel per game, relative to one mean for all roles."""
    panels = [_variance_panel([r for r in found if r["game"] == game], game) for game in TASKS]
    return small_png(alt.hconcat(*panels))


def _score_panel(trainings: Sequence[Training], game: str) -> Any:
    task = TASKS[game]
    points = [
        {"step": step, "value": value, "score": name, "seed": run.seed}
        for run in trainings
        for name, values in run.scores.items()
        for step, value in zip(run.steps, values, strict=True)
    ]
    names = list(trainings[0].scores)
    means = [
        point | {"score": name}
        for name in names
        for point in _means([(run.steps, run.scores[name]) for run in trainings])
    ]
    colour = alt.Color(
        "score:N",
        title=None,
        scale=alt.Scale(domain=names, range=list(LIGHT.series[: len(names)])),
        legend=alt.Legend(orient="bottom", labelLimit=260, columns=1, symbolOpacity=1),
    )
    x, y = _moves(), alt.Y("value:Q", title="")
    of_seeds, of_all = (alt.Chart(alt.InlineData(values=v)) for v in (points, means))
    thin = of_seeds.mark_line(opacity=0.35, strokeWidth=1).encode(x, y, colour, detail="seed:N")
    thick = of_all.mark_line(strokeWidth=2).encode(x, y, colour)
    rule = alt.Chart(alt.InlineData(values=[{"value": task.bar}]))
    bar = rule.mark_rule(color=LIGHT.rule, strokeDash=[4, 3]).encode(y="value:Q")
    return alt.layer(bar, thin, thick).properties(title=game, width=330, height=220)


def _variance_panel(found: Sequence[Mapping[str, Any]], game: str) -> Any:
    points = [
        {
            "step": step,
            "value": run[method][point] / run["global"][point],
            "method": LABELS[method],
            "seed": run["seed"],
        }
        for run in found
        for method in METHODS
        for point, step in enumerate(run["steps"])
    ]
    means = [
        point | {"method": LABELS[method]}
        for method in METHODS
        for point in _means(
            [(run["steps"], np.divide(run[method], run["global"]).tolist()) for run in found]
        )
    ]
    domain = [LABELS[method] for method in METHODS]
    colour = alt.Color(
        "method:N",
        title=None,
        scale=alt.Scale(domain=domain, range=list(LIGHT.series[:3])),
        legend=alt.Legend(orient="bottom", labelLimit=200, symbolOpacity=1),
    )
    x = _moves()
    y = alt.Y("value:Q", title="variance of the gradient, relative", scale=alt.Scale(zero=False))
    of_seeds, of_all = (alt.Chart(alt.InlineData(values=v)) for v in (points, means))
    thin = of_seeds.mark_line(opacity=0.35, strokeWidth=1).encode(x, y, colour, detail="seed:N")
    thick = of_all.mark_line(strokeWidth=2, point=True).encode(x, y, colour)
    return alt.layer(thin, thick).properties(title=game, width=330, height=220)


def _moves() -> Any:
    return alt.X("step:Q", title="moves", axis=alt.Axis(format="~s", tickCount=4))


def _means(runs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[dict[str, float]]:
    """Return the mean of all runs' k-th points, whose moves differ a little."""
    steps, values = zip(*runs, strict=True)
    pairs = zip(np.mean(steps, axis=0), np.mean(values, axis=0), strict=True)
    return [{"step": float(step), "value": float(value)} for step, value in pairs]
