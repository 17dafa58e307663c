"""What a program costs: counted, not timed, so that one text always gets the same answer."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from operant.reward_design.llm.verify.steps import PlayedEpisode

MANY = 5_000
"""Operations in a call, about a quarter of a millisecond in Python, from which on training is
slowed down."""
MOST = 100_000
"""Operations in a call beyond which a program is refused."""
AT_ONCE = 20_000_000
"""Operations that a dry run may take, besides those on honest episodes."""


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


def affordable(episodes: Sequence[PlayedEpisode], cost: int) -> tuple[PlayedEpisode, ...]:
    """Return all honest episodes, and as many of the cheats, evenly, as may be run.

    Args:
        episodes: All that there are.
        cost: Operations of one call.
    """
    honest = [e for e in episodes if e.policy in ("random", "solution")]
    cheats = [e for e in episodes if e.policy not in ("random", "solution")]
    every = -(-cost * _steps(cheats) // AT_ONCE)
    return (*honest, *cheats[:: max(1, every)])


def _steps(episodes: Iterable[PlayedEpisode]) -> int:
    return sum(len(episode.rows) for episode in episodes)
