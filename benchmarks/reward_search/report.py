"""A search as one HTML file that needs nothing else; whatever a model wrote is escaped."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from operant.benchmarks.files import write_atomic
from operant.benchmarks.report.text import MISSING, percent, steps
from operant.benchmarks.report.theme import DARK, LIGHT
from operant.benchmarks.reward_search import svg
from operant.benchmarks.reward_search.story import Shown, Story, mean_score, read_story
from operant.reward_design.llm.search.fitness import score

KINDS = {
    "live": ("Written by a language model", "asked live during this search"),
    "replay": ("Replayed recordings", "a language model wrote them earlier; none was asked now"),
    "scripted": ("Hand-written", "a person wrote every candidate; no model was asked"),
    "mutation": ("No language model", "candidates come from a search without any model"),
}
"""Kind of provider -> what the page says of it, first of all."""
STATES = {
    "trained": "trained",
    "failed": "failed in training",
    "rejected": "rejected",
    "untried": "not trained",
}
ARMS = {"none": "none, the true reward alone", "human": "a design that a person wrote"}
"""Arm of the comparison on fresh seeds -> its name on the page."""
SPENT = (
    ("llm_calls", "Completions"),
    ("tokens", "Tokens"),
    ("money", "Money"),
    ("env_steps", "Env steps"),
    ("human_queries", "Questions to judges"),
    ("wall_s", "Wall seconds"),
)


def write_search_report(lineage: Path, *, results: Path | None = None) -> Path:
    """Write ``report.html`` beside a lineage, whole or not at all.

    Args:
        lineage: The search's ``lineage.jsonl``.
        results: Folder of the runs, for animations; None for ``runs`` beside the lineage.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: If there is no lineage.
        LineageError: If it is damaged; says what is wrong.
    """
    runs = lineage.parent / "runs" if results is None else results
    path = lineage.parent / "report.html"
    write_atomic(path, render(read_story(lineage, runs)))
    return path


def render(story: Story) -> str:
    """Return the page of a search."""
    env = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.PackageLoader("operant.benchmarks.reward_search", "."),
                jinja2.PackageLoader("operant.benchmarks.report", "."),  # its style sheet
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scale = Scale.of(story)
    env.filters.update(percent=scale.words, gif_uri=_gif_uri, score=score, mean_score=mean_score)
    chosen = story.chosen
    ids = {each.name: f"c{number}" for number, each in enumerate(story.candidates)}
    page: str = env.get_template("search.html.j2").render(
        story=story,
        chosen=chosen,
        task=story.search.get("task", {}),
        provider=_provider(story),
        light=LIGHT,
        dark=DARK,
        facts=_facts(story),
        spent=_spent(story.end.get("budget", {})),
        tree=svg.tree([_node(each, ids[each.name], chosen, scale) for each in story.candidates]),
        cards=[_card(each, ids, scale) for each in story.candidates],
        goal=scale.goal,
        galleries=_galleries(story),
        arms=_arms(story, scale),
        states=STATES,
        missing=MISSING,
    )
    return page


def _provider(story: Story) -> Mapping[str, str]:
    told = story.search.get("provider", {})
    kind = str(told.get("kind", ""))
    title, words = KINDS.get(kind, ("Unknown provider", "the lineage does not say who wrote this"))
    return {"kind": kind, "name": str(told.get("name", MISSING)), "title": title, "words": words}


def _facts(story: Story) -> list[tuple[str, str]]:
    count = dict.fromkeys(STATES, 0)
    for each in story.candidates:
        count[each.state] += 1
    return [
        ("Method", str(story.search.get("method", MISSING))),
        ("Form", str(story.search.get("form", MISSING))),
        ("Rounds", str(len({each.round for each in story.candidates}))),
        ("Candidates", str(len(story.candidates))),
        *((words.capitalize(), str(count[state])) for state, words in STATES.items()),
    ]


def _spent(budget: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, amount and limit of what was spent."""
    spent, limits = budget.get("spent", {}), budget.get("limits", {})
    return [
        (title, _amount(spent[name]), _amount(limits[name]) if name in limits else "no limit")
        for name, title in SPENT
        if spent.get(name)
    ]


