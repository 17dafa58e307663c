"""From text back to terms, whoever wrote it.

What a program returns is split into its addends. An addend that is a name, assigned once and used
nowhere else, is a term with that name; every other one is a term that cannot be taken apart. The
statements that terms depend on stay before them.
"""

from __future__ import annotations

import ast
import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator

from operant.reward_design.llm.language.errors import MAX_CHARACTERS
from operant.reward_design.llm.language.parsing import MAX_DEPTH, MAX_NODES
from operant.reward_design.llm.providers.mutate.terms import (
    ONE,
    Term,
    TermProgram,
    fresh_name,
    read_by,
    rounded,
    written,
)
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.forms import FORMS


def read_program(source: str, form: Form, features: frozenset[str]) -> TermProgram | None:
    """Return a program as terms, without those that read unknown features.

    Args:
        source: Text of any origin; nothing of it is run.
        form: What it should return.
        features: Names of the features that there are.

    Returns:
        None if it is no function of the form, has memory or more than one return, or is larger than
        the language allows.
    """
    function = parse_function(source)
    if function is None or not _has_signature(function, form):
        return None
    *statements, last = function.body
    if not isinstance(last, ast.Return) or any(
        isinstance(node, ast.Return) for each in statements for node in ast.walk(each)
    ):
        return None
    slots = _slots(last.value, form)
    if slots is None:
        return None
    return _Reader(function, statements, features).program(form, slots)


def parse_function(source: str) -> ast.FunctionDef | None:
    """Return the function that a text is, without its docstring; None if it is something else."""
    if len(source) > MAX_CHARACTERS:
        return None
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(module.body) != 1 or not isinstance(module.body[0], ast.FunctionDef):
        return None
    function = module.body[0]
    if not _is_small(function):
        return None
    if ast.get_docstring(function, clean=False) is not None:
        del function.body[0]
    return function if function.body else None


def _has_signature(function: ast.FunctionDef, form: Form) -> bool:
    """Return whether a function is one of a form, without memory."""
    signature = f"def {function.name}({ast.unparse(function.args)}):"
    return signature == FORMS[form].signature and function.returns is None


def _is_small(function: ast.FunctionDef) -> bool:
    """Return whether a tree may be walked through recursively; walks level by level itself."""
    level: list[ast.AST] = [function]
    count = 0
    for _ in range(2 * MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        count += len(level)
        if not level or count > 5 * MAX_NODES:
            return not level
    return False


def _slots(value: ast.expr | None, form: Form) -> list[ast.expr] | None:
    """Return the numbers that are returned; None if they are not of the form."""
    if form in ("reward", "potential"):
        return None if value is None else [value]
    if not isinstance(value, ast.List) or (form == "signs" and len(value.elts) != 2):
        return None
    return value.elts


class _Reader:
    """Knows where the names of a program get their values."""

    def __init__(
        self, function: ast.FunctionDef, statements: list[ast.stmt], features: frozenset[str]
    ) -> None:
        self._statements, self._features = statements, features
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        self._stored = Counter(node.id for node in names if isinstance(node.ctx, ast.Store))
        self._loaded = Counter(node.id for node in names if isinstance(node.ctx, ast.Load))
        self._moved: set[str] = set()  # names whose statements became terms
        self._plain = {
            each.targets[0].id: each
            for each in statements
            if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
        }

    def program(self, form: Form, slots: list[ast.expr]) -> TermProgram:
        """Return the program whose return is split so far."""
        whole = form == "factors"
        terms = _added(
            self._term(addend, sign, place, 0 if whole else slot)
            for slot, value in enumerate(slots)
            for place, (sign, addend) in enumerate([(1.0, value)] if whole else _addends(value), 1)
        )
        moved = {id(self._plain[name]) for name in self._moved}
        prelude = [each for each in self._statements if id(each) not in moved]
        known = [term for term in terms if self._is_readable(ast.parse(term.body))]
        if not all(map(self._is_readable, prelude)):
            prelude, known = [], [t for t in known if not self._locals(ast.parse(t.body))]
        read = TermProgram(form=form, terms=(), prelude=tuple(map(written, prelude)))
        return read.with_terms(known)

    def _term(self, addend: ast.expr, sign: float, place: int, slot: int) -> Term:
        """Return an addend as a term; what has no name is called as the language calls it."""
        weight, body = _weight_of(addend)
        if isinstance(body, ast.Name) and self._is_term(body.id):
            inner, value = _weight_of(self._plain[body.id].value)
            total = rounded(sign * weight * inner)
            self._moved.add(body.id)
            return Term(name=body.id, body=written(value), weight=total, slot=slot)
        name = f"term_{body.id}" if isinstance(body, ast.Name) else f"term{place}"
        name = fresh_name(name, self._stored)
        return Term(name=name, body=written(body), weight=rounded(sign * weight), slot=slot)

    def _is_term(self, name: str) -> bool:
        """Return whether a name is assigned once, used once, and could be assigned last."""
        if name not in self._plain or self._stored[name] != 1 or self._loaded[name] != 1:
            return False
        read = self._locals(self._plain[name].value)
        return all(self._stored[each] == 1 and each in self._plain for each in read)

    def _locals(self, node: ast.AST) -> set[str]:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        return names & set(self._stored)

    def _is_readable(self, node: ast.AST) -> bool:
        return read_by(node) <= self._features


def _added(terms: Iterable[Term]) -> list[Term]:
    """Return terms of which no two are the same but for their weights: these are added."""
    found: dict[tuple[str, int], Term] = {}
    for term in terms:
        key = (term.body, term.slot)
        if key in found:
            weight = rounded(found[key].weight + term.weight)
            term = dataclasses.replace(found[key], weight=weight)
        found[key] = term
    return list(found.values())


def _addends(value: ast.expr, sign: float = 1.0) -> Iterator[tuple[float, ast.expr]]:
    match value:
        case ast.BinOp(left, ast.Add() | ast.Sub() as operator, right):
            yield from _addends(left, sign)
            yield from _addends(right, sign if isinstance(operator, ast.Add) else -sign)
        case ast.UnaryOp(ast.USub(), operand):
            yield from _addends(operand, -sign)
        case _:
            yield sign, value


def _weight_of(value: ast.expr) -> tuple[float, ast.expr]:
    """Return a factor that is written down, and what it multiplies."""
    number = _number(value)
    if number is not None:
        return number, ast.Constant(float(ONE))
    match value:
        case ast.BinOp(left, ast.Mult(), right):
            for factor, other in ((left, right), (right, left)):
                number = _number(factor)
                if number is not None:
                    weight, body = _weight_of(other)
                    return number * weight, body
        case ast.UnaryOp(ast.USub(), operand):
            weight, body = _weight_of(operand)
            return -weight, body
    return 1.0, value


def _number(value: ast.expr) -> float | None:
    match value:
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
            return None if isinstance(number, bool) else -float(number)
    return None
