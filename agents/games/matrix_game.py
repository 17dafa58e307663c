"""Games in which both players choose once and at the same time, from their table of payoffs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.games import TERMINAL, ExtensiveGame
from operant.types import Float


def matrix_game(first: npt.ArrayLike, second: npt.ArrayLike | None = None) -> ExtensiveGame:
    """Return the tree of a game given by payoffs; the second player does not see the first's move.

    Args:
        first: (A, B) what player 0 gets if it does a and player 1 does b.
        second: (A, B) what player 1 gets; None for a zero-sum game.

    Raises:
        ValueError: If the tables are not matrices of one shape with finite entries.
    """
    payoff = np.asarray(first, np.float64)
    other = -payoff if second is None else np.asarray(second, np.float64)
    for name, table in (("first", payoff), ("second", other)):
        if payoff.ndim != 2 or payoff.size == 0 or table.shape != payoff.shape:
            raise ValueError(
                f"{name} must be a matrix of the shape (A, B) of both, got {table.shape}"
            )
        if not np.isfinite(table).all():
            raise ValueError(f"{name} must hold finite payoffs, got {table.tolist()}")
    rows, columns = payoff.shape
    leaves = rows * columns
    return ExtensiveGame(
        players=2,
        parent=np.r_[-1, np.zeros(rows, np.int64), 1 + np.repeat(np.arange(rows), columns)],
        move=np.r_[0, np.arange(rows), np.tile(np.arange(columns), rows)],
        player=np.r_[0, np.ones(rows, np.int64), np.full(leaves, TERMINAL)],
        chance=np.ones(1 + rows + leaves),
        infoset=np.r_[0, np.ones(rows, np.int64), np.full(leaves, -1)],
        utility=np.r_[np.zeros((1 + rows, 2)), np.stack([payoff.ravel(), other.ravel()], 1)],
        actions=(tuple(range(rows)), tuple(range(columns))),
        names=("first", "second"),
        obs=np.eye(2, dtype=np.float32),
    )


def multiplicative_weights(
    preference: npt.ArrayLike, start: npt.ArrayLike, *, rate: float = 0.1, rounds: int = 20_000
) -> Float:
    """Return the average policy of multiplicative weights that play against themselves, (A,).

    In each round ``p(a)`` is multiplied by ``exp(rate * (M p)(a))`` and normalised. The last policy
    may cycle for ever; the average approaches the minimax winner of a preference matrix.

    >>> condorcet = [[0.5, 0.7, 0.8], [0.3, 0.5, 0.6], [0.2, 0.4, 0.5]]
    >>> multiplicative_weights(condorcet, [0.1, 0.3, 0.6]).round(2).tolist()
    [1.0, 0.0, 0.0]

    Args:
        preference: (A, A) how often a is preferred to b, or any payoffs of a symmetric game.
        start: (A,) first policy, > 0.
        rate: Step size, > 0.
        rounds: Rounds, >= 1; the start is the policy of the first.

    Raises:
        ValueError: If shapes, the start, the rate or the rounds do not fit.

    Source: A Minimaximalist Approach to Reinforcement Learning from Human Feedback (Swamy et al.,
    2024), section 3; Adaptive Game Playing Using Multiplicative Weights (Freund & Schapire, 1999).
    """
    table, policy = np.asarray(preference, np.float64), np.asarray(start, np.float64)
    if table.ndim != 2 or table.shape != (policy.size, policy.size):
        raise ValueError(
            f"preference must be (A, A) for a start of (A,), got {table.shape} and {policy.shape}"
        )
    if not ((policy > 0).all() and abs(policy.sum() - 1) < 1e-9):
        raise ValueError(f"start must be probabilities > 0 that sum up to 1, got {policy.tolist()}")
    if not (rate > 0 and rounds >= 1):
        raise ValueError(f"rate must be > 0 and rounds >= 1, got {rate!r} and {rounds!r}")
    total = np.zeros_like(policy)
    for _ in range(rounds):
        total += policy
        policy = policy * np.exp(rate * (table @ policy))
        policy = policy / policy.sum()
    return total / rounds
