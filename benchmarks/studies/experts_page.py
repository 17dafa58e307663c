"""The page of :mod:`operant.benchmarks.studies.experts`: its table, its pictures, its verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from operant.benchmarks.report.theme import LIGHT
from operant.benchmarks.studies.plots import DASHES, small_png

if TYPE_CHECKING:
    from operant.benchmarks.studies.experts import Curve, Study

ARMS = {"none": "true reward alone", "expert": "expert's reward"}
"""Id of the design -> its name on the page."""
SCORES = {"success": "success rate", "true_return": "true return"}
_INTRO = """# Rewards written by people

Every world of these families has a dense reward that a person wrote for it: a program in the closed
[reward language](reward_language.md) on its card, which the design `expert` pays. It is the human
baseline that [reward search](reward_search.md) is held against, so it has to be learnable. Is it?

The same agent is trained on the true reward alone (`none`) and on the expert's (`expert`), with the
same seeds; both are scored by the true objective, on fresh episodes without the design. A final
score is the mean over the last three evaluations. A seed *has learned* if that score lies more than
three standard errors above the score of its own untrained policy. Where fewer than all seeds did,
the expert's reward **is not reliably learnable** with this agent and budget, and the table says so.

This page is written by `python -m operant.benchmarks.studies.experts`, which continues where it was
stopped; `--envs`, `--seeds` and `--steps` choose a part.

"""


def page(studies: Sequence[Study]) -> str:
    """Return the page as Markdown."""
    return _INTRO + table(studies) + _doubts(studies) + "".join(map(_section, studies))


def table(studies: Sequence[Study]) -> str:
    """Return the final scores: the mean over seeds, and every seed."""
    head = ["env", "score", "random policy", *(f"`{arm}`" for arm in ARMS), "expert learned by"]
    lines = [head, ["---"] * len(head)]
    for study in studies:
        random = np.mean([curve.random[study.score] for curve in study.curves])
        cells = [_cell(study, study.of(arm)) for arm in ARMS]
        link = f"[{study.env_id}](#{_anchor(study.env_id)})"
        shown = [link, SCORES[study.score], _number(study.score, float(random))]
        lines.append([*shown, *cells, verdict(study)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def verdict(study: Study) -> str:
    """Return how many seeds learned the true objective from the expert's reward, in words."""
    curves = study.of("expert")
    count = sum(curve.learned[study.score] for curve in curves)
    return f"{count} of {len(curves)} seeds" if count else "**no seed**"


def _doubts(studies: Sequence[Study]) -> str:
    """Return where the expert's reward failed, and how far the agent came with it."""
    lines = []
    for study in studies:
        curves = study.of("expert")
        learned = [curve for curve in curves if curve.learned[study.score]]
        if len(learned) == len(curves):
            continue
        paid = sum(curve.learned["designed_return"] for curve in curves)
        lines.append(
            f"* **{study.env_id}**: {len(learned)} of {len(curves)} seeds learned the true "
            f"objective; the expert's own reward rose in {paid} of {len(curves)}.\n"
        )
    if not lines:
        return "Every seed learned from the expert's reward.\n\n"
    return "## Where it is not learnable\n\n" + "".join(lines) + "\n"


def _section(study: Study) -> str:
    spent = np.mean([curve.cpu_s for curve in study.curves])
    return (
        f"## {study.env_id}\n\n![learning curves](images/experts_{study.env_id}.png)\n\n"
        f"{study.steps:,} env steps a run, {spent:,.0f} CPU seconds each, evaluations included. "
        f"Agent: {study.agent}.\n\nThe expert's reward:\n\n```\n{study.program.strip()}\n```\n\n"
    )


def _cell(study: Study, curves: Sequence[Curve]) -> str:
    finals = [curve.final[study.score] for curve in curves]
    each = ", ".join(_number(study.score, value) for value in finals)
    return f"**{_number(study.score, float(np.mean(finals)))}** ({each})"


def _number(score: str, value: float) -> str:
    return f"{value:.0%}" if score == "success" else f"{value:.3g}"


def _anchor(title: str) -> str:
    return title.lower()


def draw(study: Study) -> bytes:
    """Return the learning curves as PNG: success and true return, a thin line for every seed."""
    panels = [_panel(study, score) for score in SCORES]
    chart = alt.hconcat(*panels, title=study.env_id).configure_view(stroke=None)
    return small_png(chart.configure_axis(gridColor=LIGHT.grid, labelColor=LIGHT.text))


def _panel(study: Study, score: str) -> Any:
    points = [
        {"step": step, "value": value, "arm": name, "seed": curve.seed}
        for arm, name in ARMS.items()
        for curve in study.of(arm)
        for step, value in zip(curve.steps, getattr(curve, score), strict=True)
    ]
    colours = [LIGHT.baseline, LIGHT.series[0]]
    key = alt.Legend(orient="bottom", symbolOpacity=1, symbolStrokeWidth=2)
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("step:Q", title="env steps", axis=alt.Axis(format="~s", tickCount=5)),
        color=alt.Color(
            "arm:N",
            title=None,
            scale=alt.Scale(domain=list(ARMS.values()), range=colours),
            legend=key,
        ),
    )
    y: dict[str, Any] = {"title": SCORES[score], "axis": alt.Axis(tickCount=5)}
    if score == "success":
        y |= {"scale": alt.Scale(domain=[0, 1]), "axis": alt.Axis(format="%", tickCount=5)}
    thin = base.mark_line(opacity=0.4, strokeWidth=1).encode(
        y=alt.Y("value:Q", **y), detail="seed:N"
    )
    mean = base.mark_line(
        strokeWidth=2.5
    ).encode(
        y=alt.Y("mean(value):Q", **y),
        strokeDash=alt.StrokeDash(  # a second cue, which also shows a line below another
            "arm:N", legend=None, scale=alt.Scale(domain=list(ARMS.values()), range=DASHES[:2])
        ),
    )
    return alt.layer(thin, mean).properties(width=330, height=210)
