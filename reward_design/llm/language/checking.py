"""Statements: which names have values, which paths return, how often a loop turns.

The checked form of a program is again a tree of Python. In it all arithmetic is on floats (so that
no integer can grow without bound), every flag that counts as a number and every number that counts
as a flag says so, whatever comes from outside goes through ``float``, and a program's own names end
in an underscore, so that they hide nothing.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable

from operant.reward_design.llm.language.errors import Source
from operant.reward_design.llm.language.expressions import Expressions, Vocabulary
from operant.reward_design.llm.language.forms import Kind, as_number, call, local
from operant.reward_design.llm.language.vocabulary import MEMORY, RESERVED

MAX_LOOPS = 8
"""Most loops inside each other; Python itself has a limit there."""
MAX_TURNS = 4096
"""Most turns of a loop, those of the loops around it included."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A checked program.

    Attributes:
        body: Its statements in checked form.
        keys: Keys of ``info`` that it reads, in the order of their first use.
        reads_obs: Whether it reads ``obs`` or ``next_obs``.
        reads_action: Whether it reads ``action``.
        outputs: How many numbers it returns, as a tuple; 0 if it returns one number, not a tuple.
        mem_size: How many numbers it remembers.
    """

    body: tuple[ast.stmt, ...]
    keys: tuple[str, ...]
    reads_obs: bool
    reads_action: bool
    outputs: int = 0
    mem_size: int = 0


def check(function: ast.FunctionDef, source: Source, words: Vocabulary) -> Checked:
    """Check a parsed program.

    Args:
        function: What ``parse`` returned.
        source: Its text.
        words: What it may read.

    Raises:
        UnsafeRewardCodeError: If a rule is broken; says where, why and what to do.
    """
    checker = _Statements(source, words)
    body, returns = checker.block(function.body)
    if not returns:
        hint = "end with a return, after the last if or loop"
        raise source.refusal("return", "not every path returns a number", hint, function)
    return Checked(
        body=tuple(body),
        keys=tuple(checker.read),
        reads_obs=checker.reads_obs,
        reads_action=checker.reads_action,
        outputs=checker.outputs,
        mem_size=checker.mem_size,
    )


class _Statements(Expressions):
    """Walks through a program in the order in which it is written."""

    def __init__(self, source: Source, words: Vocabulary) -> None:
        super().__init__(source, words)
        self.outputs = 0  # in the list that is returned, if it is one
        self._loops = 0  # around this place
        self._turns = 1  # of all of them

    def block(self, statements: Iterable[ast.stmt]) -> tuple[list[ast.stmt], bool]:
        """Return the checked form of some statements, and whether they surely return."""
        forms: list[ast.stmt] = []
        returned = False
        for node in statements:
            if returned:
                raise self.source.refusal("return", "this is never reached", "delete it", node)
            form, returned = self._statement(node)
            forms.append(ast.copy_location(form, node))
        return forms, returned

    def _statement(self, node: ast.stmt) -> tuple[ast.stmt, bool]:
        match node:
            case ast.Return():
                return self._return(node), True
            case ast.If():
                return self._if(node)
            case ast.For():
                return self._for(node), False
            case ast.Assign([ast.Name() as target], value):
                return self._assign(target, value), False
            case ast.AugAssign(ast.Name() as target, operator, value):
                return self._assign(target, self._changed(target, operator, value)), False
            case ast.Assign([ast.Subscript(ast.Name(name)) as cell], value) if name == MEMORY:
                return self._remember(cell, value), False
            case ast.AugAssign(ast.Subscript(ast.Name(name)) as cell, operator, value) if (
                name == MEMORY
            ):
                now = ast.copy_location(ast.Subscript(cell.value, cell.slice, ast.Load()), cell)
                new = ast.copy_location(ast.BinOp(now, operator, value), cell)
                return self._remember(cell, new), False
        message, hint = "only a plain name can be assigned, one at a time", "write name = value"
        raise self.source.refusal("assign", message, hint, node)

    def _return(self, node: ast.Return) -> ast.stmt:
        if node.value is None:
            raise self.source.refusal("return", "this returns nothing", "return a number", node)
        if self.words.outputs is not None:
            return ast.Return(self._list(node.value, *self.words.outputs))
        return ast.Return(self._result(node.value))

    def _list(self, node: ast.expr, fewest: int, most: int) -> ast.expr:
        """Return the form of a list that is returned."""
        if not isinstance(node, (ast.List, ast.Tuple)):
            message, hint = "this returns no list", "write the numbers in brackets: return [a, b]"
            raise self.source.refusal("return", message, hint, node)
        count = len(node.elts)
        if not fewest <= count <= most:
            wanted = f"{fewest} to {most} numbers" if fewest < most else f"{most} numbers"
            message = f"the list has {count} numbers, and {wanted} are wanted"
            raise self.source.refusal("return", message, at=node)
        if self.outputs not in (0, count):
            message = f"the list has {count} numbers, and the one before it {self.outputs}"
            raise self.source.refusal("return", message, "return equally many everywhere", node)
        self.outputs = count
        return ast.copy_location(ast.Tuple([*map(self._result, node.elts)], ast.Load()), node)

    def _result(self, node: ast.expr) -> ast.expr:
        """Return the form of a number that is returned."""
        kind, form = self.value(node)
        if kind is Kind.VECTOR:
            raise self.vector(node)
        if kind is Kind.FLAG:
            message, hint = f"this returns {kind.value}", "write 1.0 if condition else 0.0"
            raise self.source.refusal("type", message, hint, node)
        return form

    def _remember(self, cell: ast.Subscript, value: ast.expr) -> ast.stmt:
        """Return the form of ``mem[i] = value``."""
        _, form = self.number(value)
        place = self.memory_cell(cell)
        place.ctx = ast.Store()
        return ast.Assign([place], form)

    def _assign(self, target: ast.Name, value: ast.expr) -> ast.stmt:
        kind, form = self.value(value)
        if kind is Kind.VECTOR:
            raise self.vector(value)
        self._give_value(target, Kind.FLAG if kind is Kind.FLAG else Kind.NUMBER)
        if self.kinds[target.id] is Kind.NUMBER:
            form = as_number(kind, form)
        return ast.Assign([local(target, ast.Store())], form)

    def _changed(self, target: ast.Name, operator: ast.operator, value: ast.expr) -> ast.expr:
        """Return what ``target op= value`` assigns."""
        now = ast.copy_location(ast.Name(target.id, ast.Load()), target)
        if self.value(now)[0] is Kind.FLAG:
            message = f"{target.id!r} is {Kind.FLAG.value}, which has no sums"
            raise self.source.refusal("type", message, f"begin with {target.id} = 0.0", target)
        return ast.copy_location(ast.BinOp(now, operator, value), target)

    def _give_value(self, target: ast.Name, kind: Kind) -> None:
        name = target.id
        if name in RESERVED or name in self.words.parameters or name.startswith("__"):
            message = f"{name!r} cannot be assigned: it has a meaning of its own"
            raise self.source.refusal("name", message, "choose another name", target)
        before = self.kinds.setdefault(name, kind)
        if before is not kind and (before, kind) != (Kind.NUMBER, Kind.FLAG):
            message = f"{name!r} is {before.value} elsewhere and {kind.value} here"
            raise self.source.refusal("type", message, "use two names", target)
        self.assigned.add(name)

    def _if(self, node: ast.If) -> tuple[ast.stmt, bool]:
        test, before = self.truth(node.test), set(self.assigned)
        body, returns = self.block(node.body)
        after, self.assigned = self.assigned, before
        other, other_returns = self.block(node.orelse)
        if other_returns:
            self.assigned = after
        elif not returns:
            self.assigned &= after
        return ast.If(test, body, other), returns and other_returns

    def _for(self, node: ast.For) -> ast.stmt:
        if node.orelse or not isinstance(node.target, ast.Name):
            message, hint = "a loop is 'for name in range(...):'", "without else"
            raise self.source.refusal("loop", message, hint, node)
        first, end = self._bounds(node.iter)
        turns = self._turns * (end - first)
        if not 0 < turns <= MAX_TURNS:
            message = f"this has {turns} turns, those of the loops around it included"
            raise self.source.refusal("loop", message, f"1 to {MAX_TURNS} are allowed", node.iter)
        if self._loops == MAX_LOOPS:
            message = f"loops nest deeper than {MAX_LOOPS}"
            raise self.source.refusal("loop", message, "use one range", node)
        around, before = (self._loops, self._turns), set(self.assigned)
        self._loops, self._turns = self._loops + 1, turns
        self._give_value(node.target, Kind.WHOLE)
        body, _ = self.block(node.body)
        self._loops, self._turns = around
        self.assigned = before  # that the loop turns at all is not relied upon
        span = call("range", [ast.Constant(first), ast.Constant(end)], node.iter)
        return ast.For(local(node.target, ast.Store()), span, body, [])

    def _bounds(self, node: ast.expr) -> tuple[int, int]:
        first: int | None = 0
        match node:
            case ast.Call(ast.Name("range"), [bound], []):
                end = self.whole(bound)
            case ast.Call(ast.Name("range"), [start, bound], []):
                first, end = self.whole(start), self.whole(bound)
            case _:
                end = None
        if first is None or end is None:
            message = "a loop goes over range(count) or range(first, end), with literal integers"
            raise self.source.refusal("loop", message, "as in range(10)", node)
        return first, end
