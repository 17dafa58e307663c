"""Programs on tensors of torch: all rows at once, on whatever device they lie.

There are no branches. Every expression is computed for all rows, and a mask says for which rows
Python would compute it; only in those can it fail or be assigned. Loops are unrolled.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from operant.reward_design.llm.language.checking import Checked
from operant.reward_design.llm.language.vocabulary import MEMORY

Tensor: TypeAlias = torch.Tensor


def as_tensors(
    checked: Checked,
    sizes: tuple[int, int, int],
    obs: Any,
    action: Any,
    next_obs: Any,
    info: Mapping[str, Any],
    mem: Any,
) -> dict[str, Any]:
    """Return what a batch is given as float64 tensors on one device.

    Args:
        checked: The program.
        sizes: Rows N, length of an observation, numbers in an action (0 if it is one number).
        obs: (N, D).
        action: (N,) or (N, A).
        next_obs: (N, D).
        info: Key -> (N,).
        mem: (N, M).

    Raises:
        ValueError: If one of them that is read has another shape.
    """
    rows, obs_size, action_size = sizes
    given = (obs, action, next_obs, *info.values(), mem)
    device = next((each.device for each in given if isinstance(each, Tensor)), None)

    def tensor(name: str, value: Any, *shape: int) -> Tensor:
        if not isinstance(value, Tensor):
            value = np.array(value, np.float64)  # a copy: torch wants arrays that can be written
        found = torch.as_tensor(value, dtype=torch.float64, device=device)
        if found.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {tuple(found.shape)}")
        return found

    nothing = torch.empty((rows, 0), dtype=torch.float64, device=device)
    tensors: dict[str, Any] = {"info": {}, MEMORY: nothing}
    for key in checked.keys:
        if key not in info:
            raise ValueError(f"info lacks {key!r}; the program reads {checked.keys}")
        tensors["info"][key] = tensor(f"info[{key!r}]", info[key], rows)
    if checked.reads_obs:
        tensors["obs"] = tensor("obs", obs, rows, obs_size)
        tensors["next_obs"] = tensor("next_obs", next_obs, rows, obs_size)
    if checked.reads_action:
        shape = (rows, action_size) if action_size else (rows,)
        tensors["action"] = tensor("action", action, *shape)
    if checked.mem_size:
        tensors[MEMORY] = tensor(MEMORY, mem, rows, checked.mem_size)
    return tensors


def to_host(value: Any) -> Any:
    """Return what was given for a batch with arrays instead of tensors."""
    if isinstance(value, Mapping):
        return {name: to_host(each) for name, each in value.items()}
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def like(tensor: Tensor, values: Any) -> Tensor:
    """Return an array as a tensor where another one lies."""
    return torch.as_tensor(values, device=tensor.device)


@torch.no_grad()
def run(checked: Checked, tensors: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Compute a batch.

    Returns:
        Results (N, outputs), the memory afterwards (N, M), and (N,) bool, in which rows Python
        would have stopped, where the results mean nothing.
    """
    machine = _Machine(checked, tensors)
    machine.block(checked.body, machine.everywhere)
    return machine.results, machine.memory, machine.failed


