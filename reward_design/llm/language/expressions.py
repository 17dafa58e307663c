"""Expressions: of which kind each is, and its checked form."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from operant.reward_design.llm.language.errors import Source, UnsafeRewardCodeError, near
from operant.reward_design.llm.language.forms import (
    Kind,
    applied,
    as_number,
    call,
    kind_of,
    literal,
    local,
    name_of,
    written,
)
from operant.reward_design.llm.language.vocabulary import FUNCTIONS, MAX_MEMORY, MEMORY, RESERVED

MAX_NUMBER = 1e12
"""Largest number that can be written down."""
MAX_LITERAL_EXPONENT = 16
"""Largest exponent of a power of two numbers that are written down."""


Value: TypeAlias = tuple[Kind, ast.expr]
"""Kind of an expression, and its checked form."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """What a program may read.

    Attributes:
        parameters: Parameters of its entry point.
        obs_size: Length of an observation; 0 if it has no elements to read.
        keys: Keys of ``info``.
        arrays: Features that are no numbers, name -> shape: no program can read them.
        action_size: Numbers in an action; 0 if it is a number itself.
        outputs: Fewest and most numbers in the list that is returned; None if it is no list.
    """

    parameters: Sequence[str]
    obs_size: int
    keys: Sequence[str]
    arrays: Mapping[str, tuple[int, ...]]
    action_size: int = 0
    outputs: tuple[int, int] | None = None


class Expressions:
    """Checks expressions; each is visited once, in the order in which it is written.

    Attributes:
        kinds: Kind of each name that was assigned so far.
        assigned: Names that surely have a value at this place.
        read: Keys of ``info`` that were read so far, in order.
        reads_obs: Whether an observation was read.
        reads_action: Whether the action was.
        mem_size: Numbers of the memory up to the last that was read or assigned.
    """

    def __init__(self, source: Source, words: Vocabulary) -> None:
        """Start with nothing assigned."""
        self.source, self.words = source, words
        self.kinds: dict[str, Kind] = {}
        self.assigned: set[str] = set()
        self.read: dict[str, None] = {}
        self.reads_obs = self.reads_action = False
        self.mem_size = 0

    @property
    def _action_is_a_vector(self) -> bool:
        return self.words.action_size > 0 and "action" in self.words.parameters

    def value(self, node: ast.expr) -> Value:
        """Return kind and form of an expression."""
        kind, form = self._visit(node)
        return kind, ast.copy_location(form, node)

    def number(self, node: ast.expr) -> Value:
        """Return the same for something that must count as a number."""
        kind, form = self.value(node)
        if kind is Kind.VECTOR:
            raise self.vector(node)
        return (Kind.NUMBER if kind is Kind.FLAG else kind), as_number(kind, form)

    def truth(self, node: ast.expr) -> ast.expr:
        """Return the form of something that must count as a flag; a number does if it is not 0."""
        if isinstance(node, ast.BoolOp):
            return ast.copy_location(ast.BoolOp(node.op, [*map(self.truth, node.values)]), node)
        kind, form = self.value(node)
        if kind is Kind.VECTOR:
            raise self.vector(node)
        if kind is Kind.FLAG:
            return form
        zero = ast.copy_location(ast.Constant(0.0), node)
        return ast.copy_location(ast.Compare(form, [ast.NotEq()], [zero]), node)

    def whole(self, node: ast.expr) -> int | None:
        """Return the integer that is written down, with or without a minus, or None."""
        number = literal(node)
        if number is not None and not -MAX_NUMBER <= number <= MAX_NUMBER:
            raise self.source.refusal("number", f"numbers go up to {MAX_NUMBER:g}", at=node)
        return number

    def vector(self, node: ast.expr) -> UnsafeRewardCodeError:
        """Return the error for a vector where there can be none."""
        name = node.id if isinstance(node, ast.Name) else "obs"
        hint = f"take an element, as in {name}[0]"
        return self.source.refusal("type", "a vector can only be indexed", hint, node)

    def _visit(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value):
                return self._constant(value, node)
            case ast.Name():
                return self._name(node)
            case ast.Subscript():
                return self._read(node)
            case ast.Call():
                return self._call(node)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.UnaryOp(ast.Not(), operand):
                return Kind.FLAG, ast.UnaryOp(ast.Not(), self.truth(operand))
            case ast.UnaryOp(sign, operand):
                kind, form = self.number(operand)
                return kind, ast.UnaryOp(sign, form)
            case ast.BoolOp():
                return self._logic(node)
            case ast.Compare(left, operators, others):
                forms = [self.number(each)[1] for each in (left, *others)]
                return Kind.FLAG, ast.Compare(forms[0], operators, forms[1:])
            case ast.IfExp():
                return self._choice(node)
        raise self._attribute(node)

    def _constant(self, value: object, node: ast.expr) -> Value:
        if isinstance(value, bool):
            return Kind.FLAG, ast.Constant(value)
        if not isinstance(value, (int, float)):
            message = f"a {type(value).__name__} is no value of the language"
            hint = 'text stands only in info["name"]' if isinstance(value, str) else ""
            raise self.source.refusal("type", message, hint, node)
        if not value <= MAX_NUMBER:
            raise self.source.refusal("number", f"numbers go up to {MAX_NUMBER:g}", at=node)
        return kind_of(isinstance(value, int)), ast.Constant(float(value))

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.assigned:
            kind, form = self.kinds[node.id], local(node, ast.Load())
            return kind, call("float", [form], node) if kind is Kind.WHOLE else form
        if node.id == "action" and node.id in self.words.parameters:
            self.reads_action = True
            if self._action_is_a_vector:
                return Kind.VECTOR, name_of(node)
            return Kind.NUMBER, call("float", [name_of(node)], node)
        if node.id in ("obs", "next_obs", MEMORY) and node.id in self.words.parameters:
            return Kind.VECTOR, name_of(node)
        raise self._unknown(node, node.id)

    def _unknown(self, node: ast.Name, name: str) -> UnsafeRewardCodeError:
        """Return the error for a name without a value."""
        if name in self.kinds:
            message = f"{name!r} does not have a value on every path that leads here"
            hint = "assign it before the if or the loop"
            return self.source.refusal("unassigned", message, hint, node)
        if name in self.words.keys or name == "info":
            hint = f'write info["{name if name in self.words.keys else "name"}"]'
            return self.source.refusal("name", f"{name!r} alone is no value", hint, node)
        if name in RESERVED:
            hint = f"this program has {', '.join(self.words.parameters)}"
            hint = "call it" if name in FUNCTIONS else hint
            return self.source.refusal("name", f"{name!r} is no value here", hint, node)
        hint = near(name, [*sorted(self.assigned), *self.words.parameters])
        return self.source.refusal("name", f"unknown name {name!r}", hint, node)

    def _read(self, node: ast.Subscript) -> Value:
        match node.value:
            case ast.Name("info") as table:
                key = self._key(node.slice)
                self.read[key] = None
                place: ast.expr = ast.copy_location(ast.Constant(key), node.slice)
            case ast.Name("obs" | "next_obs" as name) as table if name in self.words.parameters:
                self.reads_obs = True
                place = self._index(node.slice, self.words.obs_size, "an observation")
            case ast.Name("action") as table if self._action_is_a_vector:
                self.reads_action = True
                place = self._index(node.slice, self.words.action_size, "an action")
            case ast.Name(name) if name == MEMORY and name in self.words.parameters:
                return Kind.NUMBER, self.memory_cell(node)
            case _:
                plain = () if self._action_is_a_vector else ("action",)
                readable = [f"{name}[...]" for name in self.words.parameters if name not in plain]
                hint = f"only {', '.join(readable)} can be"
                raise self.source.refusal("index", "this cannot be indexed", hint, node)
        element = ast.copy_location(ast.Subscript(name_of(table), place, ast.Load()), node)
        return Kind.NUMBER, call("float", [element], node)

    def _key(self, node: ast.expr) -> str:
        """Return the key of ``info`` that a subscript names."""
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            message, hint = "the name of a feature must be written down", 'as in info["name"]'
            raise self.source.refusal("feature", message, hint, node)
        key, keys = node.value, self.words.keys
        name = key.removeprefix("prev_")
        if key in keys:
            return key
        if name in self.words.arrays:
            message = f"feature {name!r} is no number: its shape is {self.words.arrays[name]}"
            raise self.source.refusal("feature", message, "read another one", node)
        hint = near(key, keys)
        if name in keys:
            hint = f'a potential sees one state: write info["{name}"]'
        raise self.source.refusal("feature", f"unknown feature {key!r}", hint, node)

    def memory_cell(self, node: ast.Subscript) -> ast.Subscript:
        """Return the form of ``mem[i]``."""
        if MEMORY not in self.words.parameters:
            message = "this program declares no memory"
            hint = f"write def ...({', '.join(self.words.parameters)}, {MEMORY}):"
            raise self.source.refusal("name", message, hint, node)
        number = self.whole(node.slice)
        if number is None or not 0 <= number < MAX_MEMORY:
            message = f"the place in {MEMORY} must be written down, 0 to {MAX_MEMORY - 1}"
            raise self.source.refusal("index", message, f"as in {MEMORY}[0]", node.slice)
        self.mem_size = max(self.mem_size, number + 1)
        name = ast.copy_location(ast.Name(MEMORY, ast.Load()), node.value)
        place = ast.copy_location(ast.Constant(number), node.slice)
        return ast.copy_location(ast.Subscript(name, place, ast.Load()), node)

    def _index(self, node: ast.expr, size: int, whole: str) -> ast.expr:
        """Return the form of an index into a vector of some size."""
        number = self.whole(node)
        if number is not None:
            if not -size <= number < size:
                message = f"index {number} is outside {whole} of {size} numbers"
                hint = f"use 0 to {size - 1}" if size else 'read features, as in info["name"]'
                raise self.source.refusal("index", message, hint, node)
            return ast.copy_location(ast.Constant(number % size), node)
        kind, form = self.value(node)
        if kind is not Kind.WHOLE:
            message = f"an index must be a whole number, and this is {kind.value}"
            raise self.source.refusal("type", message, "write int(...) around it", node)
        if isinstance(node, ast.Name):  # the counter of a loop, which need not go through float
            return local(node, ast.Load())
        return call("index", [form], node)

    def _call(self, node: ast.Call) -> Value:
        match node.func:
            case ast.Name(name):
                path = name
            case ast.Attribute(ast.Name("math"), name):
                path = f"math.{name}"
            case ast.Attribute() as attribute:
                raise self._attribute(attribute)
            case _:
                raise self.source.refusal("call", "only a named function is called", at=node)
        if path not in FUNCTIONS:
            twin = name if path != name else f"math.{name}"
            hint = f"write {twin}" if twin in FUNCTIONS else near(path, FUNCTIONS)
            raise self.source.refusal("call", f"unknown function {path!r}", hint, node)
        known = FUNCTIONS[path]
        fewest, most = known.arguments
        if node.keywords or not fewest <= len(node.args) <= most:
            count = f"{fewest} to {most} arguments" if fewest < most else f"{most} argument(s)"
            raise self.source.refusal("call", f"{path} takes {count}, by position", at=node)
        given = [self.number(argument) for argument in node.args]
        whole = known.whole == "kept" and all(kind is Kind.WHOLE for kind, _ in given)
        form = applied(name, [form for _, form in given], node)
        return Kind.FLAG if known.flag else kind_of(whole or known.whole == "always"), form

    def _arithmetic(self, node: ast.BinOp) -> Value:
        (kind, left), (other, right) = self.number(node.left), self.number(node.right)
        if isinstance(node.op, ast.Pow):
            base, exponent = written(node.left), written(node.right)
            if base is not None and exponent is not None and abs(exponent) > MAX_LITERAL_EXPONENT:
                message = f"the exponent is beyond {MAX_LITERAL_EXPONENT}"
                raise self.source.refusal("number", message, "write the number itself", node)
            return Kind.NUMBER, call("power", [left, right], node)
        whole = kind is other is Kind.WHOLE and not isinstance(node.op, ast.Div)
        return kind_of(whole), ast.BinOp(left, node.op, right)

    def _logic(self, node: ast.BoolOp) -> Value:
        sides = [self.value(each) for each in node.values]
        kind = self._common(sides, node.values)
        if kind is Kind.FLAG:
            return kind, ast.BoolOp(node.op, [form for _, form in sides])
        return kind, ast.BoolOp(node.op, [as_number(of, form) for of, form in sides])

    def _choice(self, node: ast.IfExp) -> Value:
        test = self.truth(node.test)
        sides = [self.value(node.body), self.value(node.orelse)]
        kind = self._common(sides, [node.body, node.orelse])
        if kind is Kind.FLAG:
            return kind, ast.IfExp(test, *(form for _, form in sides))
        return kind, ast.IfExp(test, *(as_number(of, form) for of, form in sides))

    def _common(self, sides: Sequence[Value], nodes: Sequence[ast.expr]) -> Kind:
        """Return the kind of something that is one of several values."""
        for (kind, _), node in zip(sides, nodes, strict=True):
            if kind is Kind.VECTOR:
                raise self.vector(node)
        kinds = {kind for kind, _ in sides}
        return kinds.pop() if len(kinds) == 1 else Kind.NUMBER

    def _attribute(self, node: ast.expr) -> UnsafeRewardCodeError:
        """Return the error for an attribute."""
        hint = f"known: {', '.join(FUNCTIONS)}"
        match node:
            case ast.Attribute(ast.Name("info"), name):
                hint = f'write info["{name}"]'
            case ast.Attribute(ast.Name("math"), name) if f"math.{name}" in FUNCTIONS:
                hint = f"call it: math.{name}(...)"
            case ast.Attribute(ast.Name("math"), "pi"):
                hint = "write 3.141592653589793"
            case ast.Attribute(_, name) if f"math.{name}" in FUNCTIONS:
                hint = f"write math.{name}"
            case ast.Attribute(_, name) if name in FUNCTIONS:
                hint = f"write {name}"
        return self.source.refusal("attribute", "nothing here has attributes", hint, node)