def _amount(value: float) -> str:
    return steps(int(value)) if value >= 1000 else f"{value:.4g}"


def _node(each: Shown, anchor: str, chosen: Shown | None, scale: Scale) -> svg.Node:
    why = f": {each.error.stage}, {each.error.message}" if each.error is not None else ""
    return svg.Node(
        name=each.name,
        anchor=anchor,
        round=each.round,
        parents=each.parents,
        fitness=scale.place(each.fitness),
        label=scale.words(each.fitness),
        kind=each.state,
        chosen=each is chosen,
        words=f"{each.name}, {STATES[each.state]}{why}",
    )


def _card(each: Shown, ids: Mapping[str, str], scale: Scale) -> Mapping[str, Any]:
    """Return what the template shows of a candidate."""
    ended_well = [run for run in (*each.runs, *each.fresh) if run.status == "ok"]
    first = ended_well[0] if ended_well else None
    return {
        "data": each,
        "anchor": ids[each.name],
        "parents": [(name, ids.get(name, "")) for name in each.parents],
        "success": svg.curves(
            [getattr(run, run.metric) for run in ended_well],
            f"{scale.goal} of {each.name} over training, a line per seed",
            limits=scale.limits,
        )
        if ended_well
        else "",
        "terms": [
            (name, svg.summary(values), svg.curves([values], f"Term {name}", first=number + 1))
            for number, (name, values) in enumerate(first.terms.items())
        ]
        if first
        else [],
        "ends": [(how, percent(share)) for how, share in first.ends.items()] if first else [],
    }


def _galleries(story: Story) -> list[Mapping[str, Any]]:
    """Return the animations of each round side by side, where a judge saw them so."""
    if not story.preferences:
        return []
    won: dict[str, list[int]] = {}
    for preference in story.preferences:
        for name, win in ((preference.better, 1), (preference.other, 0)):
            won.setdefault(name, []).append(win)
    rounds = sorted({each.round for each in story.candidates})
    return [
        {
            "round": number,
            "shown": [
                (each, f"{sum(won[each.name])} of {len(won[each.name])} comparisons won")
                for each in story.candidates
                if each.round == number and each.name in won
            ],
        }
        for number in rounds
    ]


def _arms(story: Story, scale: Scale) -> list[tuple[str, str, list[str]]]:
    """Return name, mean and single scores of what was trained on fresh seeds."""
    chosen = story.chosen
    arms = dict(story.baselines)
    if chosen is not None and chosen.fresh:
        arms = {f"{chosen.name}, the chosen one": chosen.fresh, **arms}
    return [
        (
            ARMS.get(name, name),
            scale.words(mean_score(runs)),
            [scale.words(score(run)) if run.status == "ok" else run.status for run in runs],
        )
        for name, runs in arms.items()
    ]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """What scores of a search are, and how they are shown.

    Attributes:
        goal: Name of what is scored.
        low: Lowest score.
        high: Highest score.
    """

    goal: str
    low: float
    high: float

    @classmethod
    def of(cls, story: Story) -> Scale:
        """Return the scale of a search: success in percent, or returns as they came out."""
        runs = [run for each in story.candidates for run in each.runs if run.status == "ok"]
        if all(run.metric == "success" for run in runs):
            return cls(goal="True success", low=0.0, high=1.0)
        known = [each.fitness for each in story.candidates if each.fitness is not None]
        return cls(goal="True return", low=min(known, default=0.0), high=max(known, default=1.0))

    @property
    def limits(self) -> tuple[float, float] | None:
        """Limits of a curve; None for its own."""
        return (0.0, 1.0) if self.goal == "True success" else None

    def words(self, value: float | None) -> str:
        """Return a score as it is read."""
        if value is None:
            return MISSING
        return percent(value) if self.goal == "True success" else f"{value:.4g}"

    def place(self, value: float | None) -> float | None:
        """Return where a score lies between the lowest and the highest, in [0, 1]."""
        return None if value is None else (value - self.low) / ((self.high - self.low) or 1.0)


def _gif_uri(gif: bytes) -> Markup:
    return Markup("data:image/gif;base64,{}").format(base64.b64encode(gif).decode("ascii"))