class _Machine:
    """What a batch has computed so far.

    Attributes:
        results: (N, outputs) float64.
        memory: (N, M) float64.
        failed: (N,) bool, rows in which Python would have stopped.
    """

    def __init__(self, checked: Checked, tensors: Mapping[str, Any]) -> None:
        self.memory: Tensor = tensors[MEMORY].clone()
        self._given, self._names = tensors, dict[str, Tensor]()
        self._counters: dict[str, int] = {}
        new = self.memory.new_zeros
        self.everywhere = new(len(self.memory), dtype=torch.bool).logical_not()
        self.failed = ~self.everywhere
        self.results = new((len(self.memory), max(checked.outputs, 1)))

    # ---- statements -------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], rows: Tensor) -> Tensor:
        """Run statements in some rows; returns the mask of those that have not returned."""
        for node in statements:
            rows = self._statement(node, rows)
        return rows

    def _statement(self, node: ast.stmt, rows: Tensor) -> Tensor:
        match node:
            case ast.Return(value):
                self._return(value, rows)
                return torch.zeros_like(rows)
            case ast.If(test, body, other):
                true = self._value(test, rows)
                return self.block(body, rows & true) | self.block(other, rows & ~true)
            case ast.For(
                ast.Name(name),
                ast.Call(_, [ast.Constant(int() as first), ast.Constant(int() as end)]),
            ):
                for turn in range(first, end):
                    self._counters[name] = turn
                    rows = self.block(node.body, rows)
            case ast.Assign([ast.Subscript(_, ast.Constant(int() as place))], value):
                new = self._value(value, rows)
                self.memory[:, place] = torch.where(rows, new, self.memory[:, place])
            case ast.Assign([ast.Name(name)], value):
                new = self._value(value, rows)
                old = self._names.get(name, new)
                self._names[name] = torch.where(rows, new, old)
        return rows

    def _return(self, value: ast.expr | None, rows: Tensor) -> None:
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        for place, part in enumerate(parts):
            if part is not None:
                new = self._value(part, rows)
                self.results[:, place] = torch.where(rows, new, self.results[:, place])

    # ---- expressions ------------------------------------------------------------------------

    def _value(self, node: ast.expr, rows: Tensor) -> Tensor:
        """Return the value of an expression, () or (N,); what other rows have means nothing."""
        match node:
            case ast.Constant(value):
                kind = torch.bool if isinstance(value, bool) else torch.float64
                return torch.tensor(value, dtype=kind, device=rows.device)
            case ast.Name("action"):
                action: Tensor = self._given["action"]
                return action
            case ast.Name(name) if name in self._counters:
                counter = float(self._counters[name])
                return torch.tensor(counter, dtype=torch.float64, device=rows.device)
            case ast.Name(name):
                return self._names[name]
            case ast.Subscript():
                return self._read(node, rows)
            case ast.Call(ast.Name(name), arguments):
                return self._call(name, [self._value(each, rows) for each in arguments], rows)
            case ast.BinOp(left, operator, right):
                return self._arithmetic(self._value(left, rows), operator, right, rows)
            case ast.UnaryOp(operator, operand):
                return _UNARY[type(operator)](self._value(operand, rows))
            case ast.BoolOp():
                return self._logic(node, rows)
            case ast.Compare():
                return self._compare(node, rows)
            case ast.IfExp(test, body, other):
                true = self._value(test, rows)
                sides = self._value(body, rows & true), self._value(other, rows & ~true)
                return torch.where(true, *sides)
        raise _unknown(node)

    def _read(self, node: ast.Subscript, rows: Tensor) -> Tensor:
        match node:
            case ast.Subscript(ast.Name("info"), ast.Constant(key)):
                column: Tensor = self._given["info"][key]
                return column
            case ast.Subscript(ast.Name(name), ast.Constant(int() as place)):
                table: Tensor = self.memory if name == MEMORY else self._given[name]
                return table[:, place].clone()  # what is remembered may change later
            case ast.Subscript(ast.Name(name), ast.Name(counter)):
                number = torch.full_like(self._given[name][:, :1], self._counters[counter])
                return self._element(self._given[name], number, rows)
            case ast.Subscript(ast.Name(name), ast.Call(_, [form])):  # index(form)
                number = self._value(form, rows).expand_as(rows)[:, None]
                return self._element(self._given[name], number, rows)
        raise _unknown(node)

    def _element(self, vectors: Tensor, number: Tensor, rows: Tensor) -> Tensor:
        """Return one element of each of N vectors, (N,); ``number`` (N, 1) says which."""
        size = vectors.shape[1]
        place = number.trunc()
        inside = (-size <= place) & (place < size)
        self._fail(~inside[:, 0], rows)
        if not size:
            return torch.zeros_like(rows, dtype=torch.float64)
        place = torch.where(inside, place % size, 0.0).to(torch.int64)
        return vectors.gather(1, place)[:, 0]

    def _arithmetic(
        self, left: Tensor, operator: ast.operator, node: ast.expr, rows: Tensor
    ) -> Tensor:
        right = self._value(node, rows)
        if isinstance(operator, (ast.Div, ast.FloorDiv, ast.Mod)):
            self._fail(right == 0.0, rows)
        return _BINARY[type(operator)](left, right)

    def _logic(self, node: ast.BoolOp, rows: Tensor) -> Tensor:
        value = self._value(node.values[0], rows)
        for side in node.values[1:]:
            true = value if value.dtype == torch.bool else value != 0.0
            goes_on = true if isinstance(node.op, ast.And) else ~true
            rows = rows & goes_on
            value = torch.where(goes_on, self._value(side, rows), value)
        return value

    def _compare(self, node: ast.Compare, rows: Tensor) -> Tensor:
        left = self._value(node.left, rows)
        true: Tensor = self.everywhere
        for operator, side in zip(node.ops, node.comparators, strict=True):
            rows = rows & true
            right = self._value(side, rows)
            true = true & _COMPARED[type(operator)](left, right)
            left = right
        return true

    def _call(self, name: str, values: Sequence[Tensor], rows: Tensor) -> Tensor:
        first = values[0]
        match name:
            case "sqrt":
                self._fail(first < 0.0, rows)
            case "log":
                self._fail(first <= 0.0, rows)
            case "log1p":
                self._fail(first <= -1.0, rows)
            case "sin" | "cos":
                self._fail(first.isinf(), rows)
            case "truncated" | "floor" | "ceil":
                self._fail(~first.isfinite(), rows)
            case "power":  # torch treats some exponents that are single numbers in other ways
                values = [each.expand_as(rows) for each in values]
        found = _FUNCTIONS[name](*values)
        if name in ("exp", "power"):
            finite = torch.stack([each.isfinite().expand_as(rows) for each in values]).all(0)
            self._fail(finite & ~found.isfinite(), rows)
        return found

    def _fail(self, bad: Tensor, rows: Tensor) -> None:
        self.failed |= bad & rows


