"""Small drawings of a search as inline SVG; colours come from the page's style sheet."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from markupsafe import Markup

WIDTH, HEIGHT, PAD = 220.0, 56.0, 4.0
"""Of a curve's drawing, in its own units."""
COLUMN, ROW, MARGIN, LABEL = 200.0, 30.0, 26.0, 96.0
"""Distances of the tree's candidates, and the width of their labels, in its own units."""
SERIES = 8
"""Number of colours."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A candidate in the tree.

    Attributes:
        name: Its name.
        anchor: Id of its card on the page.
        round: Column, from 0.
        parents: Names of the candidates it was made from.
        fitness: How full its disc is, in [0, 1]; None for an empty one without a label.
        label: Its fitness in words.
        kind: ``"trained"``, ``"failed"``, ``"rejected"`` or ``"untried"``.
        chosen: Whether the search proposes it.
        words: What is known of it, shown on hover.
    """

    name: str
    anchor: str
    round: int
    parents: tuple[str, ...]
    fitness: float | None
    label: str
    kind: str
    chosen: bool
    words: str


def curves(
    lines: Sequence[Sequence[float | None]],
    description: str,
    *,
    limits: tuple[float, float] | None = None,
    first: int = 0,
) -> Markup:
    """Draw curves over evaluations at even distances.

    Args:
        lines: One curve each; what is no number leaves a gap.
        description: What it shows, for those who cannot see it.
        limits: Lowest and highest value of the axis; None for those of the curves.
        first: Number of the first curve's colour.
    """
    known = [0.0, *(value for line in lines for value in line if _is_number(value))]
    low, high = limits or (min(known), max(known))
    span = (high - low) or 1.0

    def place(index: int, count: int, value: float) -> str:
        x = PAD + (WIDTH - 2 * PAD) * index / max(count - 1, 1)
        y = HEIGHT - PAD - (HEIGHT - 2 * PAD) * (min(max(value, low), high) - low) / span
        return f"{x:.1f},{y:.1f}"

    drawn = Markup("").join(
        Markup('<polyline points="{}" style="stroke:var(--s-{})"/>').format(
            " ".join(place(i, len(line), v) for i, v in enumerate(line) if _is_number(v)),
            (first + number) % SERIES,
        )
        for number, line in enumerate(lines)
    )
    zero = place(0, 1, 0.0).partition(",")[2]
    return Markup(
        '<svg class="curve" viewBox="0 0 {w:g} {h:g}" role="img" aria-label="{what}">'
        '<line class="zero" x1="0" x2="{w:g}" y1="{y}" y2="{y}"/>{lines}</svg>'
    ).format(w=WIDTH, h=HEIGHT, what=description, y=zero, lines=drawn)


def tree(nodes: Sequence[Node]) -> Markup:
    """Draw who was made from whom: a column per round, a link to each candidate's card."""
    rows: dict[int, int] = {}
    places: dict[str, tuple[float, float]] = {}
    for node in nodes:
        row = rows.get(node.round, 0)
        rows[node.round] = row + 1
        places[node.name] = (MARGIN + COLUMN * node.round, 2 * MARGIN + ROW * row)
    width = MARGIN + COLUMN * (max(rows, default=0) + 1)
    height = 2 * MARGIN + ROW * max(rows.values(), default=0)
    edges = [
        _edge(places[parent], places[node.name], chosen=node.chosen)
        for node in nodes
        for parent in node.parents
        if parent in places
    ]
    heads = [
        Markup('<text class="head" x="{:g}" y="{:g}">Round {}</text>').format(
            MARGIN - 9 + COLUMN * number, MARGIN - 6, number
        )
        for number in sorted(rows)
    ]
    marks = [_mark(node, *places[node.name]) for node in nodes]
    return Markup(
        '<svg class="tree" viewBox="0 0 {w:g} {h:g}" width="{w:g}" height="{h:g}" role="group" '
        'aria-label="Tree of candidates">{parts}</svg>'
    ).format(w=width, h=height, parts=Markup("").join([*heads, *edges, *marks]))


def _edge(start: tuple[float, float], end: tuple[float, float], *, chosen: bool) -> Markup:
    x, y, to_x, to_y = start[0] + LABEL, start[1], end[0] - 13, end[1]
    bend = (x + to_x) / 2
    return Markup('<path class="{}" d="M{:g},{:g} C{:g},{:g} {:g},{:g} {:g},{:g}"/>').format(
        "edge chosen" if chosen else "edge", x, y, bend, y, bend, to_y, to_x, to_y
    )


def _mark(node: Node, x: float, y: float) -> Markup:
    strength = 0.0 if node.fitness is None else min(max(node.fitness, 0.0), 1.0)
    shape = Markup('<circle class="{}" cx="{:g}" cy="{:g}" r="9" style="fill-opacity:{:.2f}"/>')
    cross = Markup('<path class="cross" d="M{:g},{:g} l10,10 m0,-10 l-10,10"/>')
    drawn = [
        cross.format(x - 5, y - 5)
        if node.kind == "rejected"
        else shape.format(f"node {node.kind}", x, y, strength)
    ]
    if node.chosen:
        drawn.append(Markup('<circle class="ring" cx="{:g}" cy="{:g}" r="12.5"/>').format(x, y))
    score = "" if node.fitness is None else f" {node.label}"
    return Markup(
        '<a href="#{}"><title>{}</title>{}<text x="{:g}" y="{:g}">{}<tspan>{}</tspan></text></a>'
    ).format(node.anchor, node.words, Markup("").join(drawn), x + 17, y + 4, node.name, score)


def summary(values: Sequence[float | None]) -> Mapping[str, float] | None:
    """Return lowest, mean and highest value of a curve, or None if it holds no number."""
    known = [value for value in values if _is_number(value)]
    if not known:
        return None
    return {"min": min(known), "mean": math.fsum(known) / len(known), "max": max(known)}


def _is_number(value: float | None) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and math.isfinite(value)
