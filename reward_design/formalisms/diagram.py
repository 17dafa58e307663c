"""Reward machines as pictures: one self-contained SVG, readable on light and on dark pages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from html import escape

from operant.reward_design.formalisms.layout import (
    CHARACTER,
    LINE,
    LOOP,
    START,
    Arrow,
    Box,
    Layout,
    Point,
    layout,
)
from operant.reward_design.formalisms.machine import RewardMachine

# The drawing brings its own light panel, so it reads the same whatever lies behind it.
_STYLE = """\
.panel { fill: #fbfbfd; stroke: #d3d8e0; }
.state { fill: #e8f0fa; stroke: #33669e; stroke-width: 1.5; }
.ring { fill: none; stroke: #33669e; }
.way { fill: none; stroke: #5b6472; stroke-width: 1.4; marker-end: url(#tip); }
.paper { fill: #fbfbfd; }
#tip path { fill: #5b6472; }
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1c222b; }
.name { font-weight: bold; text-anchor: middle; }
.note { text-anchor: middle; }"""


def diagram(machine: RewardMachine, *, title: str = "Reward machine") -> str:
    r"""Draw a machine as SVG.

    Rounded boxes are states, with what an episode is paid that ends there; a double line marks
    terminal ones. Edges carry "guard / reward".

    Args:
        machine: The machine.
        title: What screen readers say.

    >>> from operant.reward_design.formalisms.text import parse_machine
    >>> machine = parse_machine("initial out\nterminal in\nout -> in: door_open / 1")
    >>> diagram(machine).startswith("<svg")
    True
    """
    drawing = layout(machine)
    width, height = math.ceil(drawing.width), math.ceil(drawing.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 0.5 L8 4 L0 7.5 Z"/></marker></defs>',
        f'<rect class="panel" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        *(_way(drawing, arrow) for arrow in drawing.arrows),
        _start(drawing.states[machine.initial]),
        *(_label(arrow.label) for arrow in drawing.arrows),
        *(_state(box, state in machine.terminal) for state, box in drawing.states.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _way(drawing: Layout, arrow: Arrow) -> str:
    if arrow.points:
        return f'<path class="way" d="{_smooth(arrow.points)}"/>'
    box = drawing.states[arrow.source]  # a loop above it
    left, right, high = box.x - 14, box.x + 14, box.top - LOOP - 6
    curve = f"C{left - 10:.1f} {high:.1f} {right + 10:.1f} {high:.1f} {right:.1f} {box.top:.1f}"
    return f'<path class="way" d="M{left:.1f} {box.top:.1f} {curve}"/>'


def _smooth(points: Sequence[Point]) -> str:
    """Return a path through the points that is level at each of them."""
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (x0 + x1) / 2
        path.append(f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
    return " ".join(path)


def _start(box: Box) -> str:
    x = box.left - START
    return f'<path class="way" d="M{x:.1f} {box.y:.1f} L{box.left:.1f} {box.y:.1f}"/>'


def _label(box: Box) -> str:
    lines = []
    for i, line in enumerate(box.lines):
        indent = len(line) - len(line.lstrip())
        x = box.left + 4 + CHARACTER * indent
        y = box.top + 2 + LINE * (i + 0.75)
        lines.append(f'<text x="{x:.1f}" y="{y:.1f}">{escape(line.strip())}</text>')
    return _rectangle("paper", box, 0) + "".join(lines)


def _state(box: Box, terminal: bool) -> str:
    ring = _rectangle("ring", box, 4) if terminal else ""
    base = box.y - LINE * len(box.lines) / 2
    lines = "".join(
        f'<text class="{"note" if i else "name"}" x="{box.x:.1f}" '
        f'y="{base + LINE * (i + 0.75):.1f}">{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    )
    return _rectangle("state", box, 0) + ring + lines


def _rectangle(kind: str, box: Box, inset: float) -> str:
    width, height = box.width - 2 * inset, box.height - 2 * inset
    return (
        f'<rect class="{kind}" x="{box.left + inset:.1f}" y="{box.top + inset:.1f}" '
        f'width="{width:.1f}" height="{height:.1f}" rx="{12 - inset:g}"/>'
    )