def _unknown(node: ast.AST) -> TypeError:
    return TypeError(f"the checked form has no {ast.dump(node)}")


def _mod(x: Tensor, y: Tensor) -> Tensor:
    return _divided(x, y)[1]


def _floordiv(x: Tensor, y: Tensor) -> Tensor:
    return _divided(x, y)[0]


def _divided(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the whole quotient and the remainder of Python, step by step to the last bit."""
    rest = torch.fmod(x, y)
    quotient = (x - rest) / y
    across = (rest != 0.0) & ((y < 0.0) != (rest < 0.0))
    quotient = torch.where(across, quotient - 1.0, quotient)
    rest = torch.where(across, rest + y, rest)
    rest = torch.where(rest == 0.0, torch.copysign(torch.zeros_like(rest), y), rest)
    below = quotient.floor()
    below = torch.where(quotient - below > 0.5, below + 1.0, below)
    zero = torch.copysign(torch.zeros_like(quotient), x / y)
    return torch.where(quotient == 0.0, zero, below), rest


_UNARY: Mapping[type[ast.unaryop], Callable[[Tensor], Tensor]] = {
    ast.UAdd: torch.clone,
    ast.USub: torch.neg,
    ast.Not: torch.logical_not,
}
_BINARY: Mapping[type[ast.operator], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Add: torch.add,
    ast.Sub: torch.sub,
    ast.Mult: torch.mul,
    ast.Div: torch.div,
    ast.FloorDiv: _floordiv,
    ast.Mod: _mod,
}
_COMPARED: Mapping[type[ast.cmpop], Callable[[Tensor, Tensor], Tensor]] = {
    ast.Lt: torch.lt,
    ast.LtE: torch.le,
    ast.Gt: torch.gt,
    ast.GtE: torch.ge,
    ast.Eq: torch.eq,
    ast.NotEq: torch.ne,
}
_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "float": torch.clone,
    "abs": torch.abs,
    "fabs": torch.abs,
    "min": lambda x, y: torch.where(y < x, y, x),  # as Python's, also for what is not a number
    "max": lambda x, y: torch.where(y > x, y, x),
    "power": torch.pow,
    "truncated": lambda x: torch.trunc(x) + 0.0,  # Python's are integers, which have no -0.0
    "floor": lambda x: torch.floor(x) + 0.0,
    "ceil": lambda x: torch.ceil(x) + 0.0,
    "sqrt": torch.sqrt,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "cos": torch.cos,
    "atan2": torch.atan2,
    "hypot": torch.hypot,
    "copysign": torch.copysign,
    "isfinite": torch.isfinite,
}
"""What the names in a program are to torch."""
