"""What a call of a program costs: counted, not timed, so that one text always costs the same."""

from __future__ import annotations

import ast


def operations(function: ast.AST) -> int:
    """Return how many statements and expressions a call evaluates at most.

    Args:
        function: The tree of a program that was accepted, whose loops have literal bounds.
    """
    turns = 1
    if isinstance(function, ast.For) and isinstance(function.iter, ast.Call):
        bounds = [ast.literal_eval(bound) for bound in function.iter.args]
        turns = bounds[-1] - (bounds[0] if len(bounds) > 1 else 0)
    own = isinstance(function, (ast.stmt, ast.expr))
    return own + turns * sum(map(operations, ast.iter_child_nodes(function)))
