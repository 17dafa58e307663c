"""From text to a tree that holds nothing but parts of the language, within fixed limits.

What passes is small and shallow: whoever reads the tree after this may do so recursively.
"""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from typing import Any

from operant.reward_design.llm.language.errors import Source, UnsafeRewardCodeError
from operant.reward_design.llm.language.vocabulary import MEMORY, OUTPUTS, PARAMETERS

MAX_NODES = 600
"""Most statements and expressions."""
MAX_DEPTH = 40
"""Deepest nesting, of brackets in the text and of the tree."""

ALLOWED = (
    *(ast.Assign, ast.AugAssign, ast.If, ast.For, ast.Return),
    *(ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.keyword),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or),
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
    *(ast.Load, ast.Store),
)
"""Nodes of Python that are part of the language."""
_OTHERS = {
    ast.Import: ("an import", "math is there without it; delete this line"),
    ast.ImportFrom: ("an import", "math is there without it; delete this line"),
    ast.AnnAssign: ("an annotation", "write name = value"),
    ast.While: ("a while loop", "write for i in range(10), with literal bounds"),
    ast.Slice: ("a slice", "take one element at a time"),
    ast.Is: ("'is'", "compare with =="),
    ast.IsNot: ("'is not'", "compare with !="),
    ast.BitAnd: ("'&'", "write and"),
    ast.BitOr: ("'|'", "write or"),
    ast.BitXor: ("'^'", "write ** for powers"),
    ast.Invert: ("'~'", "write not"),
    ast.NamedExpr: ("':='", "assign on a line of its own"),
    ast.Expr: ("an expression that is not used", "assign it to a name or return it"),
    ast.JoinedStr: ("an f-string", ""),
    ast.ListComp: ("a comprehension", "write a for loop"),
    ast.GeneratorExp: ("a comprehension", "write a for loop"),
    ast.Dict: ("a dict", "return one number, the sum of all terms"),
    ast.Tuple: ("a tuple", "return one number; assign one name at a time"),
    ast.List: ("a list", "use a name for each value"),
}
"""Common parts of Python that are not part of the language: what to call them, and advice."""


def parse(source: Source, entry: str) -> ast.FunctionDef:
    """Return the tree of a program, which holds only nodes of the language.

    Args:
        source: Text of one function definition.
        entry: Name that the function must have, a key of ``PARAMETERS``.

    Returns:
        The function, without its docstring.

    Raises:
        UnsafeRewardCodeError: If the text is something else; says where and why.
    """
    _check_text(source)
    module = _parsed(source)
    _check_size(module, source)
    function = _only_function(module, source, entry)
    _check_nodes(function, source, lists=entry in OUTPUTS)
    return function


def features_of(function: ast.FunctionDef) -> tuple[str, ...]:
    """Return the features that a parsed program names, without ``prev_``, in order of first use.

    They need not exist: no feature table is asked.
    """
    keys = [
        node.slice.value
        for node in ast.walk(function)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
    ]
    names = [key.removeprefix("prev_") for key in keys if isinstance(key, str)]
    return tuple(dict.fromkeys(names))


def identity_of(function: ast.FunctionDef) -> str:
    """Return the sha256 of a parsed program; comments, format and docstring do not change it."""
    return hashlib.sha256(json.dumps(_plain(function)).encode()).hexdigest()


_IGNORED = ("ctx", "kind", "type_comment", "type_params")


def _plain(part: Any) -> Any:
    """Return a tree as lists and strings that are the same in every version of Python."""
    if isinstance(part, ast.AST):
        fields = (value for name, value in ast.iter_fields(part) if name not in _IGNORED)
        return [type(part).__name__, *map(_plain, fields)]
    if isinstance(part, list):
        return list(map(_plain, part))
    if isinstance(part, (int, float)) and not isinstance(part, bool):
        part = float(part)  # 1 and 1.0 mean the same
    return repr(part)


def _check_text(source: Source) -> None:
    depth = 0
    for line, text in enumerate(source.lines, 1):
        for column, character in enumerate(text, 1):
            if not (" " <= character <= "~" or character == "\t"):
                message = f"the character {character!a} is not plain ASCII"
                hint = "write plain ASCII, also in comments"
                raise source.refusal("character", message, hint, (line, column))
            depth = max(0, depth + (character in "([{") - (character in ")]}"))
            if depth > MAX_DEPTH:
                message = f"brackets nest deeper than {MAX_DEPTH}"
                raise source.refusal("depth", message, "give parts a name", (line, column))


