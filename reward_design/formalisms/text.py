"""The text format of reward machines: one edge per line.

.. code-block:: text

    initial no_key                          # where every episode starts
    terminal done                           # where the machine's work is done
    no_key -> key:    has_key
    key    -> no_key: !has_key & !door_open
    key    -> open:   door_open      / 0.1  # guard / reward; no reward means 0
    open   -> done:   steps_to_goal == 0 / 1
    open   -> open:   else           / -0.01
    end open / -1                           # paid on top if the episode ends there
"""

from __future__ import annotations

from operant.reward_design.formalisms.logic import FormulaError
from operant.reward_design.formalisms.machine import Edge, RewardMachine
from operant.reward_design.formalisms.reader import Reader, Symbol

_WORDS = ("initial", "terminal", "end")


def parse_machine(text: str) -> RewardMachine:
    r"""Read a reward machine.

    Every line is an edge, ``source -> target: guard / reward``, or one of ``initial STATE``,
    ``terminal STATE, STATE, ...`` and ``end STATE / reward``. A guard is a formula over features or
    ``else``; what follows ``#`` is a comment.

    Raises:
        FormulaError: If it is malformed, with line, column and reason.
        TypeError: If it is no text.

    >>> machine = parse_machine("initial out\nterminal in\nout -> in: door_open / 1")
    >>> machine.states
    ('out', 'in')
    """
    if not isinstance(text, str):
        raise TypeError(f"the machine must be text, got {text!r}")
    draft = _Draft()
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].rstrip()
        if content:
            draft.read(Reader(content, number))
    if draft.initial is None:
        raise FormulaError("no line 'initial STATE' says where the machine starts", 1, 1)
    draft.check_states()
    return RewardMachine(
        initial=draft.initial.text,
        edges=tuple(draft.edges),
        terminal=tuple(draft.terminal),
        final=draft.final,
    )


class _Draft:
    """What was read so far."""

    def __init__(self) -> None:
        self.initial: Symbol | None = None
        self.edges: list[Edge] = []
        self.terminal: dict[str, None] = {}
        self.final: dict[str, float] = {}
        self._mentions: list[tuple[Reader, Symbol]] = []  # states outside of edges

    def read(self, reader: Reader) -> None:
        """Read one line that is not empty."""
        word = reader.skip(*_WORDS)
        if not word:
            self.edges.append(_edge(reader))
        elif word == "initial":
            self._initial(reader)
        elif word == "terminal":
            self.terminal[self._state(reader)] = None
            while reader.skip(","):
                self.terminal[self._state(reader)] = None
        else:
            self._end(reader)
        reader.close()

    def check_states(self) -> None:
        """Make sure that all states have edges, and that terminal ones are not paid at the end."""
        known = {state for edge in self.edges for state in (edge.source, edge.target)}
        for reader, symbol in self._mentions:
            if symbol.text not in known:
                raise reader.error(f"no edge leads from or to {symbol.text!r}", symbol.column)
            if symbol.text in self.terminal and symbol.text in self.final:
                raise reader.error(
                    f"{symbol.text!r} is terminal and pays nothing at the end", symbol.column
                )

    def _initial(self, reader: Reader) -> None:
        if self.initial is not None:
            raise reader.error(f"a second initial state; the first is {self.initial.text!r}", 1)
        self._state(reader)
        self.initial = self._mentions[-1][1]

    def _end(self, reader: Reader) -> None:
        state = self._state(reader)
        symbol = self._mentions[-1][1]
        if state in self.final:
            raise reader.error(f"a second final reward of {state!r}", symbol.column)
        reader.expect("/")
        self.final[state] = reader.number()

    def _state(self, reader: Reader) -> str:
        symbol = reader.name("a state")
        self._mentions.append((reader, symbol))
        return symbol.text


def _edge(reader: Reader) -> Edge:
    source = reader.name("a state, 'initial', 'terminal' or 'end'").text
    reader.expect("->")
    target = reader.name("a state").text
    reader.expect(":")
    column = reader.next.column
    guard = None if reader.skip("else") else reader.formula()
    reward = reader.number() if reader.skip("/") else 0.0
    return Edge(
        source=source, target=target, guard=guard, reward=reward, line=reader.line, column=column
    )
