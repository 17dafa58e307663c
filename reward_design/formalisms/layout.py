"""Where the parts of a reward machine's diagram go.

States stand in columns by the longest way from the initial state, cycles left aside. Between two
columns of states is one of labels, so every label has a place of its own. An edge that passes
further columns has a place in each of them too; one that leads backwards is laid like a forward
one and drawn with its tip at the left. A way from a state to itself is a loop above the state.

Source: Methods for Visual Understanding of Hierarchical System Structures (Sugiyama, Tagawa, Toda,
1981): layers, placeholders, ordering by the mean of the neighbours.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence

from operant.reward_design.formalisms.logic import show_number
from operant.reward_design.formalisms.machine import RewardMachine

CHARACTER, LINE = 7.3, 16.0
"""Width of a character of the 12 px monospaced font, and height of a line, in pixels."""
WRAP = 26
"""Longest line of a label, in characters."""
MARGIN, GAP, LOOP, START, PORT = 24.0, 34.0, 30.0, 36.0, 14.0
"""Around everything; between columns; height of a loop; length of the arrow to the initial state;
between the ends of two lines at one state; in pixels."""
SWEEPS = 8
"""How often the order within columns is improved, from left to right and back in turn."""

Point = tuple[float, float]


@dataclasses.dataclass(slots=True, eq=False)
class Box:
    """A rectangle by its centre and size, in pixels, with lines of text.

    Attributes:
        above: Height that is kept free above it, for a loop.
        before: What it is joined to in the column on its left.
        after: The same on its right.
    """

    width: float
    height: float
    lines: list[str]
    x: float = 0.0
    y: float = 0.0
    above: float = 0.0
    before: list[Box] = dataclasses.field(default_factory=list)
    after: list[Box] = dataclasses.field(default_factory=list)

    @property
    def left(self) -> float:
        """Left edge."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Right edge."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """Upper edge."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.y + self.height / 2


@dataclasses.dataclass(slots=True)
class Arrow:
    """All edges from one state to another.

    Attributes:
        source: State before.
        target: State after.
        label: Guards and rewards.
        points: Corners of its line; none for a loop.
    """

    source: str
    target: str
    label: Box
    points: list[Point] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Layout:
    """The parts of a diagram.

    Attributes:
        states: State -> its box.
        arrows: The arrows.
        width: Width of everything.
        height: Height of everything.
    """

    states: dict[str, Box]
    arrows: list[Arrow]
    width: float
    height: float


def layout(machine: RewardMachine) -> Layout:
    """Place the states, arrows and labels of a machine."""
    states = {state: _state_box(machine, state) for state in machine.states}
    arrows = _arrows(machine)
    between = [arrow for arrow in arrows if arrow.source != arrow.target]
    depth = _depths(machine, between)
    columns: list[list[Box]] = [[] for _ in range(2 * max(depth.values()) + 1)]
    for state, box in states.items():
        columns[2 * depth[state]].append(box)
    chains = [_chain(arrow, states, depth, columns) for arrow in between]
    loops = [arrow for arrow in arrows if arrow.source == arrow.target]
    for loop in loops:
        states[loop.source].above = LOOP + loop.label.height
        states[loop.source].width = max(states[loop.source].width, loop.label.width)
    for box in states.values():  # room for the ends of all lines
        box.height = max(box.height, PORT * (1 + max(len(box.before), len(box.after))))
    _order(columns)
    _spread(columns)
    for loop in loops:
        loop.label.x = states[loop.source].x
        loop.label.y = states[loop.source].top - LOOP - loop.label.height / 2
    for arrow, chain in zip(between, chains, strict=True):
        arrow.points = _points(chain)
        if depth[arrow.source] > depth[arrow.target]:
            arrow.points.reverse()
    return _in_corner(states, arrows)


def _arrows(machine: RewardMachine) -> list[Arrow]:
    """Gather the edges by source and target."""
    lines: dict[tuple[str, str], list[str]] = {}
    for edge in machine.edges:
        text = str(edge).partition(": ")[2].replace(" ", "\N{NO-BREAK SPACE}")
        breakable = re.sub(r"([&|])\N{NO-BREAK SPACE}", r"\1 ", text)
        wrapped = textwrap.wrap(breakable, WRAP, subsequent_indent="  ", break_long_words=False)
        lines.setdefault((edge.source, edge.target), []).extend(wrapped)
    return [Arrow(*ends, _text_box(text)) for ends, text in lines.items()]


def _text_box(lines: list[str]) -> Box:
    return Box(CHARACTER * max(map(len, lines)) + 8.0, LINE * len(lines) + 4.0, lines)


def _state_box(machine: RewardMachine, state: str) -> Box:
    lines = [state]
    if state in machine.final:
        lines.append(f"end / {show_number(machine.final[state])}")
    box = _text_box(lines)
    return dataclasses.replace(box, width=max(box.width + 20.0, 72.0), height=box.height + 18.0)


def _depths(machine: RewardMachine, arrows: Sequence[Arrow]) -> dict[str, int]:
    """Return the length of the longest way to each state, leaving out arrows that close a cycle."""
    ahead: dict[str, list[str]] = {state: [] for state in machine.states}
    for arrow in arrows:
        ahead[arrow.source].append(arrow.target)
    finished: dict[str, list[str]] = {}  # state -> where its kept arrows lead; last finished last
    active: dict[str, Iterator[str]] = {machine.initial: iter(ahead[machine.initial])}
    while active:  # depth-first, without recursion
        state, todo = next(reversed(active.items()))
        fresh = next((t for t in todo if t not in finished and t not in active), None)
        if fresh is not None:
            active[fresh] = iter(ahead[fresh])
        else:
            del active[state]
            finished[state] = [target for target in ahead[state] if target in finished]
    depth = dict.fromkeys(machine.states, 0)
    for state in reversed(finished):
        for target in finished[state]:
            depth[target] = max(depth[target], depth[state] + 1)
    return depth


def _chain(
    arrow: Arrow, states: dict[str, Box], depth: dict[str, int], columns: list[list[Box]]
) -> list[Box]:
    """Give an arrow places in all columns between its states; return all boxes, left to right."""
    left, right = sorted((arrow.source, arrow.target), key=lambda state: depth[state])
    first, last = 2 * depth[left] + 1, 2 * depth[right]
    middle = first + (last - first) // 4 * 2
    inner = [arrow.label if i == middle else Box(0.0, 12.0, []) for i in range(first, last)]
    chain = [states[left], *inner, states[right]]
    for i, box in enumerate(inner, start=first):
        columns[i].append(box)
    for one, other in itertools.pairwise(chain):
        one.after.append(other)
        other.before.append(one)
    return chain


def _order(columns: list[list[Box]]) -> None:
    """Order each column by the mean height of the neighbours in the one before."""
    for column in columns:
        _stack(column)
    for sweep in range(SWEEPS):
        for column in columns[:: -1 if sweep % 2 else 1]:
            column.sort(key=lambda box: _mean_height(box, box.after if sweep % 2 else box.before))
            _stack(column)
    for _ in range(SWEEPS):  # straighten the lines, in the order found
        for column in columns:
            wanted = [_mean_height(box, box.before + box.after) for box in column]
            _stack(column, wanted)


def _mean_height(box: Box, neighbours: Sequence[Box]) -> float:
    return sum(each.y for each in neighbours) / len(neighbours) if neighbours else box.y


def _stack(column: Sequence[Box], wanted: Sequence[float] | None = None) -> None:
    """Put boxes below each other: around height 0, or as near as can be to the heights wanted."""
    wanted = [0.0] * len(column) if wanted is None else wanted
    floor = min(wanted) - 1e6
    for box, height in zip(column, wanted, strict=True):
        box.y = max(height, floor + box.above + box.height / 2)
        floor = box.bottom + LINE
    shift = sum(want - box.y for box, want in zip(column, wanted, strict=True)) / len(column)
    for box in column:
        box.y += shift


def _spread(columns: list[list[Box]]) -> None:
    """Put the columns beside each other."""
    left = 0.0
    for column in columns:
        width = max(box.width for box in column)
        for box in column:
            box.x = left + width / 2
            if not box.lines:  # a line that passes stays level beside the others
                box.width = width
        left += width + GAP


def _points(chain: Sequence[Box]) -> list[Point]:
    """Return the corners of a line from the first box to the last."""
    start, end = chain[0], chain[-1]
    points = [(start.right, start.y + _port(chain[1], start.after))]
    for box in chain[1:-1]:
        points += [(box.left, box.y), (box.right, box.y)]
    return [*points, (end.left, end.y + _port(chain[-2], end.before))]


def _port(box: Box, neighbours: Sequence[Box]) -> float:
    """Return where among the neighbours of a state the line to one ends, from the middle."""
    ordered = sorted(neighbours, key=lambda each: each.y)
    return PORT * (ordered.index(box) - (len(ordered) - 1) / 2)


def _in_corner(states: dict[str, Box], arrows: list[Arrow]) -> Layout:
    """Shift everything to positive coordinates and measure it."""
    boxes = [*states.values(), *(arrow.label for arrow in arrows)]
    left = min(box.left for box in boxes) - START - MARGIN
    top = min(box.top for box in boxes) - MARGIN
    for box in boxes:
        box.x, box.y = box.x - left, box.y - top
    for arrow in arrows:
        arrow.points = [(x - left, y - top) for x, y in arrow.points]
    width = max(box.right for box in boxes) + MARGIN
    height = max(box.bottom for box in boxes) + MARGIN
    return Layout(states, arrows, width, height)
