"""The best way to search a grid for a goal that pays per step: the Bayes optimum of MetaNav.

Until a step is paid, an agent learns nothing but which cells are not the goal. What it does until
then is therefore one fixed path through the grid, and what it does from then on is known: stay, and
go straight to the goal in later rounds. The best path comes from dynamic programming over (visited
cells, position), with branches cut that cannot beat a path already found.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from operant.types import Bool, Int

MAX_SIDE = 5
"""Above this the sets of visited cells are too many."""
BEAM = 1000
"""Partial paths that the first, inexact pass keeps."""


class _Search(NamedTuple):
    """Constants of a search over the cells 0 .. n - 1, starting in the corner cell 0.

    Attributes:
        neighbours: (n, 4) neighbouring cells; corners and edges repeat some.
        per_round: (n,) what the cell pays in a round if it is the goal, that being known.
        round_steps: Steps of a round.
    """

    neighbours: Int
    per_round: Int
    round_steps: int


@functools.cache
def bayes_optimal_return(side: int, rounds: int, round_steps: int) -> float:
    """Return the best expected return of an agent that must find the goal.

    Args:
        side: Cells along each side, in [2, 5].
        rounds: Rounds of a trial.
        round_steps: Steps of a round.

    Raises:
        ValueError: If the side is outside its range.
    """
    if not 2 <= side <= MAX_SIDE:
        raise ValueError(f"side must lie in [2, {MAX_SIDE}], got {side}")
    y, x = np.divmod(np.arange(side * side), side)
    nearby = [
        np.clip(y + down, 0, side - 1) * side + np.clip(x + right, 0, side - 1)
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1))
    ]
    per_round = np.maximum(0, round_steps - (x + y) + 1)
    search = _Search(np.stack(nearby, axis=1), per_round, round_steps)
    found = _best_path(search, rounds, reached=None)
    return _best_path(search, rounds, reached=found) / (side * side - 1)


def _best_path(search: _Search, rounds: int, reached: int | None) -> int:
    """Return the largest sum over all goals of what a path earns.

    Args:
        search: Constants.
        rounds: Rounds of a trial.
        reached: What some path earns, to give the exact maximum; None for a pass that keeps only
            the most promising partial paths, which gives what some path earns.
    """
    cells = len(search.neighbours)
    visited, worth = np.ones(1, np.int64), np.zeros(1, np.int64)
    for later in reversed(range(rounds)):
        keys = visited * cells
        for left in range(search.round_steps, 0, -1):
            bound = worth + _most_to_come(search, keys // cells, later, left)
            kept = np.argsort(-bound)[:BEAM] if reached is None else bound >= reached
            keys, worth = _step(search, keys[kept], worth[kept], left + later * search.per_round)
        visited, worth = _best_of_each(keys // cells, worth)
    return int(worth.max())


def _most_to_come(search: _Search, visited: Int, later: int, left: int) -> Int:
    """Return a bound on what unvisited cells can still earn.

    At best this round's steps find one new cell each; a cell that a later round finds earns no more
    in that round than ``per_round``.
    """
    unseen: Bool = (visited[:, None] >> np.arange(len(search.per_round))) & 1 == 0
    at_once = np.minimum(unseen.sum(axis=1), left)
    most: Int = later * (unseen @ search.per_round) + at_once * left - at_once * (at_once - 1) // 2
    return most


def _step(search: _Search, keys: Int, worth: Int, found: Int) -> tuple[Int, Int]:
    """Extend every partial path by every move.

    Args:
        search: Constants.
        keys: (K,) visited cells as bits, times the number of cells, plus the position.
        worth: (K,) what the paths earn, over all goals.
        found: (n,) what a cell earns if it is the goal and this step finds it.
    """
    visited, place = np.divmod(keys, len(search.neighbours))
    to = search.neighbours[place]
    fresh = (visited[:, None] >> to) & 1 == 0
    extended = (visited[:, None] | (np.int64(1) << to)) * len(search.neighbours) + to
    return _best_of_each(extended.ravel(), (worth[:, None] + fresh * found[to]).ravel())


def _best_of_each(keys: npt.NDArray[np.int64], worth: Int) -> tuple[Int, Int]:
    """Return the distinct keys and the largest worth of each."""
    order = np.argsort(keys, kind="stable")
    keys, worth = keys[order], worth[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.maximum.reduceat(worth, first)