def _parsed(source: Source) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about things that are refused later
            return ast.parse(source.text)
    except SyntaxError as error:
        at = (max(error.lineno or 1, 1), max(error.offset or 1, 1))
        raise source.refusal("syntax", f"this is not Python: {error.msg}", at=at) from None
    except (RecursionError, MemoryError):
        message = "the program nests too deep to be read"
        raise source.refusal("depth", message, "give parts a name", (1, 1)) from None
    except ValueError as error:
        raise source.refusal("syntax", f"this is not Python: {error}", at=(1, 1)) from None


def _check_size(module: ast.Module, source: Source) -> None:
    """Measure a tree with a stack of our own: it may be too deep for Python's."""
    count = 0
    stack: list[tuple[ast.AST, int]] = [(node, 1) for node in reversed(module.body)]
    while stack:
        node, depth = stack.pop()
        count += isinstance(node, (ast.stmt, ast.expr))
        if depth > MAX_DEPTH and hasattr(node, "lineno"):
            message = f"the program nests deeper than {MAX_DEPTH}"
            raise source.refusal("depth", message, "give parts a name", node)
        stack += [(child, depth + 1) for child in reversed(list(ast.iter_child_nodes(node)))]
    if count > MAX_NODES:
        message = f"the program has {count} statements and expressions, more than {MAX_NODES}"
        raise source.refusal("size", message, "shorten it", module.body[0])


def _only_function(module: ast.Module, source: Source, entry: str) -> ast.FunctionDef:
    """Return the one function there must be, with the right signature."""
    hint = f"write one function, def {entry}({', '.join(PARAMETERS[entry])}):"
    if not module.body:
        raise source.refusal("signature", "there is no program", hint, (1, 1))
    function, *others = module.body
    if isinstance(function, (ast.Import, ast.ImportFrom)):
        raise _not_allowed(function, source)
    if not isinstance(function, ast.FunctionDef):
        message = "something else stands where the function should"
        raise source.refusal("signature", message, hint, function)
    if others:
        raise source.refusal("signature", "something follows the function", hint, others[0])
    if function.decorator_list:
        message = "the function must not be decorated"
        raise source.refusal("signature", message, hint, function.decorator_list[0])
    generic = getattr(function, "type_params", [])
    same = ast.dump(function.args) in map(_dumped, _signatures(entry))
    if function.name != entry or not same or function.returns or generic:
        message = f"the signature is not {entry}({', '.join(PARAMETERS[entry])})"
        raise source.refusal("signature", message, hint, function)
    if ast.get_docstring(function, clean=False) is not None:
        del function.body[0]
    if not function.body:
        raise source.refusal("return", "the function returns nothing", "return a number", function)
    return function


def _signatures(entry: str) -> list[tuple[str, ...]]:
    """Return the parameters that an entry point can have."""
    plain = PARAMETERS[entry]
    return [plain] if entry == "potential" else [plain, (*plain, MEMORY)]


def _dumped(parameters: tuple[str, ...]) -> str:
    plain = ast.parse(f"def _({', '.join(parameters)}): return").body[0]
    return ast.dump(plain.args)  # type: ignore[attr-defined]


def _check_nodes(function: ast.FunctionDef, source: Source, *, lists: bool) -> None:
    """Refuse the first node, from left to right, that is no part of the language.

    Args:
        function: What to walk through.
        source: Its text.
        lists: Whether a list may be returned.
    """
    at: ast.AST = function
    stack: list[ast.AST] = [*reversed(function.body)]
    while stack:
        node = stack.pop()
        at = node if hasattr(node, "lineno") else at
        if not isinstance(node, ALLOWED):
            raise _not_allowed(node, source, at)
        match node:
            case ast.Return(ast.List(parts) | ast.Tuple(parts)) if lists:
                stack += reversed(parts)
            case _:
                stack += reversed(list(ast.iter_child_nodes(node)))


def _not_allowed(node: ast.AST, source: Source, at: ast.AST | None = None) -> UnsafeRewardCodeError:
    name, advice = _OTHERS.get(type(node), (f"'{type(node).__name__}'", ""))
    message = f"{name} is not part of the language"
    return source.refusal("forbidden", message, advice, at or node)
